import type { families as nnFamilies } from "@tessera/nn/families";
import type { families as sparseFamilies } from "@tessera/sparse/families";
import type { families } from "@tessera/tensor/families";
import * as generated from "../generated/samples.ts";
import type { FamilyTolerance, SampleTables } from "../support/sample.ts";
import { batchNormSamples, batchNormTolerance } from "./batch-norm.ts";
import { blockCopySamples } from "./block-copy.ts";
import { blockMatmulSamples } from "./block-matmul.ts";
import { windowsSamples, windowsTolerance } from "./windows.ts";

/** The samples of every family. `npm run generate` writes a row for each: samples/X.ts is missing, or lacks a row, and this does not compile. */
export const samples = generated.samples satisfies SampleTables<typeof families>;

/** How close each family comes to the reference. */
export const tolerances = generated.tolerances satisfies { readonly [F in keyof typeof families]: FamilyTolerance };

export const sparseSamples = {
  blockMatmul: blockMatmulSamples,
  blockCopy: blockCopySamples,
} satisfies SampleTables<typeof sparseFamilies>;

export const nnSamples = {
  windows: windowsSamples,
  batchNorm: batchNormSamples,
} satisfies SampleTables<typeof nnFamilies>;

export const nnTolerances = {
  windows: windowsTolerance,
  batchNorm: batchNormTolerance,
} satisfies { readonly [F in keyof typeof nnFamilies]: FamilyTolerance };
