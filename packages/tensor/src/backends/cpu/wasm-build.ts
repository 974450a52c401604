import { DeviceError } from "../../error.ts";

/**
 * A build of the kernels. All come from one source.
 *
 * - `base`: WebAssembly SIMD, a multiply-add is a product and a sum.
 * - `relaxed`: with relaxed SIMD; multiply-adds are fused where the CPU can.
 * - `wide`: relaxed, in the form that V8 turns into 256-bit instructions where it is told to. Its results are those of `relaxed`, bit by bit.
 */
export type WasmBuild = "base" | "relaxed" | "wide";

const BUILDS: readonly string[] = ["base", "relaxed", "wide"] satisfies readonly WasmBuild[];
const VARIABLE = "TESSERA_WASM";

/** What to do where the cpu device cannot run. */
export const ELSEWHERE = 'or run on plain JavaScript, slowly: setDefaultDevice("reference")';

/** `(module (func (result v128) three constants; f32x4.relaxed_madd))`: whether the engine has relaxed SIMD. */
const relaxedProbe = Uint8Array.from(
  // prettier-ignore
  [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 1, 253, 17, 65, 1, 253, 17, 65, 1, 253, 17, 253, 133, 2, 11],
);

/** `(module (func (result v128) a constant; i8x16.popcnt))`: whether the engine has SIMD, as it was finished. */
const simdProbe = Uint8Array.from(
  // prettier-ignore
  [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

/** Node itself; `null` in browsers, and in other engines that bear its version. */
const node = (): NodeJS.Process | null => {
  const { process } = globalThis as { process?: NodeJS.Process };
  return process?.versions?.node && !process.versions["bun"] && !process.versions["deno"] ? process : null;
};

const setFlag = (flag: string): void => node()!.getBuiltinModule("node:v8").setFlagsFromString(flag);

/** Versions of Node whose V8 pairs operations as the tests have seen it; one that does not know the flag would print an error. */
const PAIRING_NODES = { from: 24, to: 26 };

const majorOf = ({ versions }: NodeJS.Process): number => Number.parseInt(versions.node, 10);

/** Whether the engine can pair 128-bit operations into 256-bit ones, and has been told to. Whether the CPU can, it does not say. */
export const pairsVectors = (): boolean => {
  const process = node();
  const major = process ? majorOf(process) : 0;
  return process?.arch === "x64" && major >= PAIRING_NODES.from && major <= PAIRING_NODES.to;
};

/**
 * Tells V8 to pair, for the whole process: whatever WebAssembly its threads optimise from now on. Does nothing where `pairsVectors` is
 * false.
 */
export const pairVectors = (on: boolean): void => {
  if (pairsVectors()) setFlag(on ? "--experimental-wasm-revectorize" : "--no-experimental-wasm-revectorize");
};

const hasRelaxed = (): boolean => {
  // Node 20 has relaxed SIMD behind a flag.
  const process = node();
  if (process && majorOf(process) === 20) setFlag("--experimental-wasm-relaxed-simd");
  return typeof WebAssembly !== "undefined" && WebAssembly.validate(relaxedProbe);
};

/**
 * The build that `TESSERA_WASM` in the environment asks for; `null` where it says nothing.
 *
 * @throws DeviceError when it names none, or one that cannot run here.
 */
export const wantedBuild = (): WasmBuild | null => {
  const { process } = globalThis as { process?: NodeJS.Process };
  const wanted = process?.env?.[VARIABLE];
  if (wanted === undefined || wanted === "") return null;
  if (!BUILDS.includes(wanted))
    throw new DeviceError(
      `cpu: ${VARIABLE} in the environment is expected to be one of ${BUILDS.join(", ")}, got "${wanted}"; correct it, or leave it out`,
    );
  return wanted as WasmBuild;
};

let fused: boolean | undefined;

/**
 * Whether kernels fuse multiply and add, which changes the last bits of results. It follows from the engine alone, and from
 * `TESSERA_WASM=base` in the environment.
 */
export const fusesMultiplyAdd = (): boolean => (fused ??= wantedBuild() !== "base" && hasRelaxed());

/** @throws DeviceError when this engine cannot run our kernels, whatever they are, or not the build that the environment asks for. */
export const checkEngine = (): void => {
  if (typeof WebAssembly === "undefined")
    throw new DeviceError(`cpu: this engine has no WebAssembly; switch it on, ${ELSEWHERE}`);
  if (!WebAssembly.validate(simdProbe))
    throw new DeviceError(
      `cpu: this engine has no WebAssembly SIMD; use Node 20, Chrome 91, Firefox 89, Safari 16.4 or newer on a CPU with SSE 4.1 or NEON, ${ELSEWHERE}`,
    );
  const wanted = wantedBuild();
  if (wanted !== null && wanted !== "base" && !fusesMultiplyAdd())
    throw new DeviceError(
      `cpu: ${VARIABLE}=${wanted} is in the environment, and this engine has no relaxed SIMD; leave it out, ${ELSEWHERE}`,
    );
};
