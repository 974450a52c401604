import { BlockLayout } from "@tessera/sparse";
import type * as family from "@tessera/sparse/ops/block-copy";
import { normal } from "../support/generate.ts";
import type { SampleTable } from "../support/sample.ts";
import { holes, noBlock, ragged, sparse } from "./block-matmul.ts";

const { values: smallValues, ...smallIndex } = sparse(holes(4), [12, 20]);
const { values: oddValues, ...oddIndex } = sparse(ragged, [19, 21]);
const { values: noValues, ...emptyIndex } = sparse(noBlock, [32, 32]);
const { values: allValues, ...fullIndex } = sparse(BlockLayout.dense(2, 3, 20), [40, 60]);

export const blockCopySamples = {
  gatherBlocks: [
    { args: [normal(12, 20), smallIndex] },
    { args: [normal(19, 21), oddIndex], note: "ragged" },
    { args: [normal(32, 32), emptyIndex], note: "no block" },
    { args: [normal(40, 60), fullIndex], note: "every block" },
    { args: [normal(19, 21).transposed, oddIndex], note: "transposed view" },
    {
      args: [normal(20, 12), smallIndex],
      throws: /gatherBlocks: expected a \[12, 20\] matrix for this index, got \[20, 12\]/,
    },
  ],
  scatterBlocks: [
    { args: [{ ...smallIndex, values: smallValues }] },
    { args: [{ ...oddIndex, values: oddValues }], note: "ragged: what sticks out is left out" },
    { args: [{ ...emptyIndex, values: noValues }], note: "no block: zeros" },
    { args: [{ ...fullIndex, values: allValues }], note: "every block" },
    {
      args: [{ ...smallIndex, values: normal(5, 8, 8) }],
      throws: /scatterBlocks: expected values \[5, 4, 4\] for this index, got \[5, 8, 8\]/,
    },
  ],
} satisfies SampleTable<typeof family>;
