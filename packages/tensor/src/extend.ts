/**
 * What authors of ops, layers and optimisers need besides what users call: how an op is defined, run and recorded, kernels for `cpu`
 * and `webgpu`, layouts and storage. Op values themselves are at `@tessera/tensor/ops/*`, AssemblyScript at
 * `@tessera/tensor/assembly/*`.
 */

// An op, and what watches it run
export {
  activeRecorders,
  defineOp,
  hasKernels,
  run,
  withRecorder,
  type Attrs,
  type Call,
  type Cost,
  type Data,
  type Each,
  type Kernels,
  type KernelOp,
  type Op,
  type Plan,
  type Planner,
  type Recorded,
  type Recorder,
  type ReferenceKernel,
  type Scalar,
  type Scalars,
  type Signature,
  type ViewOp,
} from "./op.ts";

// What steps of both planners are made of
export { input, output, scalar, scratch, words, type ScalarRef, type Slot, type Words } from "./slots.ts";

// Kernels for cpu
export {
  wasmKernel,
  type WasmArguments,
  type WasmKernel,
  type WasmLaunch,
  type WasmParameters,
} from "./backends/cpu/wasm-kernel.ts";
export { fusesMultiplyAdd, type WasmBuild } from "./backends/cpu/wasm-build.ts";
export { wasmModule, type WasmBuilds, type WasmModuleOptions } from "./backends/cpu/wasm-module.ts";
export type { CpuArgument, CpuStep, WasmModule } from "./op.ts";

// Kernels for webgpu
export * from "./webgpu.ts";
export type { Shader, WebgpuStep, WebgpuWord } from "./op.ts";

// Devices, as plans and kernels see them
export { resolveDevice, type Buffer, type Launch } from "./backend.ts";
export { WebgpuBackend } from "./backends/webgpu/webgpu-backend.ts";
export {
  DEFAULT_LIMITS,
  DEFAULT_PROFILE,
  DEVICE_FEATURES,
  type DeviceFeature,
  type DeviceLimits,
  type DeviceProfile,
} from "./device-profile.ts";

// Shapes, layouts and memory
export { bytesPerElement } from "./dtype.ts";
export {
  broadcastShapes,
  broadcastStrides,
  bytesOf,
  checkShape,
  contiguousStrides,
  isContiguous,
  normalizeDim,
  normalizeDims,
  numel,
  reshapedStrides,
  resolveReshape,
  sameShape,
  showShape,
  type Layout,
  type TensorSpec,
} from "./shape.ts";
export { Storage } from "./storage.ts";

// What functions check and how objects are shown
export { hostValues } from "./host-data.ts";
export { namedScope } from "./named-scope.ts";
export { activations, checkBias, checkFloat, layerSpecs, tokensOf, type LayerAttrs } from "./ops/matmul/epilogue.ts";
export { checkSeed } from "./generator.ts";
export { inspectCustom } from "./inspect.ts";
export { checkCount } from "./shape.ts";
