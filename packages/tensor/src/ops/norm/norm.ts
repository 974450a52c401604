import { ArgumentError, DTypeError, ShapeError } from "../../error.ts";
import { defineOp, run } from "../../op.ts";
import { sameShape, showShape, type Shape, type TensorSpec } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { addLayerNormCpu, layerNormBackwardCpu, layerNormCpu, rmsNormBackwardCpu, rmsNormCpu } from "./norm.cpu.ts";
import { layerNormBackwardWgsl, rmsNormBackwardWgsl } from "./norm-backward.wgsl.ts";
import { addLayerNormWgsl, layerNormWgsl, rmsNormWgsl } from "./norm.wgsl.ts";
import {
  addLayerNormReference,
  layerNormBackwardReference,
  layerNormReference,
  rmsNormBackwardReference,
  rmsNormReference,
} from "./norm.reference.ts";

/** The last `dims` dims are normalised together: a row. `eps` is added to the variance, or to the mean square. */
export interface NormAttrs {
  readonly dims: number;
  readonly eps: number;
}
/** `shift` is the mean minus the row's first element, `rstd` is 1/√(variance + eps): only the backward reads them. */
export interface LayerNormSignature {
  inputs: [x: Tensor, weight: Tensor | null, bias: Tensor | null];
  outputs: [y: Tensor, shift: Tensor | null, rstd: Tensor | null];
  attrs: NormAttrs;
}
/** `sum` is x + residual: only the backward reads it. */
export interface AddLayerNormSignature {
  inputs: [x: Tensor, residual: Tensor, weight: Tensor | null, bias: Tensor | null];
  outputs: [y: Tensor, sum: Tensor | null, shift: Tensor | null, rstd: Tensor | null];
  attrs: NormAttrs;
}
export interface LayerNormBackwardSignature {
  inputs: [dy: Tensor, x: Tensor, weight: Tensor | null, shift: Tensor, rstd: Tensor];
  outputs: [dx: Tensor, dWeight: Tensor, dBias: Tensor];
  attrs: { dims: number };
}
export interface RmsNormSignature {
  inputs: [x: Tensor, weight: Tensor | null];
  outputs: [y: Tensor, rstd: Tensor | null];
  attrs: NormAttrs;
}
export interface RmsNormBackwardSignature {
  inputs: [dy: Tensor, x: Tensor, weight: Tensor | null, rstd: Tensor];
  outputs: [dx: Tensor, dWeight: Tensor];
  attrs: { dims: number };
}

/** The shape without the last `dims` dims, and those. */
const splitShape = (shape: Shape, dims: number): { rows: Shape; normalized: Shape } => {
  const at = shape.length - dims;
  return { rows: shape.slice(0, at), normalized: shape.slice(at) };
};

const checkInputs = (
  op: string,
  x: TensorSpec,
  dims: number,
  affine: { readonly [name: string]: TensorSpec | null },
): void => {
  const { normalized } = splitShape(x.shape, dims);
  for (const [name, input] of Object.entries({ x, ...affine })) {
    if (!input) continue;
    if (input.dtype !== "float32")
      throw new DTypeError(`${op}: expected float32, got ${input.dtype} for ${name}; cast(x, "float32") first?`);
    if (name !== "x" && !sameShape(input.shape, normalized))
      throw new ShapeError(
        `${op}: expected ${name} ${showShape(normalized)}, got ${showShape(input.shape)}; it has the normalised shape`,
      );
  }
};

const floats = (shape: Shape): TensorSpec => ({ shape, dtype: "float32" });

export const layerNormOp = defineOp<LayerNormSignature>({
  name: "layerNorm",
  family: "norms",
  infer: ([x, weight, bias], { dims }) => {
    checkInputs("layerNorm", x, dims, { weight, bias });
    const { rows } = splitShape(x.shape, dims);
    return [floats(x.shape), floats(rows), floats(rows)];
  },
  extras: 2,
  kernels: { reference: layerNormReference, cpu: layerNormCpu, webgpu: layerNormWgsl },
});

/** y = layerNorm(x + residual) in one pass: both addends have the gradient of the sum, which is that of `layerNormBackwardOp`. */
export const addLayerNormOp = defineOp<AddLayerNormSignature>({
  name: "addLayerNorm",
  family: "norms",
  infer: ([x, residual, weight, bias], { dims }) => {
    checkInputs("addLayerNorm", x, dims, { weight, bias });
    if (!sameShape(residual.shape, x.shape) || residual.dtype !== x.dtype)
      throw new ShapeError(
        `addLayerNorm: expected a residual like x, ${x.dtype} ${showShape(x.shape)}, got ${residual.dtype} ${showShape(residual.shape)}; expand or cast it`,
      );
    const { rows } = splitShape(x.shape, dims);
    return [floats(x.shape), floats(x.shape), floats(rows), floats(rows)];
  },
  extras: 3,
  kernels: { reference: addLayerNormReference, cpu: addLayerNormCpu, webgpu: addLayerNormWgsl },
});

