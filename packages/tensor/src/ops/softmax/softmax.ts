import { DTypeError, ShapeError } from "../../error.ts";
import { defineOp, run, type Kernels } from "../../op.ts";
import { normalizeDim, sameShape, showShape, type TensorSpec } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { ALONG_DIM, readOptions, type DimOptions } from "../dim-options.ts";
import { logSoftmaxBackwardCpu, logSoftmaxCpu, softmaxBackwardCpu, softmaxCpu } from "./softmax.cpu.ts";
import { logSoftmaxBackwardWgsl, logSoftmaxWgsl, softmaxBackwardWgsl, softmaxWgsl } from "./softmax.wgsl.ts";
import {
  logSoftmaxBackwardReference,
  logSoftmaxReference,
  softmaxBackwardReference,
  softmaxReference,
} from "./softmax.reference.ts";

/** `dim` is counted from the front. */
export interface SoftmaxSignature {
  inputs: [x: Tensor];
  outputs: [y: Tensor];
  attrs: { dim: number };
}
export interface SoftmaxBackwardSignature {
  inputs: [dy: Tensor, y: Tensor];
  outputs: [dx: Tensor];
  attrs: { dim: number };
}

const checkFloat = (op: string, x: TensorSpec): void => {
  if (x.dtype !== "float32") throw new DTypeError(`${op}: expected float32, got ${x.dtype}; cast(x, "float32") first?`);
};

const forward = (name: string, kernels: Kernels<SoftmaxSignature>) =>
  defineOp<SoftmaxSignature>({
    name,
    family: "softmax and losses",
    infer: ([x]) => {
      checkFloat(name, x);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    kernels,
  });

const backward = (name: string, kernels: Kernels<SoftmaxBackwardSignature>) =>
  defineOp<SoftmaxBackwardSignature>({
    name,
    family: "softmax and losses",
    infer: ([dy, y]) => {
      for (const input of [dy, y]) checkFloat(name, input);
      if (!sameShape(dy.shape, y.shape))
        throw new ShapeError(
          `${name}: dy and y have one shape, got ${showShape(dy.shape)} and ${showShape(y.shape)}; expand dy`,
        );
      return [{ shape: y.shape, dtype: y.dtype }];
    },
    kernels,
  });

export const softmaxOp = forward("softmax", { reference: softmaxReference, cpu: softmaxCpu, webgpu: softmaxWgsl });
export const logSoftmaxOp = forward("logSoftmax", {
  reference: logSoftmaxReference,
  cpu: logSoftmaxCpu,
  webgpu: logSoftmaxWgsl,
});
export const softmaxBackwardOp = backward("softmaxBackward", {
  reference: softmaxBackwardReference,
  cpu: softmaxBackwardCpu,
  webgpu: softmaxBackwardWgsl,
});
export const logSoftmaxBackwardOp = backward("logSoftmaxBackward", {
  reference: logSoftmaxBackwardReference,
  cpu: logSoftmaxBackwardCpu,
  webgpu: logSoftmaxBackwardWgsl,
});

const along = (op: string, x: Tensor, given: number | DimOptions): number => {
  const { dim = -1 } = readOptions<DimOptions>(op, given, ALONG_DIM);
  return normalizeDim(op, dim, x.shape);
};

/**
 * The normalised exponential along a dim: `y_k = e^(x_k − max x) / Σ_j e^(x_j − max x)`. −∞ gets 0; nothing but −∞ gives NaN.
 *
 * Shape: any → same. float32 only. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html torch.softmax}
 *
 * @param dim the dim alone, or `{ dim }`; −1, the last one, unless said otherwise
 * @throws ShapeError when the dim is outside, DTypeError unless `x` is float32, ArgumentError when an option is unknown or no such thing.
 * @example
 * await softmax(tensor([0, Math.log(3)]), { dim: 0 }).data(); // [0.25, 0.75]
 */
export const softmax = (x: Tensor, dim: number | DimOptions = {}): Tensor =>
  run(softmaxOp, [x], { dim: along("softmax", x, dim) })[0];

/**
 * The logarithm of softmax along a dim: `y_k = x_k − max x − ln Σ_j e^(x_j − max x)`, without the loss of taking both in turn.
 *
 * Shape: any → same. float32 only. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html torch.log_softmax}
 *
 * @param dim the dim alone, or `{ dim }`; −1, the last one, unless said otherwise
 * @throws ShapeError when the dim is outside, DTypeError unless `x` is float32, ArgumentError when an option is unknown or no such thing.
 * @example
 * await logSoftmax(tensor([0, 0])).data(); // [-0.6931, -0.6931]
 */
export const logSoftmax = (x: Tensor, dim: number | DimOptions = {}): Tensor =>
  run(logSoftmaxOp, [x], { dim: along("logSoftmax", x, dim) })[0];

/** dx = y ⊙ (dy − Σ dy ⊙ y), for y = softmax x along `dim`. */
export const softmaxBackward = (dy: Tensor, y: Tensor, dim = -1): Tensor =>
  run(softmaxBackwardOp, [dy, y], { dim: normalizeDim("softmaxBackward", dim, y.shape) })[0];

/** dx = dy − e^y Σ dy, for y = logSoftmax x along `dim`. */
export const logSoftmaxBackward = (dy: Tensor, y: Tensor, dim = -1): Tensor =>
  run(logSoftmaxBackwardOp, [dy, y], { dim: normalizeDim("logSoftmaxBackward", dim, y.shape) })[0];
