import type * as family from "@tessera/tensor/ops/move";
import { bools, ints, normal } from "../support/generate.ts";
import { exact, type SampleTable } from "../support/sample.ts";

export const moveTolerance = exact;
export const moveSamples = {
  reshape: [
    { args: [normal(2, 3, 4), [4, 6]] },
    { args: [normal(2, 3, 4).transposed, [-1, 4]], note: "of a transposed view" },
    { args: [normal(0, 3), [3, 0, 2]], note: "no elements" },
    { args: [normal(), [1, 1]], note: "0-d" },
    { args: [normal(2, 3), [4, 2]], throws: /reshape: \[2, 3\] has 6 elements, \[4, 2\] has 8/ },
    { args: [normal(2, 3), [-1, 4]], throws: /reshape: \[2, 3\] has 6 elements, \[-1, 4\] cannot divide them/ },
  ],
  flatten: [{ args: [normal(2, 3, 4), 1] }, { args: [normal()] }, { args: [normal(2, 3, 4).transposed] }],
  permute: [
    { args: [normal(2, 3, 4), [2, 0, 1]] },
    { args: [normal(2, 3), [0, 0]], throws: /permute: expected each dim of \[2, 3\] once, got \[0, 0\]/ },
  ],
  transpose: [{ args: [normal(2, 3, 4), 0, -1] }, { args: [bools(0.5, 3, 5), 0, 1], note: "bool" }],
  expand: [
    { args: [normal(3, 1), [2, 3, 4]], gradientWithin: { relative: 1e-6 } },
    { args: [normal(3, 1), [-1, 4]], gradientWithin: { relative: 1e-6 } },
    { args: [normal(3, 2), [3, 4]], throws: /expand: shapes \[3, 2\] and \[3, 4\] do not broadcast/ },
  ],
  unsqueeze: [{ args: [normal(2, 3), -1] }, { args: [normal(), 0] }],
  squeeze: [{ args: [normal(1, 3, 1)] }, { args: [normal(1, 3, 1), 0] }, { args: [normal(2, 3), 0] }],
  narrow: [
    { args: [normal(2, 6, 4), 1, 1, 3] },
    { args: [ints(0, 9, 8), 0, 3, 0], note: "nothing" },
    { args: [normal(2, 3), 1, 2, 2], throws: /narrow: start 2 and length 2 do not lie in dim 1 of \[2, 3\]/ },
  ],
  select: [
    { args: [normal(2, 3, 4), 1, -1] },
    { args: [normal(3), 0, 3], throws: /select: index 3 is outside dim 0 of \[3\]/ },
  ],
  chunk: [
    { args: [normal(2, 7), 3, 1] },
    { args: [normal(2, 7), 0], throws: /chunk: chunks is a whole number from 1 up/ },
  ],
  split: [
    { args: [normal(7, 2), 3] },
    { args: [normal(7, 2), [2, 0, 5]], note: "lengths" },
    { args: [normal(6, 2).transposed, [1, 5], -2], note: "lengths, a view" },
    { args: [normal(0), 2], note: "nothing" },
    { args: [normal(0), [0, 0, 0]], note: "nothing, three times" },
    { args: [normal(7), 0], throws: /^split: length is a whole number from 1 up, got 0$/ },
    { args: [normal(7), [8, -1]], throws: /^split: length is a whole number from 0 up, got -1$/ },
    {
      args: [normal(7, 2), [3, 3]],
      throws: /^split: expected lengths that sum to 7, dim 0 of \[7, 2\], got \[3, 3\], which/,
    },
    { args: [normal(7), 2, 1], throws: /^split: dim 1 is outside/ },
  ],
  cat: [
    { args: [[normal(2, 3), normal(2, 1), normal(2, 4).transposed], 1] },
    { args: [[normal(3, 2), normal(0, 2), normal(1, 2)], 0], note: "one is empty" },
    { args: [[bools(0.5, 3, 3), bools(0.5, 2, 3)], 0], note: "bool" },
    { args: [[normal(40, 129), normal(40, 130)], -1], note: "not multiples of the lane width" },
    {
      args: [[normal(2, 3), normal(3, 3)], 1],
      throws: /cat: shapes may differ at dim 1 only, got \[2, 3\] and \[3, 3\]/,
    },
    { args: [[], 0], throws: /cat: expected at least one tensor, got none/ },
  ],
  clone: [
    { args: [normal(3, 4)] },
    { args: [normal(33, 65).transposed], note: "transposed" },
    { args: [normal(5, 6, 7).transposed], note: "three dims reversed" },
    { args: [normal(4, 8).strided] },
    { args: [bools(0.5, 9, 33).transposed], note: "bool" },
    { args: [ints(0, 9, 2, 3, 4, 5, 2).transposed], note: "five dims" },
  ],
  contiguous: [{ args: [normal(3, 4).transposed] }],
  stopGradient: [{ args: [normal(3)], noGradient: "not differentiable" }],
} satisfies SampleTable<typeof family>;
