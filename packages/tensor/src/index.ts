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

export * from "./backend.ts";
export { CpuBackend } from "./backends/cpu/cpu-backend.ts";
export type { Peak, PeakOptions } from "./backends/cpu/measure-peak.ts";
export {
  wasmKernel,
  type WasmArguments,
  type WasmKernel,
  type WasmLaunch,
  type WasmParameters,
} from "./backends/cpu/wasm-kernel.ts";
export { fusesMultiplyAdd, wasmModule, type WasmModuleOptions } from "./backends/cpu/wasm-module.ts";
export { ReferenceBackend } from "./backends/reference/reference-backend.ts";
export { WebgpuBackend } from "./backends/webgpu/webgpu-backend.ts";
export type { AdapterDescription, GpuDeviceLike, WebgpuOptions } from "./backends/webgpu/open-webgpu.ts";
export * from "./create.ts";
export * from "./device-profile.ts";
export * from "./devices.ts";
export * from "./dtype.ts";
export * from "./error.ts";
export * from "./generator.ts";
export { hostValues, type HalfArray, type HostArray } from "./host-data.ts";
export * from "./inspect.ts";
export * from "./io/safetensors.ts";
export { memory, resetPeakMemory, type DeviceMemory } from "./memory.ts";
export * from "./named-scope.ts";
export * from "./op.ts";
export * from "./ops/attention/attention.ts";
export * from "./ops/composed.ts";
export * from "./ops/elementwise/elementwise.ts";
export * from "./ops/index/index.ts";
export * from "./ops/loss/loss.ts";
export { activations, checkBias, checkFloat, layerSpecs, tokensOf, type LayerAttrs } from "./ops/matmul/epilogue.ts";
export * from "./ops/matmul/matmul.ts";
export * from "./ops/move/move.ts";
export * from "./ops/norm/norm.ts";
export * from "./ops/random/random.ts";
export * from "./ops/reduce/reduce.ts";
export * from "./ops/softmax/softmax.ts";
export * from "./ops/update/update.ts";
export { Parameter } from "./parameter.ts";
export * from "./scope.ts";
export * from "./shape.ts";
export { input, output, scalar, scratch, words } from "./slots.ts";
export { Storage } from "./storage.ts";
export { reportLeaks, Tensor } from "./tensor.ts";
