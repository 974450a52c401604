import type { families as sparseFamilies } from "@tessera/sparse/families";
import type { families } from "@tessera/tensor/families";
import type { FamilyTolerance } from "../support/conformance.ts";
import type { SampleTables } from "../support/sample.ts";
import { attentionSamples } from "./attention.ts";
import { elementwiseSamples } from "./elementwise.ts";
import { indexSamples } from "./index.ts";
import { lossSamples } from "./loss.ts";
import { matmulSamples } from "./matmul.ts";
import { moveSamples } from "./move.ts";
import { normSamples } from "./norm.ts";
import { randomSamples } from "./random.ts";
import { reduceSamples } from "./reduce.ts";
import { softmaxSamples } from "./softmax.ts";
import { updateSamples } from "./update.ts";
import { blockCopySamples } from "./block-copy.ts";
import { blockMatmulSamples } from "./block-matmul.ts";

/** The samples of every family: a family left out does not compile. */
export const samples = {
  elementwise: elementwiseSamples,
  reduce: reduceSamples,
  move: moveSamples,
  index: indexSamples,
  random: randomSamples,
  matmul: matmulSamples,
  softmax: softmaxSamples,
  norm: normSamples,
  loss: lossSamples,
  attention: attentionSamples,
  update: updateSamples,
} satisfies SampleTables<typeof families>;

// float32 functions are within a few units in the last place; sums and products grow errors with their length.
const each = { forward: { each: 1e-5 }, gradient: { each: 1e-5 } } as const;
const sums = { forward: { relative: 1e-5 }, gradient: { relative: 1e-4 } } as const;
const exact = { forward: "equal", gradient: "equal" } as const;
// Steps of size 0.1 from values of size 1, by quotients of moments.
const steps = { forward: { relative: 2e-6 }, gradient: { relative: 1e-4 } } as const;

/** How close each family comes to the reference. */
export const tolerances = {
  elementwise: each,
  reduce: sums,
  move: exact,
  random: each,
  index: sums,
  loss: sums,
  attention: sums,
  matmul: sums,
  norm: sums,
  softmax: sums,
  update: steps,
} satisfies { readonly [F in keyof typeof families]: FamilyTolerance };

export const sparseSamples = {
  blockMatmul: blockMatmulSamples,
  blockCopy: blockCopySamples,
} satisfies SampleTables<typeof sparseFamilies>;
