import type * as family from "@tessera/tensor/ops/reduce";
import { bools, distinct, ints, normal, normalOf, values } from "../support/generate.ts";
import type { ArgmaxOptions } from "@tessera/tensor";
import { sums, type SampleTable } from "../support/sample.ts";

const options = [
  { args: [normal(3, 4, 5), { dim: 1 }] as const },
  { args: [normal(3, 4, 5), { dim: [0, 2], keepdim: true }] as const, note: "two dims apart" },
  { args: [normal(3, 4, 5)] as const, note: "all dims" },
  { args: [normal(7), { dim: 0 }] as const },
  { args: [normal()] as const, note: "0-d" },
  { args: [normal(2, 129), { dim: -1, keepdim: true }] as const, note: "not a multiple of the lane width" },
  { args: [normal(513, 2), { dim: 0 }] as const, note: "columns" },
  { args: [normal(70000)] as const, note: "over several tasks" },
  { args: [normal(4, 6, 5).transposed, { dim: [1, 2] }] as const, note: "transposed view" },
  { args: [normal(3, 8).strided, { dim: 1 }] as const, note: "strided view" },
  { args: [ints(-9, 9, 5, 6), { dim: 1 }] as const, note: "int32" },
  { args: [normal(3, 4, 5), 1] as const, note: "a dim alone" },
  { args: [normal(3, 4, 5), [0, -1]] as const, note: "dims alone" },
  { args: [normal(3, 4), null] as const, note: "null for all dims" },
  { args: [normal(3, 4), { dim: undefined, keepdim: undefined }] as const, note: "options that are undefined" },
  { args: [normal(2, 3), { dim: 2 }] as const, throws: /: dim 2 is outside \[-2, 2\) for shape \[2, 3\]/ },
  { args: [normal(2, 3), { dim: [0, -2] }] as const, throws: /: dim 0 is named twice/ },
];
/** What is no option is refused, not passed over: a misspelt dim would sum everything. */
const refused = (name: string) => [
  {
    args: [normal(2, 3), { axis: 1 } as ArgmaxOptions] as const,
    throws: new RegExp(`^${name}: expected options among dim, keepdim.*, got "axis"; it is called "dim" here$`),
  },
  {
    args: [normal(2, 3), { dim: 1, keepDims: true } as ArgmaxOptions] as const,
    throws: new RegExp(`^${name}: expected options among dim, keepdim.*, got "keepDims"; it is called "keepdim" here$`),
  },
  {
    args: [normal(2, 3), { dim: 1, out: 0 } as ArgmaxOptions] as const,
    throws: new RegExp(`^${name}: expected options among dim, keepdim.*, got "out"; leave it out$`),
  },
  {
    args: [normal(2, 3), { dim: "1" as unknown as number }] as const,
    throws: new RegExp(`^${name}: dim is a number.*, got "1"$`),
  },
  {
    args: [normal(2, 3), "1" as unknown as number] as const,
    throws: new RegExp(`^${name}: dim is a number.*, got "1"$`),
  },
  {
    args: [normal(2, 3), { dim: 1, keepdim: 1 as unknown as boolean }] as const,
    throws: new RegExp(`^${name}: keepdim is true or false, got 1$`),
  },
];
const noElements = {
  args: [normal(2, 0, 3), { dim: 1 }] as const,
  throws: /: expected at least one element to choose from, got shape \[2, 0, 3\]/,
};

const extremes = options.map((sample) => {
  const [x, ...rest] = sample.args;
  return x.dtype === "float32" && !("throws" in sample)
    ? { ...sample, args: [distinct(...x.shape), ...rest] as const }
    : sample;
});

/** How running sums and products go. */
export const runs = [
  { args: [normal(3, 4, 5), { dim: 1, exclusive: true }] as const, note: "exclusive" },
  { args: [normal(3, 4, 5), { dim: 0, reverse: true }] as const, note: "reverse" },
  { args: [normal(3, 4), { dim: -1, exclusive: true, reverse: true }] as const, note: "exclusive, reverse" },
  { args: [ints(-5, 5, 7), { dim: 0, exclusive: true }] as const, note: "exclusive, int32" },
  { args: [normal(), { dim: 0, exclusive: true }] as const, note: "exclusive, 0-d" },
  { args: [normal(3, 0), { dim: 1, exclusive: true }] as const, note: "exclusive, nothing" },
  { args: [normal(3, 1), { dim: 1, exclusive: true, reverse: true }] as const, note: "exclusive, of one" },
];

