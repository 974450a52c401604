/** What users of tensors call. What authors of ops need besides is at `@tessera/tensor/extend`. */
import { registerDevice } from "./backend.ts";
import { CpuBackend } from "./backends/cpu/cpu-backend.ts";
import { ReferenceBackend } from "./backends/reference/reference-backend.ts";
import "./methods.ts";

/** WebAssembly SIMD; the default device. */
export const cpu: CpuBackend = new CpuBackend();
/** Plain TypeScript; the specification. */
export const reference: ReferenceBackend = new ReferenceBackend();
registerDevice(cpu);
registerDevice(reference);

/**
 * Runs `cpu` kernels on `count` threads from now on; at first it is as many as the machine runs at once. Results do not
 * depend on it, to the last bit.
 *
 * @throws ArgumentError unless `count` is a whole number from 1 to 256.
 */
export const setThreads = (count: number): void => cpu.setThreads(count);

// Tensors
export {
  arange,
  eye,
  full,
  ones,
  onesLike,
  tensor,
  zeros,
  zerosLike,
  type CreateOptions,
  type Nested,
} from "./create.ts";
export type { DType, TypedArray } from "./dtype.ts";
export type { HalfArray, HostArray } from "./host-data.ts";
export { Parameter } from "./parameter.ts";
export { numel, type Dims, type Shape } from "./shape.ts";
export { reportLeaks, Tensor } from "./tensor.ts";

// Devices
export { defaultDevice, openDevices, setDefaultDevice } from "./backend.ts";
export type { Backend, DeviceLike, KernelTime } from "./backend.ts";
export type { CpuBackend } from "./backends/cpu/cpu-backend.ts";
export type { Peak, PeakOptions } from "./backends/cpu/measure-peak.ts";
export type { ReferenceBackend } from "./backends/reference/reference-backend.ts";
export type { AdapterDescription, GpuDeviceLike, WebgpuOptions } from "./backends/webgpu/open-webgpu.ts";
export type { WebgpuBackend } from "./backends/webgpu/webgpu-backend.ts";
export { devices, openDevice, type DeviceDescription } from "./devices.ts";

// Memory, randomness, files, errors
export * from "./error.ts";
export { defaultGenerator, Generator, manualSeed, type GeneratorState } from "./generator.ts";
export { readSafetensors, writeSafetensors, type HostTensor, type SafetensorsFile } from "./io/safetensors.ts";
export { memory, resetPeakMemory, type DeviceMemory } from "./memory.ts";
export { dispose, keep, scope, tensorsIn } from "./scope.ts";

// Functions, family by family; their op values are in ops/*.
export { scaledDotProductAttention, type AttentionOptions } from "./ops/attention/attention.ts";
export * from "./ops/composed.ts";
export type { ArgmaxOptions, DimOptions, ReduceOptions } from "./ops/dim-options.ts";
export {
  add,
  div,
  eq,
  ge,
  gt,
  le,
  logicalAnd,
  logicalOr,
  lt,
  maskedFill,
  maximum,
  minimum,
  mul,
  ne,
  pow,
  sub,
  where,
} from "./ops/elementwise/binary.ts";
export {
  abs,
  cast,
  clamp,
  cos,
  erf,
  exp,
  floor,
  gelu,
  log,
  log1p,
  logicalNot,
  neg,
  reciprocal,
  relu,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  tanh,
  type GeluApproximation,
} from "./ops/elementwise/unary.ts";
export {
  embedding,
  gather,
  indexAdd,
  indexSelect,
  oneHot,
  scatterAdd,
  type EmbeddingOptions,
} from "./ops/index/index.ts";
export { crossEntropy, type CrossEntropyOptions } from "./ops/loss/loss.ts";
export { addmm, linear, matmul, type Activation } from "./ops/matmul/matmul.ts";
export {
  cat,
  chunk,
  clone,
  contiguous,
  expand,
  flatten,
  narrow,
  pad,
  permute,
  reshape,
  select,
  slice,
  split,
  squeeze,
  stopGradient,
  transpose,
  unsqueeze,
  type SliceRange,
} from "./ops/move/move.ts";
export { addLayerNorm, layerNorm, rmsNorm, type LayerNormOptions, type RmsNormOptions } from "./ops/norm/norm.ts";
export {
  bernoulli,
  dropout,
  rand,
  randint,
  randn,
  type DropoutOptions,
  type RandomOptions,
} from "./ops/random/random.ts";
export { amax, amin, argmax, cumsum, sum } from "./ops/reduce/reduce.ts";
export { logSoftmax, softmax } from "./ops/softmax/softmax.ts";
export { adamStep, globalNorm, sgdStep, type StepState } from "./ops/update/update.ts";

// An op of one's own starts with these; the rest is in extend.
export { defineOp, run, type Op, type Scalar, type Signature } from "./op.ts";
export { input, output } from "./slots.ts";
