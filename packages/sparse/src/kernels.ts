import { wasmModule } from "@tessera/tensor";
import { baseWasm, relaxedWasm } from "./generated/wasm.ts";

/** The kernels of this package's op families, compiled from their `*.as.ts` by way of kernels.as.ts. */
export const kernels = wasmModule(baseWasm, relaxedWasm);