export const reduceTolerance = sums;
export const reduceSamples = {
  sum: [
    ...options,
    { args: [bools(0.5, 5, 30), { dim: 1 }], note: "bool counts" },
    { args: [normal(2, 0, 3), { dim: 1 }], note: "the sum of nothing" },
    { args: [normal(0)], note: "no elements" },
    { args: [normalOf(1e4, 1, 5000)], note: "a large mean" },
    ...refused("sum"),
  ],
  amax: [
    ...extremes,
    { args: [bools(0.3, 4, 5), 1], note: "bool" },
    noElements,
    { args: [values([1, NaN, 3, 3])], note: "NaN wins", noGradient: "NaN" },
    { args: [normal(2, 0, 3), { dim: 2 }], note: "no rows" },
    ...refused("amax"),
  ],
  amin: [
    ...extremes,
    { args: [bools(0.7, 4, 5), { dim: 0, keepdim: true }], note: "bool" },
    noElements,
    { args: [values([1, NaN, 3, 3])], note: "NaN wins", noGradient: "NaN" },
    ...refused("amin"),
  ],
  argmax: [
    { args: [normal(3, 4, 5), 1] },
    { args: [normal(2, 129)] },
    { args: [normal(513, 2), 0, { keepdim: true }] },
    { args: [ints(0, 3, 4, 50)], note: "the first of equal ones" },
    { args: [values([1, NaN, 3, NaN])], note: "NaN wins" },
    { args: [normal()], note: "0-d" },
    { args: [normal(4, 6).transposed, 0], note: "transposed view" },
    { args: [normal(2, 0)], throws: /argmax: expected at least one element/ },
    { args: [normal(3, 4, 5), { dim: 1, keepdim: true }], note: "options" },
    { args: [normal(3, 4, 5), { dim: 0 }, { keepdim: true }], note: "options in two places" },
    { args: [normal(3, 4), { dim: undefined, keepdim: undefined }], note: "options that are undefined" },
    { args: [normal(3, 4), undefined, { keepdim: undefined }], note: "arguments that are undefined" },
    ...refused("argmax"),
    {
      args: [normal(2, 3), 1, { keepDim: true } as object],
      throws: /^argmax: expected options among dim, keepdim, got "keepDim"; it is called "keepdim" here$/,
    },
    { args: [normal(2, 3), { dim: null as unknown as number }], throws: /^argmax: dim is a number, got null$/ },
    { args: [normal(2, 3), [0] as unknown as number], throws: /^argmax: dim is a number, got \[0\]$/ },
  ],
  cumsum: [
    { args: [normal(3, 4, 5), 1] },
    { args: [normal(2, 129), -1] },
    { args: [normal(6, 5).transposed, 0], note: "transposed view" },
    { args: [ints(-5, 5, 7), 0], note: "int32" },
    { args: [bools(0.5, 3, 7), 1], note: "bool counts" },
    { args: [normal(0, 3), 0], note: "no elements" },
    { args: [normal(3, 4, 5), { dim: -2 }], note: "options" },
    ...runs,
    { args: [normal(3), {} as { dim: number }], throws: /^cumsum: expected a dim, got none; say along which one/ },
    { args: [normal(3), undefined as unknown as number], throws: /^cumsum: expected a dim, got none/ },
    {
      args: [normal(3), { axis: 0 } as unknown as { dim: number }],
      throws: /^cumsum: expected options among dim, exclusive, reverse, got "axis"; it is called "dim" here$/,
    },
    { args: [normal(3), { dim: true as unknown as number }], throws: /^cumsum: dim is a number, got true$/ },
  ],
} satisfies SampleTable<typeof family>;
