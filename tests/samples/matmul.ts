import type * as family from "@tessera/tensor/ops/matmul";
import { ints, normal, values } from "../support/generate.ts";
import { sums, type SampleTable } from "../support/sample.ts";

const layers = [
  { args: [normal(4, 8), normal(5, 8), normal(5)] as const },
  { args: [normal(4, 8), normal(6, 8)] as const, note: "no bias" },
  { args: [normal(2, 3, 33), normal(5, 33), normal(5)] as const, note: "leading dims" },
  { args: [normal(7), normal(9, 7), normal(9)] as const, note: "one vector" },
  {
    args: [normal(50, 64), normal(130, 64), normal(130)] as const,
    note: "several blocks of rows and chunks of columns",
  },
  { args: [normal(20, 6), normal(1, 6), normal(1)] as const, note: "one output" },
  { args: [normal(5, 1), normal(9, 1), normal(9)] as const, note: "one input" },
  { args: [normal(3, 0), normal(4, 0), normal(4)] as const, note: "no inputs: the bias" },
  { args: [normal(0, 3), normal(4, 3), normal(4)] as const, note: "no rows" },
  { args: [normal(3, 2), normal(0, 2)] as const, note: "no outputs" },
  { args: [normal(6, 9).transposed, normal(7, 9).strided, normal(7)] as const, note: "views" },
  {
    args: [normal(2, 5, 9).transposed, normal(7, 9).transposed, normal(7).strided] as const,
    note: "views whose rows do not merge",
  },
];
const refused = [
  {
    args: [normal(2, 3), normal(4, 5)] as const,
    throws: /linear: expected x \[\.\.\., 5\] for the weight \[4, 5\], got \[2, 3\]; the weight is \[out, in\]/,
  },
  {
    args: [normal(2, 3), normal(3)] as const,
    throws: /linear: expected a weight \[out, in\], got shape \[3\]; reshape it/,
  },
  {
    args: [normal(2, 3), normal(4, 3), normal(3)] as const,
    throws: /linear: expected a bias \[4\] for the weight \[4, 3\], got \[3\]; reshape it/,
  },
  {
    args: [ints(0, 3, 2, 3), normal(4, 3)] as const,
    throws: /linear: expected float32, got int32; cast\(x, "float32"\) first\?/,
  },
];
/** The same layers with an activation in the pass; without a bias where there is none. */
const activated = (activation: family.Activation, noGradient?: string) =>
  layers.map(({ args: [x, weight, bias = null], note }) => ({
    args: [x, weight, bias, { activation }] as const,
    note: `${activation} ${note ?? ""}`,
    ...(noGradient === undefined ? {} : { noGradient }),
  }));

