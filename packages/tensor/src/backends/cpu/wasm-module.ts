import { DeviceError } from "../../error.ts";
import type { WasmModule } from "../../op.ts";
import { ELSEWHERE, type WasmBuild } from "./wasm-build.ts";

/** The builds of a module, as base64; one that is left out is the one before it. */
export interface WasmBuilds {
  /** For engines without relaxed SIMD. */
  readonly base: string;
  /** For engines that have it: multiply-adds are fused where the machine can. */
  readonly relaxed?: string;
  /** `relaxed` in the form that V8 turns into 256-bit instructions. */
  readonly wide?: string;
}

/** Of a module whose package is named and placed: what `tessera-wasm` found in package.json. */
export interface WasmModuleOptions {
  /** For errors. */
  readonly name?: string;
  /** The memory slot of its static data, 3 to 15; two modules in one slot are refused. Leave it out for a module that has none. */
  readonly slot?: number;
}

/**
 * Kernels compiled from AssemblyScript: one build that runs everywhere, or several. `tessera-wasm` writes the call into
 * src/generated/kernels.ts, beside a builder for each kernel.
 *
 * @example
 * const wasm = wasmModule({ base: baseWasm, relaxed: relaxedWasm, wide: wideWasm }, { name: "my-ops", slot: 3 });
 * const scale = wasmKernel(wasm, "scale_f32", { x: "usize", y: "usize", n: "i32" });
 */
export const wasmModule = (
  builds: string | WasmBuilds,
  { name = "a module of kernels", slot }: WasmModuleOptions = {},
): WasmModule => {
  const { base, relaxed = base, wide = relaxed } = typeof builds === "string" ? { base: builds } : builds;
  return { builds: { base, relaxed, wide }, name, slot: slot ?? null };
};

const decode = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

/** Compiles a build of a module. @throws DeviceError when the engine or the page's policy refuses. */
export const compile = (wasm: WasmModule, build: WasmBuild): { module: WebAssembly.Module; bytes: Uint8Array } => {
  const bytes = decode(wasm.builds[build]);
  try {
    return { module: new WebAssembly.Module(bytes), bytes };
  } catch (error) {
    throw new DeviceError(
      `cpu: the engine refused the kernels (${(error as Error).message}); a content-security-policy must allow 'wasm-unsafe-eval' in script-src, ${ELSEWHERE}`,
      { cause: error },
    );
  }
};
