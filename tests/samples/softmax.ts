import type { DimOptions } from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/softmax";
import { ints, normal, normalOf, values } from "../support/generate.ts";
import { sums, type SampleTable } from "../support/sample.ts";

const lineOf = (length: number, value: (i: number) => number): number[] => Array.from({ length }, (_, i) => value(i));
/** Four lines of 37: with NaN, with +∞, with finite values only in its last place, and with nothing but −∞. */
const longExtremes = [
  ...lineOf(37, (i) => (i === 20 ? NaN : i)),
  ...lineOf(37, (i) => (i === 5 ? Infinity : -i)),
  ...lineOf(37, (i) => (i === 36 ? 3 : -Infinity)),
  ...lineOf(37, () => -Infinity),
];

const lines = [
  { args: [normal(3, 129)] as const, note: "not a multiple of the lane width" },
  { args: [normalOf(0, 5, 3, 4, 5), 1] as const, note: "a dim in the middle" },
  { args: [normalOf(0, 5, 7, 6), 0] as const, note: "columns" },
  { args: [normal(2, 3, 1), -1] as const, note: "one element a line" },
  { args: [normal()] as const, note: "0-d" },
  { args: [normal(0, 3)] as const, note: "no lines" },
  { args: [normal(3, 0)] as const, note: "no elements in a line" },
  { args: [normal(40, 500)] as const, note: "several tasks" },
  { args: [normal(2, 33, 600), 1] as const, note: "several tasks of columns" },
  { args: [normal(2, 20000)] as const, note: "a line longer than a task" },
  { args: [normal(5, 9).transposed] as const, note: "transposed view" },
  { args: [normal(4, 6).strided, 0] as const, note: "strided view" },
  { args: [normalOf(0, 5, 3, 4, 5), { dim: 1 }] as const, note: "options" },
  { args: [normal(3, 4), { dim: undefined }] as const, note: "an option that is undefined" },
  { args: [normal(2), { dim: 1 }] as const, throws: /oftmax: dim 1 is outside \[-1, 1\) for shape \[2\]/ },
  {
    args: [normal(2, 3), { axis: 0 } as DimOptions] as const,
    throws: /oftmax: expected options among dim, got "axis"; it is called "dim" here$/,
  },
  { args: [normal(2, 3), { dim: 0, dtype: "float32" } as DimOptions] as const, throws: /, got "dtype"; leave it out$/ },
  { args: [normal(2, 3), "0" as unknown as number] as const, throws: /oftmax: dim is a number, got "0"$/ },
  { args: [normal(2, 3), { dim: [0] as unknown as number }] as const, throws: /oftmax: dim is a number, got \[0\]$/ },
  { args: [normal(2), 1] as const, throws: /oftmax: dim 1 is outside \[-1, 1\) for shape \[2\]/ },
  { args: [ints(0, 5, 3)] as const, throws: /oftmax: expected float32, got int32; cast\(x, "float32"\) first\?/ },
];
const extreme = [
  {
    args: [values([1e4, 1e4, -1e4, 0, -1e30, 3, 88, 89, 90], [3, 3])] as const,
    note: "extreme values",
    noGradient: "too steep for differences",
  },
  {
    args: [values([-Infinity, 0, 1, -Infinity, -Infinity, 2], [2, 3])] as const,
    note: "masked",
    noGradient: "infinite",
  },
  {
    args: [values([-Infinity, -Infinity, NaN, 1, Infinity, 0], [3, 2])] as const,
    note: "nothing but −∞, NaN, +∞",
    noGradient: "NaN",
  },
  {
    args: [values([-Infinity, -Infinity, NaN, 1, Infinity, 0], [2, 3]), 0] as const,
    note: "the same down columns",
    noGradient: "NaN",
  },
  { args: [values(longExtremes, [4, 37])] as const, note: "the same in long lines", noGradient: "NaN" },
];
const pairs = [
  { args: [normal(3, 129), normal(3, 129)] as const },
  { args: [normal(3, 4, 5), normal(3, 4, 5), 1] as const },
  { args: [normal(), normal()] as const, note: "0-d" },
  { args: [normal(0, 2), normal(0, 2)] as const, note: "no lines" },
  { args: [normal(5, 70).transposed, normal(5, 70).strided] as const, note: "views" },
  {
    args: [normal(3), normal(4)] as const,
    throws: /Backward: dy and y have one shape, got \[3\] and \[4\]; expand dy/,
  },
];

export const softmaxTolerance = sums;
export const softmaxSamples = {
  softmax: [...lines, ...extreme],
  logSoftmax: [...lines, ...extreme],
  softmaxBackward: pairs,
  logSoftmaxBackward: pairs,
} satisfies SampleTable<typeof family>;