export const matmulTolerance = sums;
export const matmulSamples = {
  matmul: [
    { args: [normal(4, 5), normal(5, 6)] },
    { args: [normal(1, 1), normal(1, 1)], note: "1 x 1" },
    { args: [normal(7), normal(7)], note: "dot product" },
    { args: [normal(3, 4), normal(4)], note: "a column on the right" },
    { args: [normal(4), normal(4, 9)], note: "a row on the left" },
    { args: [normal(4), normal(2, 4, 3)], note: "a row and a batch" },
    { args: [normal(2, 5, 4), normal(4)], note: "a batch and a column" },
    { args: [normal(65, 33), normal(33, 70)], note: "over every tile width" },
    { args: [normal(47, 25), normal(25, 9)], note: "one less than a block of rows" },
    { args: [normal(49, 3), normal(3, 17)], note: "one more" },
    { args: [normal(6, 513), normal(513, 8)], note: "one more than a block of depth" },
    { args: [normal(200, 1), normal(1, 150)], note: "outer product" },
    { args: [normal(2, 300), normal(300, 40)], note: "few rows" },
    { args: [normal(100, 64), normal(64, 1)], note: "one column" },
    { args: [normal(9, 40).transposed, normal(40, 11).transposed], note: "both transposed" },
    { args: [normal(3, 40), normal(40, 30).transposed], note: "few rows, a transposed right side" },
    { args: [normal(13, 10).strided, normal(10, 12).strided], note: "strided views" },
    { args: [normal(2, 3, 4), normal(2, 4, 5)], note: "batched" },
    { args: [normal(2, 3, 4), normal(4, 5)], note: "one right side for a batch" },
    { args: [normal(3, 4), normal(6, 4, 5)], note: "one left side for a batch" },
    { args: [normal(2, 1, 3, 4), normal(1, 5, 4, 2)], note: "a batch that stretches both ways" },
    { args: [normal(3, 2, 9, 5).transposed, normal(3, 2, 5, 8)], note: "a batch of views" },
    { args: [normal(70, 4, 4), normal(70, 4, 4)], note: "many small ones" },
    { args: [normal(3, 0), normal(0, 2)], note: "no inner size: zeros" },
    { args: [normal(0, 3), normal(3, 2)], note: "no rows" },
    { args: [normal(2, 3), normal(3, 0)], note: "no columns" },
    { args: [normal(0), normal(0)], note: "dot product of nothing" },
    { args: [normal(0, 2, 3), normal(3, 4)], note: "no batch" },
    {
      args: [values([1, Infinity, 0, NaN], [2, 2]), values([1, 2], [2, 1])],
      note: "not finite",
      noGradient: "infinite",
    },
    { args: [normal(4100), normal(4100)], note: "a long dot product, in parts that do not divide it" },
    {
      args: [normal(4, 5), normal(6, 7)],
      throws: /matmul: inner sizes differ, \[4, 5\] @ \[6, 7\] \(5 ≠ 6\); transpose the right side\?/,
    },
    { args: [normal(2, 3, 4), normal(3, 4, 5)], throws: /matmul: shapes \[2\] and \[3\] do not broadcast/ },
    { args: [normal(), normal(2)], throws: /matmul: expected at least 1-d operands, got \[\] @ \[2\]; use mul/ },
    {
      args: [ints(0, 3, 2, 2), normal(2, 2)],
      throws: /matmul: expected float32, got int32; cast\(x, "float32"\) first\?/,
    },
  ],
  addmm: [
    { args: [normal(4, 6), normal(4, 5), normal(5, 6)] },
    { args: [normal(65, 70), normal(65, 33), normal(33, 70)], note: "over every tile width" },
    { args: [normal(6, 8), normal(6, 513), normal(513, 8)], note: "one more than a block of depth" },
    {
      args: [normal(100, 150), normal(100, 30), normal(30, 150)],
      note: "several blocks of rows and chunks of columns",
    },
    { args: [normal(2, 40), normal(2, 300), normal(300, 40)], note: "few rows" },
    { args: [normal(100, 1), normal(100, 64), normal(64, 1)], note: "one column" },
    { args: [normal(2, 3, 5), normal(2, 3, 4), normal(2, 4, 5)], note: "batched" },
    { args: [normal(2, 3, 5), normal(2, 3, 4), normal(4, 5)], note: "one right side for a batch" },
    { args: [normal(9, 11).strided, normal(9, 40).transposed, normal(40, 11).transposed], note: "views" },
    { args: [normal(3, 2), normal(3, 0), normal(0, 2)], note: "no inner size: the input" },
    { args: [normal(0, 2), normal(0, 3), normal(3, 2)], note: "no rows" },
    {
      args: [normal(2), normal(3, 4), normal(4, 2)],
      throws: /addmm: expected an input \[3, 2\] like the product, got \[2\]; expand it/,
    },
    {
      args: [normal(3), normal(3, 4), normal(4)],
      throws: /addmm: expected matrices, got \[3, 4\] @ \[4\]; unsqueeze the vector/,
    },
    {
      args: [ints(0, 3, 3, 2), normal(3, 4), normal(4, 2)],
      throws: /addmm: expected float32, got int32; cast\(x, "float32"\) first\?/,
    },
  ],
  linear: [...layers, ...refused, ...activated("gelu"), ...activated("geluTanh"), ...activated("relu", "corners")],
} satisfies SampleTable<typeof family>;
