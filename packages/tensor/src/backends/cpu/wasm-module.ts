import { DeviceError } from "../../error.ts";
import type { WasmModule } from "../../op.ts";

/** Of a module whose package is named and placed: what `tessera-wasm` found in package.json. */
export interface WasmModuleOptions {
  /** For errors. */
  readonly name?: string;
  /** The memory slot of its static data, 3 to 15; two modules in one slot are refused. Leave it out for a module that has none. */
  readonly slot?: number;
}

/**
 * Kernels compiled from AssemblyScript, as base64: portable, and a variant whose multiply-adds are fused where the machine can (relaxed
 * SIMD). `tessera-wasm` writes the call into src/generated/kernels.ts, beside a builder for each kernel.
 *
 * @example
 * const wasm = wasmModule(baseWasm, relaxedWasm, { name: "my-ops", slot: 3 });
 * const scale = wasmKernel(wasm, "scale_f32", { x: "usize", y: "usize", n: "i32" });
 */
export const wasmModule = (
  base64: string,
  relaxedBase64: string = base64,
  { name = "a module of kernels", slot }: WasmModuleOptions = {},
): WasmModule => ({ base64, relaxedBase64, name, slot: slot ?? null });

const decode = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

/** `(module (func (result v128) three constants; f32x4.relaxed_madd))`: whether the engine has relaxed SIMD. */
const probe = Uint8Array.from(
  // prettier-ignore
  [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 1, 253, 17, 65, 1, 253, 17, 65, 1, 253, 17, 253, 133, 2, 11],
);

/** `(module (func (result v128) a constant; i8x16.popcnt))`: whether the engine has SIMD, as it was finished. */
const simdProbe = Uint8Array.from(
  // prettier-ignore
  [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

let fused: boolean | undefined;

/**
 * Whether kernels fuse multiply and add, which changes the last bits of results. It follows from the engine alone: Node 20
 * has relaxed SIMD behind a flag that is set here; `TESSERA_WASM=base` in the environment leaves it out.
 */
export const fusesMultiplyAdd = (): boolean => (fused ??= detect());

const detect = (): boolean => {
  const node = (globalThis as { process?: NodeJS.Process }).process;
  if (node?.env["TESSERA_WASM"] === "base") return false;
  if (node?.versions?.node.startsWith("20."))
    node.getBuiltinModule("node:v8").setFlagsFromString("--experimental-wasm-relaxed-simd");
  return typeof WebAssembly !== "undefined" && WebAssembly.validate(probe);
};

/** What to do where the cpu device cannot run. */
export const ELSEWHERE = 'or run on plain JavaScript, slowly: setDefaultDevice("reference")';

/** @throws DeviceError when this engine cannot run our kernels, whatever they are. */
export const checkEngine = (): void => {
  if (typeof WebAssembly === "undefined")
    throw new DeviceError(`cpu: this engine has no WebAssembly; switch it on, ${ELSEWHERE}`);
  if (!WebAssembly.validate(simdProbe))
    throw new DeviceError(
      `cpu: this engine has no WebAssembly SIMD; use Node 20, Chrome 91, Firefox 89, Safari 16.4 or newer on a CPU with SSE 4.1 or NEON, ${ELSEWHERE}`,
    );
};

/** Compiles a module for this engine. @throws DeviceError when the engine or the page's policy refuses. */
export const compile = (wasm: WasmModule): { module: WebAssembly.Module; bytes: Uint8Array } => {
  const bytes = decode(fusesMultiplyAdd() ? wasm.relaxedBase64 : wasm.base64);
  try {
    return { module: new WebAssembly.Module(bytes), bytes };
  } catch (error) {
    throw new DeviceError(
      `cpu: the engine refused the kernels (${(error as Error).message}); a content-security-policy must allow 'wasm-unsafe-eval' in script-src, ${ELSEWHERE}`,
      { cause: error },
    );
  }
};
