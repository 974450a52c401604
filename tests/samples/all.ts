import type { families as sparseFamilies } from "@tessera/sparse/families";
import type { families } from "@tessera/tensor/families";
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

export const sparseSamples = {
  blockMatmul: blockMatmulSamples,
  blockCopy: blockCopySamples,
} satisfies SampleTables<typeof sparseFamilies>;
