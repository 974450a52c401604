import { DeviceError } from "../../error.ts";
import type { WasmModule } from "../../op.ts";
import { decompress } from "./decompress.ts";
import { ELSEWHERE, type WasmBuild } from "./wasm-build.ts";

/** The builds of a module, as `tessera-wasm` writes them: the relaxed one, and what the others have in its place. */
export interface WasmBuilds {
  /** For engines with relaxed SIMD: multiply-adds are fused where the machine can. */
  readonly relaxed: string;
  /** For engines without. */
  readonly base: string;
  /** `relaxed` in the form that V8 turns into 256-bit instructions. */
  readonly wide: string;
}

/** Of a module whose package is named and placed: what `tessera-wasm` found in package.json. */
export interface WasmModuleOptions {
  /** For errors. */
  readonly name?: string;
  /** The memory slot of its static data, 3 to 15; two modules in one slot are refused. Leave it out for a module that has none. */
  readonly slot?: number;
}

const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

/**
 * Kernels compiled from AssemblyScript. `tessera-wasm` writes the call into src/generated/kernels.ts, beside a builder for each kernel.
 *
 * @param builds what `tessera-wasm` wrote; or, as base64, a module of your own making, for all engines
 * @example
 * const wasm = wasmModule({ base: baseWasm, relaxed: relaxedWasm, wide: wideWasm }, { name: "my-ops", slot: 3 });
 * const scale = wasmKernel(wasm, "scale_f32", { x: "usize", y: "usize", n: "i32" });
 */
export const wasmModule = (
  builds: string | WasmBuilds,
  { name = "a module of kernels", slot }: WasmModuleOptions = {},
): WasmModule => ({
  text: typeof builds === "string" ? builds : builds.relaxed,
  bytes: (build) => {
    if (typeof builds === "string") return fromBase64(builds);
    const relaxed = decompress(fromBase64(builds.relaxed));
    return build === "relaxed" ? relaxed : decompress(fromBase64(builds[build]), relaxed);
  },
  ...{ name, slot: slot ?? null },
});

/** Compiles a build of a module. @throws DeviceError when the engine or the page's policy refuses. */
export const compile = (wasm: WasmModule, build: WasmBuild): { module: WebAssembly.Module; bytes: Uint8Array } => {
  const bytes = wasm.bytes(build);
  try {
    return { module: new WebAssembly.Module(bytes), bytes };
  } catch (error) {
    throw new DeviceError(
      `cpu: the engine refused the kernels (${(error as Error).message}); a content-security-policy must allow 'wasm-unsafe-eval' in script-src, ${ELSEWHERE}`,
      { cause: error },
    );
  }
};
