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
  linspace,
  logspace,
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
export type { BuildChoice } from "./backends/cpu/choose-build.ts";
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

// Functions, family by family: all but op values, which are in ops/*, and fused backwards. `npm run generate` writes the list.
export * from "./generated/functions.ts";

// An op of one's own starts with these; the rest is in extend.
export { defineOp, run, type Op, type Scalar, type Signature } from "./op.ts";
export { input, output } from "./slots.ts";
