import { wasm } from "@tessera/tensor/internal/generated/kernels";
import { expect, it } from "vitest";
import { tracePairs, type PairedFunction } from "../../bench/trace-pairs.ts";
import { shippedKernels } from "../sparse/shipped-kernels.ts";

const major = Number.parseInt(process.versions.node, 10);
const traced = major >= 24 && major <= 26 && process.arch === "x64";

/** How many functions have so many pairs of stores, all of them joined. */
const whole = (found: readonly PairedFunction[], pairs: number): number =>
  found.filter((one) => one.pairs === pairs && one.joined === pairs).length;

// `npm run bench -- pairs` names them all.
if (traced)
  it("V8 makes the tiles and the epilogues of the wide build 256 bits wide, as they are shipped", async () => {
    const dense = await tracePairs(process.execPath, wasm.bytes("wide"));
    expect(whole(dense, 12), "tile6x16").toBeGreaterThanOrEqual(1);
    expect(whole(dense, 4), "epilogues and activations").toBeGreaterThanOrEqual(4);
    const sparse = await tracePairs(process.execPath, shippedKernels().bytes("wide"));
    expect(whole(sparse, 12), "tile6x16 and blocks6x16").toBeGreaterThanOrEqual(2);
    expect(whole(sparse, 8), "tile4x16").toBeGreaterThanOrEqual(1);
  });
else
  it("an engine without 256-bit vectors has nothing to join", async () => {
    await expect(tracePairs(process.execPath, wasm.bytes("wide"))).rejects.toThrow(
      /bad option|experimental-wasm-revec/,
    );
  });
