import { crossEntropy, type Tensor } from "@tessera/tensor";
import { Module } from "../module.ts";
import type { Reduction } from "./reduction.ts";

export interface CrossEntropyLossOptions {
  /** Targets of this value do not count, in the loss or in its mean; −100 by default. */
  readonly ignoreIndex?: number | undefined;
  /** How much of the target is spread evenly over all classes, from 0 to 1; 0 by default. */
  readonly labelSmoothing?: number | undefined;
  readonly reduction?: Reduction | undefined;
}

/**
 * `crossEntropy` of logits and class numbers, as a module.
 *
 * Shape: logits `[n, classes]`, target int32 `[n]` → [].
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html torch.nn.CrossEntropyLoss}
 *
 * @example
 * const loss = new CrossEntropyLoss({ labelSmoothing: 0.1 });
 * loss.forward(zeros([2, 3]), tensor(new Int32Array([0, 2]))); // ln 3
 */
export class CrossEntropyLoss extends Module {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  readonly reduction: Reduction;

  constructor({ ignoreIndex = -100, labelSmoothing = 0, reduction = "mean" }: CrossEntropyLossOptions = {}) {
    super();
    this.ignoreIndex = ignoreIndex;
    this.labelSmoothing = labelSmoothing;
    this.reduction = reduction;
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    const { ignoreIndex, labelSmoothing, reduction } = this;
    return crossEntropy(logits, target, { ignoreIndex, labelSmoothing, reduction });
  }

  override extraRepr(): string {
    return `ignoreIndex=${this.ignoreIndex}, labelSmoothing=${this.labelSmoothing}, reduction="${this.reduction}"`;
  }
}
