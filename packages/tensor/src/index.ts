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

export * from "./backend.ts";
export { CpuBackend } from "./backends/cpu/cpu-backend.ts";
export { fusesMultiplyAdd, wasmModule } from "./backends/cpu/wasm-module.ts";
export { ReferenceBackend } from "./backends/reference/reference-backend.ts";
export * from "./create.ts";
export * from "./dtype.ts";
export * from "./error.ts";
export * from "./generator.ts";
export * from "./io/safetensors.ts";
export { memory, resetPeakMemory, type DeviceMemory } from "./memory.ts";
export * from "./op.ts";
export * from "./ops/composed.ts";
export * from "./ops/elementwise/elementwise.ts";
export * from "./ops/index/index.ts";
export * from "./ops/move/move.ts";
export * from "./ops/random/random.ts";
export * from "./ops/reduce/reduce.ts";
export * from "./ops/update/update.ts";
export { Parameter } from "./parameter.ts";
export * from "./scope.ts";
export * from "./shape.ts";
export { Storage } from "./storage.ts";
export { reportLeaks, Tensor } from "./tensor.ts";
