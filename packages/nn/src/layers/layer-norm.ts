import { addLayerNorm, layerNorm, ones, Parameter, zeros, type DeviceLike, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import { Module } from "../module.ts";

export interface LayerNormOptions {
  /** Added to the variance. */
  readonly eps?: number | undefined;
  /** Whether there are a weight and a bias to learn. */
  readonly elementwiseAffine?: boolean | undefined;
  /** Whether there is a bias beside the weight. */
  readonly bias?: boolean | undefined;
  readonly device?: DeviceLike | undefined;
}

/**
 * Every vector over the last dims brought to mean 0 and variance 1, then scaled and shifted:
 * `y = (x − x̄) / √(var + eps) · weight + bias`. The weight starts as ones, the bias as zeros.
 *
 * Given a residual too, it normalises `x + residual`, in the same pass.
 *
 * Shape: x and residual `[…, ...normalizedShape]` → same. See {@link https://arxiv.org/abs/1607.06450 Ba, Kiros and Hinton 2016} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html torch.nn.LayerNorm}.
 *
 * @throws ShapeError when x does not end in `normalizedShape`, or the residual has another shape.
 * @example
 * new LayerNorm(128, { eps: 1e-12 }).forward(ones([2, 128]));
 */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Parameter | null; // normalizedShape
  bias: Parameter | null; // normalizedShape

  constructor(
    normalizedShape: number | readonly number[],
    { eps = 1e-5, elementwiseAffine = true, bias = true, device }: LayerNormOptions = {},
  ) {
    super();
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : [...normalizedShape];
    this.eps = eps;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape, { device })) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(this.normalizedShape, { device })) : null;
  }

  forward(x: Tensor, residual: Tensor | null = null): Tensor {
    const { weight, bias, eps } = this;
    const options = { weight, bias, eps };
    return residual
      ? addLayerNorm(x, residual, this.normalizedShape, options)
      : layerNorm(x, this.normalizedShape, options);
  }

  /** A weight of a norm is a scale around one: pulled to zero, it would silence the layer. */
  override get decays(): boolean {
    return false;
  }

  override extraRepr(): string {
    return `${showShape(this.normalizedShape)}, eps=${this.eps}, elementwiseAffine=${this.weight !== null}`;
  }
}