/** All three gradients in one pass over dy and x. Without a weight or a bias, its gradient is made and not used. */
export const layerNormBackwardOp = defineOp<LayerNormBackwardSignature>({
  name: "layerNormBackward",
  family: "norms",
  infer: ([, x], { dims }) => {
    const { normalized } = splitShape(x.shape, dims);
    return [floats(x.shape), floats(normalized), floats(normalized)];
  },
  kernels: { reference: layerNormBackwardReference, cpu: layerNormBackwardCpu, webgpu: layerNormBackwardWgsl },
});

export const rmsNormOp = defineOp<RmsNormSignature>({
  name: "rmsNorm",
  family: "norms",
  infer: ([x, weight], { dims }) => {
    checkInputs("rmsNorm", x, dims, { weight });
    return [floats(x.shape), floats(splitShape(x.shape, dims).rows)];
  },
  extras: 1,
  kernels: { reference: rmsNormReference, cpu: rmsNormCpu, webgpu: rmsNormWgsl },
});

export const rmsNormBackwardOp = defineOp<RmsNormBackwardSignature>({
  name: "rmsNormBackward",
  family: "norms",
  infer: ([, x], { dims }) => [floats(x.shape), floats(splitShape(x.shape, dims).normalized)],
  kernels: { reference: rmsNormBackwardReference, cpu: rmsNormBackwardCpu, webgpu: rmsNormBackwardWgsl },
});

const attrsOf = (op: string, x: Tensor, normalizedShape: Shape, eps: number): NormAttrs => {
  const dims = normalizedShape.length;
  if (dims === 0 || dims > x.ndim || !sameShape(x.shape.slice(x.ndim - dims), normalizedShape))
    throw new ShapeError(
      `${op}: expected x to end in the normalised shape ${showShape(normalizedShape)}, got ${showShape(x.shape)}; normalise its last dims`,
    );
  if (!(eps >= 0)) throw new ArgumentError(`${op}: eps is a number from 0 up, got ${eps}`);
  return { dims, eps };
};

/** Scale, shift and the number that keeps a constant row from dividing by 0. */
export interface LayerNormOptions {
  weight?: Tensor | null | undefined;
  bias?: Tensor | null | undefined;
  eps?: number | undefined;
}

/**
 * Each row brought to mean 0 and variance 1, then scaled and shifted: `y = (x − μ) / √(σ² + eps) · weight + bias`, where μ and
 * σ² = mean (x − μ)² are taken over the last dims, those of `normalizedShape`.
 *
 * Shape: `[…, ...normalizedShape]` → same; weight and bias `normalizedShape`. float32 only. See
 * {@link https://arxiv.org/abs/1607.06450 Ba et al. 2016} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html torch's page}.
 *
 * @throws ShapeError when x does not end in the normalised shape, or weight or bias do not have it.
 * @example
 * await layerNorm(tensor([[1, 3]]), [2]).data(); // [-1, 1]
 */
export const layerNorm = (
  x: Tensor,
  normalizedShape: Shape,
  { weight = null, bias = null, eps = 1e-5 }: LayerNormOptions = {},
): Tensor => run(layerNormOp, [x, weight, bias], attrsOf("layerNorm", x, normalizedShape, eps))[0];

/**
 * The layer norm of a sum, in one pass: `y = layerNorm(x + residual)`. What a residual connection followed by a norm computes.
 *
 * Shape: x and residual `[…, ...normalizedShape]` → same; weight and bias `normalizedShape`. float32 only. See
 * {@link https://arxiv.org/abs/1706.03762 Vaswani et al. 2017}, 5.4, and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html torch's page}.
 *
 * @throws ShapeError when x does not end in the normalised shape, weight or bias do not have it, or x and residual differ.
 * @example
 * await addLayerNorm(tensor([[1, 0]]), tensor([[0, 3]]), [2]).data(); // [-1, 1]
 */
export const addLayerNorm = (
  x: Tensor,
  residual: Tensor,
  normalizedShape: Shape,
  { weight = null, bias = null, eps = 1e-5 }: LayerNormOptions = {},
): Tensor => run(addLayerNormOp, [x, residual, weight, bias], attrsOf("addLayerNorm", x, normalizedShape, eps))[0];

/** Scale, and the number that keeps a row of zeros from dividing by 0; by default the smallest step of float32 from 1. */
export interface RmsNormOptions {
  weight?: Tensor | null | undefined;
  eps?: number | undefined;
}

/**
 * Each row divided by its root mean square, then scaled: `y = x / √(mean x² + eps) · weight`, over the last dims, those of
 * `normalizedShape`.
 *
 * Shape: `[…, ...normalizedShape]` → same; weight `normalizedShape`. float32 only. See
 * {@link https://arxiv.org/abs/1910.07467 Zhang and Sennrich 2019} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.rms_norm.html torch's page}.
 *
 * @throws ShapeError when x does not end in the normalised shape, or weight does not have it.
 * @example
 * await rmsNorm(tensor([[3, 3]]), [2]).data(); // [1, 1]
 */
export const rmsNorm = (
  x: Tensor,
  normalizedShape: Shape,
  { weight = null, eps = 2 ** -23 }: RmsNormOptions = {},
): Tensor => run(rmsNormOp, [x, weight], attrsOf("rmsNorm", x, normalizedShape, eps))[0];
