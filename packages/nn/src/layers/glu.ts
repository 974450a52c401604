import { mul, narrow, ShapeError, sigmoid, silu, type RandomOptions, type Tensor } from "@tessera/tensor";
import { normalizeDim, showShape } from "@tessera/tensor/extend";
import { Module } from "../module.ts";
import { Linear } from "./linear.ts";
import type { TensorModule } from "./sequential.ts";

/**
 * The gated linear unit: `a · sigmoid(b)` for the halves a and b of the input along a dim.
 *
 * Shape: `[…, 2n, …]` → `[…, n, …]`. See {@link https://arxiv.org/abs/1612.08083 Dauphin et al. 2016} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.GLU.html torch.nn.GLU}.
 *
 * @throws ShapeError when the dim's size is odd.
 * @example
 * new GLU().forward(ones([2, 8])).shape; // [2, 4]
 */
export class GLU extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }

  forward(x: Tensor): Tensor {
    const dim = normalizeDim("GLU", this.dim, x.shape);
    const half = x.size(dim) / 2;
    if (!Number.isInteger(half))
      throw new ShapeError(`GLU: expected an even size at dim ${this.dim}, got ${showShape(x.shape)}; pad it`);
    return mul(narrow(x, dim, 0, half), sigmoid(narrow(x, dim, half, half)));
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

export interface SwiGLUOptions extends RandomOptions {
  /** Whether the three layers have a bias; none by default. */
  readonly bias?: boolean | undefined;
  /** Size of the output; that of the input by default. */
  readonly outFeatures?: number | undefined;
}

/**
 * A feed-forward network with a gate, as Llama has it: `downProj(silu(gateProj(x)) · upProj(x))`.
 *
 * Shape: `[…, inFeatures]` → `[…, outFeatures]`. See {@link https://arxiv.org/abs/2002.05202 Shazeer 2020}.
 *
 * @example
 * new SwiGLU(64, 172).forward(ones([2, 10, 64])).shape; // [2, 10, 64]
 */
export class SwiGLU extends Module {
  readonly gateProj: TensorModule; // [hidden, in]
  readonly upProj: TensorModule; // [hidden, in]
  readonly downProj: TensorModule; // [out, hidden]

  constructor(
    inFeatures: number,
    hiddenFeatures: number,
    { outFeatures = inFeatures, bias = false, ...random }: SwiGLUOptions = {},
  ) {
    super();
    this.gateProj = new Linear(inFeatures, hiddenFeatures, { bias, ...random });
    this.upProj = new Linear(inFeatures, hiddenFeatures, { bias, ...random });
    this.downProj = new Linear(hiddenFeatures, outFeatures, { bias, ...random });
  }

  forward(x: Tensor): Tensor {
    return this.downProj.forward(mul(silu(this.gateProj.forward(x)), this.upProj.forward(x)));
  }
}
