import { sgdStep, zeros, type Scalar, type Tensor } from "@tessera/tensor";

/**
 * Running means in place: each `x += rate · (factor · target − x)`, or nothing when the factor, 0-d, is not finite. A step of SGD with
 * rate `rate` and decay 1.
 */
export const follow = (
  means: readonly Tensor[],
  targets: readonly Tensor[],
  { rate, minusFactor }: { readonly rate: Scalar; readonly minusFactor: Tensor },
): void =>
  sgdStep(
    means.map((parameter, i) => ({ parameter, grad: targets[i]! })),
    { count: zeros([], { dtype: "int32", device: minusFactor.device }), scale: minusFactor, lr: rate },
    { momentum: 0, dampening: 0, weightDecay: 1, nesterov: false },
  );

/** In place, each `x −= step`, or nothing when the factor, 0-d, is not finite; it is 1 otherwise. */
export const subtract = (tensors: readonly Tensor[], steps: readonly Tensor[], oneOrNaN: Tensor): void =>
  sgdStep(
    tensors.map((parameter, i) => ({ parameter, grad: steps[i]! })),
    { count: zeros([], { dtype: "int32", device: oneOrNaN.device }), scale: oneOrNaN, lr: 1 },
    { momentum: 0, dampening: 0, weightDecay: 0, nesterov: false },
  );
