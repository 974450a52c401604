import { resolveDevice, type Backend } from "../../backend.ts";
import type { CreateOptions } from "../../create.ts";
import { ArgumentError, DTypeError } from "../../error.ts";
import { defaultGenerator, drawFrom, type Generator } from "../../generator.ts";
import { isInt32, MAX_INT32, MIN_INT32 } from "../../host-data.ts";
import { defineOp, run, type Scalar } from "../../op.ts";
import { namedScope } from "../../named-scope.ts";
import { checkShape, type Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { add, cast, floor, lt, mul } from "../elementwise/elementwise.ts";
import { dropoutCpu, normalCpu, uniformCpu } from "./random.cpu.ts";
import { dropoutReference, normalReference, uniformReference } from "./random.reference.ts";
import { dropoutWgsl, normalWgsl, uniformWgsl } from "./random.wgsl.ts";

/** Which draw of which seed (in 32-bit halves): with it an op makes the same numbers again. */
export interface DrawScalars {
  readonly [name: string]: Scalar;
  readonly seedLow: Scalar;
  readonly seedHigh: Scalar;
  readonly counter: Scalar;
}

type Filling = { inputs: []; outputs: [y: Tensor]; attrs: { device: Backend; shape: Shape }; scalars: DrawScalars };

export const uniformOp = defineOp<Filling>({
  name: "rand",
  family: "random",
  infer: (_, { shape }) => [{ shape, dtype: "float32" }],
  kernels: { reference: uniformReference, cpu: uniformCpu, webgpu: uniformWgsl },
});

export const normalOp = defineOp<Filling>({
  name: "randn",
  family: "random",
  infer: (_, { shape }) => [{ shape, dtype: "float32" }],
  kernels: { reference: normalReference, cpu: normalCpu, webgpu: normalWgsl },
});

export const dropoutOp = defineOp<{
  inputs: [x: Tensor];
  outputs: [y: Tensor];
  attrs: { p: number };
  scalars: DrawScalars;
}>({
  name: "dropout",
  family: "random",
  infer: ([x]) => {
    if (x.dtype !== "float32") throw new DTypeError(`dropout: expected float32, got ${x.dtype}`);
    return [{ shape: x.shape, dtype: "float32" }];
  },
  kernels: { reference: dropoutReference, cpu: dropoutCpu, webgpu: dropoutWgsl },
});

/** Where random tensors are made, and from which stream. */
export interface RandomOptions extends Omit<CreateOptions, "dtype"> {
  generator?: Generator | undefined;
}

const fill = (
  op: typeof uniformOp,
  name: string,
  shape: Shape,
  { device, generator = defaultGenerator }: RandomOptions,
): Tensor => {
  checkShape(name, shape);
  return run(op, [], { device: resolveDevice(device), shape }, drawFrom(name, generator))[0];
};

/**
 * Uniform numbers in [0, 1), with 24 random bits: the same bits on every device.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.rand.html torch.rand}
 *
 * @example
 * rand([2, 3], { generator: new Generator(1) });
 */
export const rand = (shape: Shape, options: RandomOptions = {}): Tensor => fill(uniformOp, "rand", shape, options);

/**
 * Standard normal numbers (Box–Muller): within 2e-6 of each other on all devices.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.randn.html torch.randn}
 */
export const randn = (shape: Shape, options: RandomOptions = {}): Tensor => fill(normalOp, "randn", shape, options);

/** Whole numbers in [low, high), as int32; the range may have up to 2²⁴ numbers. {@link https://docs.pytorch.org/docs/stable/generated/torch.randint.html torch.randint} */
export const randint = (low: number, high: number, shape: Shape, options: RandomOptions = {}): Tensor => {
  if (!Number.isInteger(low) || !Number.isInteger(high) || high <= low || high - low > 2 ** 24)
    throw new ArgumentError(`randint: a range of 1 to 2^24 whole numbers expected, got [${low}, ${high})`);
  if (!isInt32(low) || !isInt32(high - 1))
    throw new ArgumentError(`randint: numbers from ${MIN_INT32} to ${MAX_INT32} expected, got [${low}, ${high})`);
  checkShape("randint", shape);
  return namedScope("randint", () => add(cast(floor(mul(rand(shape, options), high - low)), "int32"), low));
};

/** True with probability p. {@link https://docs.pytorch.org/docs/stable/generated/torch.bernoulli.html torch.bernoulli} */
export const bernoulli = (p: number, shape: Shape, options: RandomOptions = {}): Tensor => {
  checkProbability("bernoulli", p);
  checkShape("bernoulli", shape);
  return namedScope("bernoulli", () => lt(rand(shape, options), p));
};

/** How dropout draws; it does nothing unless `training`. */
export interface DropoutOptions {
  p?: number | undefined;
  training?: boolean | undefined;
  generator?: Generator | undefined;
}

/**
 * Zeroes each element with probability p and scales the others by 1/(1 − p). The mask is not kept: the gradient draws it again.
 *
 * Shape: any → same. See {@link https://jmlr.org/papers/v15/srivastava14a.html Srivastava et al. 2014} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html torch's page}.
 *
 * @throws ArgumentError unless p is in [0, 1].
 */
export const dropout = (
  x: Tensor,
  { p = 0.5, training = true, generator = defaultGenerator }: DropoutOptions = {},
): Tensor => {
  checkProbability("dropout", p);
  if (!training || p === 0) return x;
  if (p === 1) return mul(x, 0);
  return run(dropoutOp, [x], { p }, drawFrom("dropout", generator))[0];
};

const checkProbability = (op: string, p: number): void => {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`${op}: a probability is between 0 and 1, got ${p}`);
};
