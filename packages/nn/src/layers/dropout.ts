import { dropout, type Generator, type Tensor } from "@tessera/tensor";
import { Module } from "../module.ts";
import { checkProbability } from "./check-sizes.ts";

/**
 * In training, sets each element to 0 with probability p and multiplies the others by 1/(1 − p); otherwise gives back its input.
 *
 * Shape: any → same. See {@link https://jmlr.org/papers/v15/srivastava14a.html Srivastava et al. 2014} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html torch.nn.Dropout}.
 *
 * @example
 * new Dropout(0.1).eval().forward(x); // x
 */
export class Dropout extends Module {
  readonly p: number;
  readonly generator: Generator | null;

  constructor(p = 0.5, { generator }: { generator?: Generator | undefined } = {}) {
    super();
    checkProbability("Dropout", p);
    this.p = p;
    this.generator = generator ?? null;
  }

  forward(x: Tensor): Tensor {
    const { p, training } = this;
    return dropout(x, { p, training, generator: this.generator ?? undefined });
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}
