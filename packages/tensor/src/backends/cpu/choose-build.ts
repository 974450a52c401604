import type { WasmModule } from "../../op.ts";
import type { LinearMemory } from "./linear-memory.ts";
import { PROBE_BYTES, probePairing, type ProbeTiles } from "./probe-pairing.ts";
import { fusesMultiplyAdd, pairsVectors, pairVectors, wantedBuild, type WasmBuild } from "./wasm-build.ts";
import { compile } from "./wasm-module.ts";

/** Which build of the kernels runs, and why. */
export interface BuildChoice {
  readonly build: WasmBuild;
  readonly reason: string;
}

/** As much faster as the wide tiles must be: less is noise, or a CPU without 256-bit vectors. */
const MIN_RATIO = 1.05;

/**
 * The build for this engine and CPU, or the one that the environment asks for. V8's flag is set where the choice is `wide`, and only
 * there. `wasm` is the package's own module, which brings the probe.
 */
export const chooseBuild = (wasm: WasmModule, linear: LinearMemory): BuildChoice => {
  const wanted = wantedBuild();
  if (wanted !== null) {
    if (wanted === "wide") pairVectors(true);
    return { build: wanted, reason: `TESSERA_WASM=${wanted} is in the environment` };
  }
  if (!fusesMultiplyAdd()) return { build: "base", reason: "this engine has no relaxed SIMD" };
  if (!pairsVectors())
    return { build: "relaxed", reason: "256-bit vectors take Node 24 to 26 on an x64 CPU with AVX2" };
  pairVectors(true);
  const pairing = probe(wasm, linear);
  if ("ratio" in pairing && pairing.ratio >= MIN_RATIO)
    return { build: "wide", reason: `its tiles run ${pairing.ratio.toFixed(2)} times as fast here` };
  pairVectors(false);
  const reason =
    "refusal" in pairing
      ? pairing.refusal
      : `tiles for 256-bit vectors run ${pairing.ratio.toFixed(2)} times as fast here: this CPU has no AVX2, or V8 does not use it`;
  return { build: "relaxed", reason };
};

const probe = (wasm: WasmModule, { memory, heap }: LinearMemory): ReturnType<typeof probePairing> => {
  const { exports } = new WebAssembly.Instance(compile(wasm, "wide").module, { env: { memory } });
  const at = heap.alloc(PROBE_BYTES);
  try {
    return probePairing(exports["probe_tiles"] as ProbeTiles, memory, at);
  } finally {
    heap.release(at, PROBE_BYTES);
  }
};
