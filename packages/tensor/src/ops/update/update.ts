import { DTypeError, ShapeError } from "../../error.ts";
import { defineOp, run, type Scalar } from "../../op.ts";
import { sameShape, showShape, type TensorSpec } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { adamCpu, globalNormCpu, sgdCpu } from "./update.cpu.ts";
import { globalNormWgsl } from "./global-norm.wgsl.ts";
import { adamReference, globalNormReference, sgdReference } from "./update.reference.ts";
import { adamWgsl, sgdWgsl } from "./update.wgsl.ts";

/** The constants of Adam; `decoupled` makes it AdamW. */
export interface AdamAttrs {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  readonly decoupled: boolean;
}

/** The constants of SGD. */
export interface SgdAttrs {
  readonly momentum: number;
  readonly dampening: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
}

/** Inputs: (parameter, gradient, m, v) for each parameter, then the count of steps (int32) and the gradient's coefficient. */
export interface AdamSignature {
  inputs: Tensor[];
  outputs: [];
  attrs: AdamAttrs;
  scalars: { lr: Scalar };
}
/** Inputs: (parameter, gradient, buffer) for each parameter, without the buffer when there is no momentum; then as Adam's. */
export interface SgdSignature {
  inputs: Tensor[];
  outputs: [];
  attrs: SgdAttrs;
  scalars: { lr: Scalar };
}

const checkState = (op: string, inputs: readonly TensorSpec[], each: number): void => {
  for (let at = 0; at + each < inputs.length; at += each) {
    const [first, ...others] = inputs.slice(at, at + each) as [TensorSpec, ...TensorSpec[]];
    for (const other of others)
      if (!sameShape(first.shape, other.shape))
        throw new ShapeError(
          `${op}: parameter ${at / each} is ${showShape(first.shape)}, its gradient or state ${showShape(other.shape)}; they have one shape`,
        );
    for (const { dtype } of [first, ...others])
      if (dtype !== "float32") throw new DTypeError(`${op}: expected float32, got ${dtype}`);
  }
  const [count, scale] = inputs.slice(-2);
  if (count?.dtype !== "int32" || scale?.dtype !== "float32")
    throw new DTypeError(
      `${op}: the count of steps is int32 and the coefficient float32, got ${count?.dtype} and ${scale?.dtype}`,
    );
};

export const adamOp = defineOp<AdamSignature>({
  name: "adam",
  family: "optimiser",
  infer: (inputs) => {
    checkState("adam", inputs, 4);
    return [];
  },
  // All but the gradients and, last, the coefficient: 4n + 2 inputs.
  mutates: (i) => i % 4 !== 1,
  kernels: { reference: adamReference, cpu: adamCpu, webgpu: adamWgsl },
});

const sgd = (name: string, each: 2 | 3) =>
  defineOp<SgdSignature>({
    name,
    family: "optimiser",
    infer: (inputs) => {
      checkState(name, inputs, each);
      return [];
    },
    mutates: (i) => i % each !== 1,
    kernels: { reference: sgdReference, cpu: sgdCpu, webgpu: sgdWgsl },
  });
export const sgdOp = sgd("sgd", 2);
export const sgdMomentumOp = sgd("sgdMomentum", 3);

export const globalNormOp = defineOp<{ inputs: Tensor[]; outputs: [y: Tensor] }>({
  name: "globalNorm",
  family: "optimiser",
  infer: (inputs) => {
    for (const { dtype } of inputs)
      if (dtype !== "float32") throw new DTypeError(`globalNorm: expected float32, got ${dtype}`);
    return [{ shape: [], dtype: "float32" }];
  },
  kernels: { reference: globalNormReference, cpu: globalNormCpu, webgpu: globalNormWgsl },
});

/** What the optimiser steps share: how often they ran (int32, 0-d), what the gradients are multiplied by (float32, 0-d), and how fast. */
export interface StepState {
  readonly count: Tensor;
  readonly scale: Tensor;
  readonly lr: Scalar;
}

/**
 * One step of Adam, or of AdamW when `decoupled`, on many parameters in place. The count rises by one. A scale that is not finite
 * changes nothing, the count included.
 *
 * See {@link https://arxiv.org/abs/1412.6980 Kingma and Ba 2015}, {@link https://arxiv.org/abs/1711.05101 Loshchilov and Hutter 2019} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html torch.optim.AdamW}.
 *
 * @throws ShapeError when a gradient or moment has another shape than its parameter.
 */
export const adamStep = (
  parameters: readonly { readonly parameter: Tensor; readonly grad: Tensor; readonly m: Tensor; readonly v: Tensor }[],
  { count, scale, lr }: StepState,
  attrs: AdamAttrs,
): void => {
  run(adamOp, [...parameters.flatMap(({ parameter, grad, m, v }) => [parameter, grad, m, v]), count, scale], attrs, {
    lr,
  });
};

/**
 * One step of stochastic gradient descent on many parameters in place; with momentum each has a buffer. The count rises by one.
 * A scale that is not finite changes nothing.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html torch.optim.SGD}
 */
export const sgdStep = (
  parameters: readonly { readonly parameter: Tensor; readonly grad: Tensor; readonly buffer?: Tensor }[],
  { count, scale, lr }: StepState,
  attrs: SgdAttrs,
): void => {
  const op = attrs.momentum === 0 ? sgdOp : sgdMomentumOp;
  const state = parameters.flatMap(({ parameter, grad, buffer }) =>
    buffer && attrs.momentum !== 0 ? [parameter, grad, buffer] : [parameter, grad],
  );
  run(op, [...state, count, scale], attrs, { lr });
};

/** The 2-norm of all elements of many tensors, √ΣΣx². Shape: any → []. */
export const globalNorm = (tensors: readonly Tensor[]): Tensor => run(globalNormOp, [...tensors])[0];
