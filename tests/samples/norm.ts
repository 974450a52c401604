import type * as family from "@tessera/tensor/ops/norm";
import { ints, normal, normalOf, values } from "../support/generate.ts";
import { sums, type SampleTable } from "../support/sample.ts";

export const normTolerance = sums;
export const normSamples = {
  layerNorm: [
    { args: [normalOf(1, 2, 4, 8), [8], { weight: normal(8), bias: normal(8) }] },
    {
      args: [normalOf(1, 2, 2, 3, 33), [33], { weight: normal(33), bias: normal(33) }],
      note: "not a multiple of the lane width",
    },
    { args: [normal(3, 7), [7]], note: "neither weight nor bias" },
    { args: [normal(3, 17), [17], { weight: normal(17) }], note: "no bias" },
    { args: [normal(3, 17), [17], { bias: normal(17) }], note: "no weight" },
    { args: [normal(4, 3, 5), [3, 5], { weight: normal(3, 5), bias: normal(3, 5) }], note: "two dims" },
    { args: [normal(6), [6], { weight: normal(6), bias: normal(6) }], note: "one row without a dim" },
    {
      args: [normalOf(1000, 1e-3, 3, 16), [16], { weight: normal(16), bias: normal(16), eps: 1e-12 }],
      note: "large mean, small variance",
      noGradient: "too steep for differences",
    },
    {
      args: [values([1e4, 1, 2, 3, 1, 2, 3, 2], [1, 8]), [8]],
      note: "a first element far out",
      noGradient: "flat for differences",
    },
    { args: [values([5, 5, 5, 5], [1, 4]), [4]], note: "a constant row", noGradient: "too steep for differences" },
    { args: [normal(5, 1), [1]], note: "rows of one element", noGradient: "constant" },
    { args: [normal(300, 40), [40], { weight: normal(40), bias: normal(40) }], note: "several tasks" },
    { args: [normal(2, 40000), [40000]], note: "a row longer than a task" },
    { args: [normal(9, 5).transposed, [5], { weight: normal(5).strided, bias: normal(5) }], note: "views" },
    { args: [normal(0, 4), [4], { weight: normal(4), bias: normal(4) }], note: "no rows" },
    { args: [normal(3, 0), [0], { weight: normal(0) }], note: "no elements in a row" },
    { args: [normal(3, 4), [3]], throws: /layerNorm: expected x to end in the normalised shape \[3\], got \[3, 4\]/ },
    { args: [normal(3, 4), []], throws: /layerNorm: expected x to end in the normalised shape \[\], got \[3, 4\]/ },
    { args: [normal(3, 4), [4], { weight: normal(3) }], throws: /layerNorm: expected weight \[4\], got \[3\]/ },
    { args: [normal(3, 4), [4], { bias: normal(1, 4) }], throws: /layerNorm: expected bias \[4\], got \[1, 4\]/ },
    { args: [ints(0, 9, 3, 4), [4]], throws: /layerNorm: expected float32, got int32 for x/ },
    { args: [normal(3, 4), [4], { eps: -1 }], throws: /layerNorm: eps is a number from 0 up, got -1/ },
  ],
  addLayerNorm: [
    { args: [normalOf(1, 2, 4, 8), normal(4, 8), [8], { weight: normal(8), bias: normal(8) }] },
    {
      args: [normal(2, 3, 33), normal(2, 3, 33), [33], { weight: normal(33), bias: normal(33) }],
      note: "not a multiple of the lane width",
    },
    { args: [normal(3, 7), normal(3, 7), [7]], note: "neither weight nor bias" },
    { args: [normal(3, 17), normal(3, 17), [17], { weight: normal(17) }], note: "no bias" },
    { args: [normal(3, 17), normal(3, 17), [17], { bias: normal(17) }], note: "no weight" },
    {
      args: [normal(4, 3, 5), normal(4, 3, 5), [3, 5], { weight: normal(3, 5), bias: normal(3, 5) }],
      note: "two dims",
    },
    {
      args: [normalOf(1000, 1e-3, 3, 16), normal(3, 16), [16], { weight: normal(16), eps: 1e-12 }],
      note: "a large mean",
      noGradient: "its sums are rounded",
    },
    { args: [normal(300, 40), normal(300, 40), [40], { weight: normal(40), bias: normal(40) }], note: "several tasks" },
    { args: [normal(2, 40000), normal(2, 40000), [40000]], note: "a row longer than a task" },
    { args: [normal(9, 5).transposed, normal(9, 5).strided, [5], { weight: normal(5) }], note: "views" },
    { args: [normal(0, 4), normal(0, 4), [4], { weight: normal(4) }], note: "no rows" },
    { args: [normal(3, 0), normal(3, 0), [0]], note: "no elements in a row" },
    {
      args: [normal(3, 4), normal(4), [4]],
      throws: /addLayerNorm: expected a residual like x, float32 \[3, 4\], got float32 \[4\]; expand or cast it/,
    },
    {
      args: [normal(3, 4), ints(0, 9, 3, 4), [4]],
      throws: /addLayerNorm: expected a residual like x, float32 \[3, 4\], got int32 \[3, 4\]; expand or cast it/,
    },
    {
      args: [normal(3, 4), normal(3, 4), [3]],
      throws: /addLayerNorm: expected x to end in the normalised shape \[3\], got \[3, 4\]/,
    },
    {
      args: [normal(3, 4), normal(3, 4), [4], { bias: normal(3) }],
      throws: /addLayerNorm: expected bias \[4\], got \[3\]/,
    },
  ],
  rmsNorm: [
    { args: [normal(3, 16), [16], { weight: normal(16), eps: 1e-6 }] },
    { args: [normal(2, 3, 33), [33], { weight: normal(33) }], note: "not a multiple of the lane width" },
    { args: [normalOf(2, 1, 3, 7), [7]], note: "no weight" },
    { args: [normal(4, 3, 5), [3, 5], { weight: normal(3, 5) }], note: "two dims" },
    { args: [normal(300, 40), [40], { weight: normal(40) }], note: "several tasks" },
    { args: [normal(9, 5).transposed, [5], { weight: normal(5) }], note: "transposed view" },
    { args: [normal(0, 4), [4], { weight: normal(4) }], note: "no rows" },
    { args: [normal(3, 4), [5]], throws: /rmsNorm: expected x to end in the normalised shape \[5\], got \[3, 4\]/ },
    { args: [normal(3, 4), [4], { weight: normal(3) }], throws: /rmsNorm: expected weight \[4\], got \[3\]/ },
  ],
} satisfies SampleTable<typeof family>;
