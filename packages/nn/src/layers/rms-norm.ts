import { ones, Parameter, rmsNorm, type DeviceLike, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import { Module } from "../module.ts";

export interface RMSNormOptions {
  /** Added to the mean square; by default the smallest step of float32 from 1. */
  readonly eps?: number | undefined;
  /** Whether there is a weight to learn. */
  readonly elementwiseAffine?: boolean | undefined;
  readonly device?: DeviceLike | undefined;
}

/**
 * Every vector over the last dims divided by its root mean square, then scaled: `y = x / √(mean x² + eps) · weight`. The weight
 * starts as ones.
 *
 * Shape: x `[…, ...normalizedShape]` → same. See {@link https://arxiv.org/abs/1910.07467 Zhang and Sennrich 2019} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.RMSNorm.html torch.nn.RMSNorm}.
 *
 * @throws ShapeError when x does not end in `normalizedShape`.
 * @example
 * new RMSNorm(128, { eps: 1e-6 }).forward(ones([2, 128]));
 */
export class RMSNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Parameter | null; // normalizedShape

  constructor(
    normalizedShape: number | readonly number[],
    { eps = 2 ** -23, elementwiseAffine = true, device }: RMSNormOptions = {},
  ) {
    super();
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : [...normalizedShape];
    this.eps = eps;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape, { device })) : null;
  }

  forward(x: Tensor): Tensor {
    const { weight, eps } = this;
    return rmsNorm(x, this.normalizedShape, { weight, eps });
  }

  /** A weight of a norm is a scale around one: pulled to zero, it would silence the layer. */
  override get decays(): boolean {
    return false;
  }

  override extraRepr(): string {
    return `${showShape(this.normalizedShape)}, eps=${this.eps}, elementwiseAffine=${this.weight !== null}`;
  }
}
