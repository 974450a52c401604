import type * as family from "@tessera/tensor/ops/index";
import { bools, ints, normal, values } from "../support/generate.ts";
import { sums, type SampleTable } from "../support/sample.ts";

const list = (...data: number[]) => values(data, [data.length], "int32");

export const indexTolerance = sums;
export const indexSamples = {
  embedding: [
    { args: [ints(0, 11, 3, 5), normal(11, 4)] },
    { args: [ints(0, 7, 40), normal(7, 129)], note: "rows not a multiple of the lane width, each used often" },
    { args: [ints(0, 300, 600), normal(300, 260)], note: "several tasks, long rows" },
    { args: [ints(0, 2, 50, 40), normal(2, 5)], note: "two rows for everything" },
    { args: [ints(0, 700, 9000), normal(700, 4)], note: "thousands of indices" },
    {
      args: [values([2, 0, 1, 2, 1, 3], [2, 3], "int32"), normal(4, 6), { paddingIdx: 1 }],
      note: "padding",
      noGradient: "the padding row gets none",
    },
    {
      args: [list(3, 0, 3), normal(4, 5), { paddingIdx: -1 }],
      note: "padding from the back",
      noGradient: "the padding row gets none",
    },
    { args: [ints(0, 6, 4, 3).transposed, normal(5, 6).transposed], throws: /embedding: index 5 is outside \[0, 5\)/ },
    { args: [ints(0, 5, 4, 3).transposed, normal(5, 6).transposed], note: "views" },
    { args: [values([2], [], "int32"), normal(4, 3)], note: "0-d" },
    { args: [ints(0, 4, 0, 2), normal(4, 3)], note: "no indices" },
    { args: [ints(0, 4, 3), bools(0.5, 4, 37)], note: "bool" },
    { args: [ints(0, 4, 3), ints(-9, 9, 4, 3)], note: "int32" },
    { args: [list(1, 5000, 2), normal(4096, 2)], throws: /embedding: index 5000 is outside \[0, 4096\)/ },
    { args: [list(0, -1), normal(4, 2)], throws: /embedding: index -1 is outside \[0, 4\)/ },
    { args: [list(0), normal(0, 2)], throws: /embedding: dim 0 of \[0, 2\] is empty, got 1 indices into it/ },
    { args: [normal(3), normal(4, 2)], throws: /embedding: indices is int32, got float32/ },
    { args: [ints(0, 4, 3), normal(4)], throws: /embedding: expected a weight \[rows, features\], got \[4\]/ },
    {
      args: [ints(0, 4, 3), normal(4, 2), { paddingIdx: 4 }],
      throws: /embedding: paddingIdx is a row of the weight \[4, 2\], got 4/,
    },
  ],
  indexSelect: [
    { args: [normal(3, 6, 2), 1, list(5, 0, 0, 3)] },
    { args: [normal(3, 6), -1, list(1, 1, 4, 5, 0, 2, 1)], note: "the last dim" },
    { args: [normal(6), 0, list(5, 4, 3, 2, 1, 0)], note: "1-d" },
    { args: [normal(70, 600).transposed, 0, ints(0, 70, 90)], note: "over several tasks" },
    { args: [normal(400, 90), 1, ints(0, 90, 100)], note: "many planes" },
    { args: [ints(-9, 9, 5, 3), 0, ints(0, 5, 8).strided], note: "int32, strided index" },
    { args: [bools(0.5, 5, 19), 0, list(4, 0)], note: "bool" },
    { args: [normal(3, 4), 1, ints(0, 4, 0)], note: "no indices" },
    { args: [normal(3, 6), 1, list(0, 6)], throws: /indexSelect: index 6 is outside \[0, 6\)/ },
    { args: [normal(3, 6), 1, list(-1)], throws: /indexSelect: index -1 is outside \[0, 6\)/ },
    { args: [normal(3, 6), 2, list(0)], throws: /indexSelect: dim 2 is outside \[-2, 2\) for shape \[3, 6\]/ },
    { args: [normal(3, 6), 1, ints(0, 6, 2, 2)], throws: /indexSelect: expected a 1-d index, got \[2, 2\]/ },
    { args: [normal(), 0, list(0)], throws: /indexSelect: expected a tensor with a dim to choose from/ },
  ],
  indexAdd: [
    { args: [normal(3, 6, 2), 1, list(5, 0, 0, 3), normal(3, 4, 2)] },
    { args: [normal(5, 7).transposed, -1, list(1, 1, 4), normal(5, 3)], note: "the last dim, of a view" },
    {
      args: [normal(30, 500), 0, ints(0, 30, 200), normal(200, 500)],
      note: "several tasks by columns",
      within: { relative: 1e-5 },
    },
    {
      args: [normal(300, 9), 1, ints(0, 9, 80), normal(300, 80)],
      note: "several tasks by planes",
      within: { relative: 1e-5 },
    },
    { args: [ints(-9, 9, 4, 5), 0, list(3, 3, 0), ints(-9, 9, 3, 5)], note: "int32" },
    { args: [normal(3, 4), 0, ints(0, 3, 0), normal(0, 4)], note: "nothing added" },
    { args: [normal(3, 6), 1, list(0, 6), normal(3, 2)], throws: /indexAdd: index 6 is outside \[0, 6\)/ },
    {
      args: [normal(3, 6), 1, list(0, 5), normal(3, 3)],
      throws: /indexAdd: expected a source \[3, 2\] for 2 indices at dim 1 of \[3, 6\], got \[3, 3\]/,
    },
    { args: [bools(0.5, 3), 0, list(0), bools(0.5, 1)], throws: /indexAdd: expected float32 or int32, got bool/ },
  ],
  gather: [
    { args: [normal(3, 6), 1, ints(0, 6, 3, 4)] },
    { args: [normal(3, 6), 0, ints(0, 3, 5, 6)], note: "the first dim" },
    { args: [normal(4, 5, 6).transposed, 1, ints(0, 5, 3, 7, 2)], note: "a smaller index into a view" },
    { args: [normal(8), 0, ints(0, 8, 20)], note: "1-d" },
    { args: [normal(200, 300), 1, ints(0, 300, 200, 250)], note: "over several tasks" },
    { args: [normal(9, 33), -1, ints(0, 33, 9, 1)], note: "one of each row" },
    { args: [bools(0.5, 3, 5), 1, ints(0, 5, 3, 2)], note: "bool" },
    { args: [ints(-5, 5, 3, 5), 1, ints(0, 5, 2, 3).transposed], note: "int32, transposed index" },
    { args: [normal(3, 4), 1, ints(0, 4, 3, 0)], note: "no indices" },
    { args: [normal(2, 3), 1, values([0, 3], [2, 1], "int32")], throws: /gather: index 3 is outside \[0, 3\)/ },
    {
      args: [normal(2, 3), 1, ints(0, 3, 3, 2)],
      throws: /gather: expected an index of 2 dims within \[2, 3\] except at dim 1, got \[3, 2\]/,
    },
    { args: [normal(2, 3), 1, normal(2, 2)], throws: /gather: index is int32, got float32/ },
  ],
  scatterAdd: [
    { args: [normal(3, 6), 1, ints(0, 6, 3, 4), normal(3, 4)] },
    { args: [normal(3, 6), 0, ints(0, 3, 5, 6), normal(5, 6)], note: "the first dim" },
    {
      args: [normal(4, 5, 6).transposed, 1, ints(0, 5, 3, 7, 2), normal(4, 8, 2)],
      note: "a smaller index, a larger source",
    },
    {
      args: [normal(300, 90), 1, ints(0, 90, 300, 120), normal(300, 120)],
      note: "over several tasks",
      within: { relative: 1e-5 },
    },
    {
      args: [normal(20, 3, 500), 1, ints(0, 3, 20, 7, 490), normal(20, 7, 490)],
      note: "a middle dim, over several tasks",
      within: { relative: 1e-5 },
    },
    { args: [ints(-9, 9, 7), 0, list(3, 3, 0), ints(-9, 9, 3)], note: "int32" },
    { args: [normal(3, 4), 1, ints(0, 4, 3, 0), normal(3, 2)], note: "nothing added" },
    {
      args: [normal(2, 3), 1, values([0, -2], [2, 1], "int32"), normal(2, 1)],
      throws: /scatterAdd: index -2 is outside \[0, 3\)/,
    },
    {
      args: [normal(2, 3), 1, ints(0, 3, 2, 2), normal(2, 1)],
      throws: /scatterAdd: expected a source at least as large as the index \[2, 2\], got \[2, 1\]/,
    },
    {
      args: [normal(2, 3), 1, ints(0, 3, 2, 2), ints(0, 3, 2, 2)],
      throws: /scatterAdd: dtypes differ, float32 and int32/,
    },
  ],
  oneHot: [
    { args: [ints(0, 7, 3, 2), 7] },
    { args: [ints(0, 900, 100), 900], note: "over several tasks" },
    { args: [values([2], [], "int32"), 4], note: "0-d" },
    { args: [ints(0, 3, 0), 3], note: "no indices" },
    { args: [list(0, 3), 3], throws: /oneHot: index 3 is outside \[0, 3\)/ },
    { args: [list(0), 0], throws: /oneHot: numClasses is a whole number from 1 up, got 0/ },
    { args: [normal(2), 3], throws: /oneHot: index is int32, got float32/ },
  ],
} satisfies SampleTable<typeof family>;
