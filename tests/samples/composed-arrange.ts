import { bools, ints, normal, seeded, uniform, values } from "../support/generate.ts";

const list = (...numbers: number[]) => values(numbers, [numbers.length], "int32");

const scatters = [
  { args: [normal(4, 5), 0, ints(0, 4, 3, 5), normal(3, 5)] as const, note: "several for one place" },
  { args: [normal(4, 5), 1, ints(0, 5, 3, 9), normal(4, 9)] as const, note: "a smaller index, a larger source" },
  { args: [normal(3, 4, 2), -2, ints(0, 4, 3, 6, 2), normal(3, 6, 2)] as const, note: "a dim in the middle" },
  { args: [normal(6, 5).transposed, 0, ints(0, 6, 7, 5).transposed, normal(7, 5).transposed] as const, note: "views" },
  { args: [ints(0, 9, 7), 0, list(6, 0, 6, 2), list(-1, -2, -3, -4)] as const, note: "int32" },
  { args: [normal(7), 0, ints(0, 7, 0), normal(3)] as const, note: "no indices" },
  { args: [normal(), 0, values([0], [], "int32"), normal()] as const, note: "0-d" },
  { args: [normal(7), 0, list(1, 7), normal(2)] as const, throws: /index 7 is outside/ },
  {
    args: [normal(7), 0, list(1, 2), normal(1)] as const,
    throws: /: expected a source at least as large as the index \[2\], got \[1\]$/,
  },
  {
    args: [normal(7, 2), 0, list(1, 2), normal(2)] as const,
    throws: /: expected an index of 2 dims within \[7, 2\] except at dim 0, got \[2\]$/,
  },
] as const;
const reduce = (one: "sum" | "prod" | "mean" | "amax" | "amin") => [
  { args: [normal(4, 5), 0, ints(0, 4, 3, 5), normal(3, 5), { reduce: one }] as const, note: one },
  {
    args: [normal(3, 4), 1, ints(0, 4, 3, 9), normal(3, 9), { reduce: one, includeSelf: false }] as const,
    note: `${one} without self`,
  },
];

export const composedArrangeSamples = {
  slice: [
    { args: [normal(2, 3, 9), 2, { start: 1, end: -1, step: 3 }] as const },
    { args: [normal(5, 4).transposed, 0, { step: 2 }] as const },
    { args: [normal(2, 6), 1, { step: -1 }] as const, note: "backwards" },
    { args: [normal(9, 2), 0, { start: 7, end: 1, step: -3 }] as const, note: "backwards, both ends" },
    { args: [normal(9), 0, { start: -2, end: -8, step: -2 }] as const, note: "backwards, counted from the back" },
    { args: [normal(9), 0, { start: 99, end: -99, step: -4 }] as const, note: "backwards, cut" },
    {
      args: [normal(9), 0, { start: 2, end: 5, step: -1 }] as const,
      note: "backwards, nothing",
      noGradient: "of nothing",
    },
    { args: [normal(0, 3), 0, { step: -1 }] as const, note: "backwards, no elements" },
    { args: [bools(0.5, 4, 5).transposed, 0, { step: -2 }] as const, note: "backwards, a view of bool" },
    { args: [normal(5), 0, { step: 0 }] as const, throws: /^slice: step is a whole number that is not 0, got 0$/ },
  ],
  pad: [
    { args: [normal(2, 3, 4), [1, 2, 0, 1]] as const },
    { args: [normal(3, 5), [-1, 2], 7] as const, note: "cuts and fills" },
    { args: [ints(0, 9, 3), [2, 0], 5] as const, note: "int32" },
    { args: [bools(0.5, 3, 3).transposed, [1, 1, 1, 1], 1] as const, note: "bool" },
    { args: [normal(2, 3), [1, 0], { value: 4 }] as const, note: "options" },
    { args: [normal(2, 3, 4), [3, 2, 1, 2], { mode: "reflect" }] as const, note: "reflect" },
    { args: [normal(2, 3, 4), [5, 2, 0, 7], { mode: "replicate" }] as const, note: "replicate" },
    { args: [normal(2, 3, 4), [4, 2, 1, 3], { mode: "circular" }] as const, note: "circular" },
    { args: [normal(2, 5), [-2, 2], { mode: "reflect" }] as const, note: "reflect, cut" },
    { args: [ints(0, 9, 4).strided, [2, 1], { mode: "circular" }] as const, note: "circular, a view of int32" },
    { args: [normal(2), [0, 0], { mode: "replicate" }] as const, note: "nothing to add" },
    {
      args: [normal(2, 3), [3, 0], { mode: "reflect" }] as const,
      throws: /^pad: 3 and 0 are more than dim 1 of \[2, 3\] has for reflect$/,
    },
    {
      args: [normal(3), [1, 1], { mode: "mirror" as "reflect" }] as const,
      throws: /^pad: expected constant, reflect, replicate or circular/,
    },
    {
      args: [normal(3), [1]] as const,
      throws: /pad: expected up to 1 pairs of whole numbers for shape \[3\], got \[1\]/,
    },
  ],
  unflatten: [
    { args: [normal(2, 12), 1, [3, -1]] as const },
    { args: [normal(12), -1, [3, 1, 4]] as const },
    { args: [normal(6, 4).transposed, 0, [2, 3]] as const, note: "a view" },
    {
      args: [normal(2, 12), 1, [5, -1]] as const,
      throws: /^unflatten: expected sizes that multiply to 12, dim 1 of \[2, 12\], got \[5, -1\]$/,
    },
    { args: [normal(2, 12), 1, [3, 3]] as const, throws: /^unflatten: expected sizes that multiply to 12/ },
  ],
  broadcastTo: [
    { args: [normal(3, 1), [2, 3, 4]] as const },
    { args: [normal(3), [2, 4]] as const, throws: /^broadcastTo: / },
  ],
  repeatInterleave: [
    { args: [normal(2, 3), 2] as const, note: "all in a row" },
    { args: [normal(2, 3, 2), 3, { dim: 1 }] as const },
    { args: [normal(3, 4).transposed, [2, 0, 3], { dim: 0 }] as const, note: "each as often as it says" },
    { args: [ints(0, 9, 3), 0] as const, note: "never" },
    { args: [normal(), 3] as const, note: "0-d" },
    { args: [normal(3), [1, 2]] as const, throws: /^repeatInterleave: expected 3 repeats for dim 0 of \[3\], got 2$/ },
    { args: [normal(3), -1] as const, throws: /^repeatInterleave: a repeat is a whole number from 0 up, got -1$/ },
  ],
  diag: [
    { args: [normal(4)] as const },
    { args: [normal(3), 2] as const, note: "to the right" },
    { args: [values([1, Infinity, NaN]), -1] as const, note: "below, not finite", noGradient: "no finite differences" },
    { args: [normal(3, 4), 1] as const, note: "of a matrix" },
    { args: [bools(0.5, 3)] as const, note: "bool" },
    { args: [normal(0), 2] as const, note: "of nothing" },
    { args: [normal(2, 2, 2)] as const, throws: /^diag: expected a vector or a matrix, got \[2, 2, 2\]$/ },
  ],
  meshgrid: [
    { args: [[normal(2), normal(3), normal(4)]] as const },
    { args: [[normal(2), normal(3), normal()], { indexing: "xy" }] as const, note: "xy" },
    { args: [[normal(3)], { indexing: "xy" }] as const, note: "one" },
    { args: [[]] as const, throws: /^meshgrid: at least one vector expected, got none$/ },
    { args: [[normal(2, 2)]] as const, throws: /^meshgrid: vectors expected, got \[2, 2\]$/ },
  ],
  scatter: [
    ...scatters,
    { args: [normal(4, 5), 0, ints(0, 4, 3, 5), 7] as const, note: "a number" },
    { args: [bools(0.5, 7), 0, list(6, 0, 6), bools(0.5, 3)] as const, note: "bool" },
  ],
  scatterReduce: [
    ...reduce("sum"),
    ...reduce("prod"),
    ...reduce("mean"),
    ...reduce("amax"),
    ...reduce("amin"),
    ...scatters.map(({ args: [x, dim, index, source], ...rest }) => ({
      ...rest,
      args: [x, dim, index, source, { reduce: "amax" }] as const,
      noGradient: "two elements may be nearly equal",
    })),
    {
      args: [normal(3), 0, list(0), normal(1), { reduce: "median" as "sum" }] as const,
      throws: /^scatterReduce: expected sum, mean, prod, amax, amin as reduce, got median$/,
    },
  ],
  gatherNd: [
    { args: [normal(3, 4, 2), ints(0, 3, 5, 2)] as const },
    { args: [normal(3, 4, 2), ints(0, 2, 2, 3, 3)] as const, note: "elements" },
    { args: [normal(3, 4), ints(0, 3, 2, 0)] as const, note: "everything", noGradient: "a copy of it all" },
    { args: [normal(3, 4), values([0, 4], [1, 2], "int32")] as const, throws: /index -1 is outside/ },
    { args: [normal(3), ints(0, 3, 2, 2)] as const, throws: /^gatherNd: expected indices \[…, k\] with k up to 1/ },
    {
      args: [normal(3), normal(2, 1)] as const,
      throws: /^gatherNd: the indices are int32, got float32; cast them first$/,
    },
  ],
  scatterNd: [
    { args: [ints(0, 3, 5, 2), normal(5, 2), [3, 3, 2]] as const },
    { args: [ints(0, 4, 2, 3, 1), ints(0, 9, 2, 3), [4]] as const, note: "int32" },
    { args: [ints(0, 4, 3, 1), normal(2), [4]] as const, throws: /^scatterNd: expected updates \[3\], got \[2\]$/ },
  ],
  segmentSum: [
    { args: [normal(5, 3), list(2, 0, 2, 2, 0), 4] as const },
    { args: [ints(0, 9, 5), list(2, 0, 2, 2, 0), 3] as const, note: "int32" },
    { args: [normal(2), list(0, 2), 2] as const, throws: /index 2 is outside/ },
  ],
  searchsorted: [
    { args: [values([1, 3, 3, 5, 7]), values([0, 1, 3, 4, 7, 8, NaN, -Infinity])] as const },
    {
      args: [values([1, 3, 3, 5, 7]), values([0, 1, 3, 4, 7, 8, NaN, Infinity], [2, 4]), { right: true }] as const,
      note: "right",
    },
    { args: [values([1, 2, 3, 4, 5, 6], [2, 3]), normal(2, 9)] as const, note: "rows" },
    { args: [list(1, 3, 3, 5), ints(0, 7, 12)] as const, note: "int32" },
    { args: [normal(0), normal(3)] as const, note: "in nothing" },
    { args: [normal(3), ints(0, 3, 3)] as const, throws: /^searchsorted: dtypes differ/ },
    {
      args: [normal(2, 3), normal(3, 3)] as const,
      throws: /^searchsorted: expected sorted \[n\], or the leading dims of both alike/,
    },
  ],
  multinomial: [
    { args: [uniform(0.1, 1, 7), 100, { replacement: true, generator: seeded(3) }] as const },
    {
      args: [values([0, 1, 0, 3, 0, 0, 2, 0], [2, 4]), 50, { replacement: true, generator: seeded(4) }] as const,
      note: "zeros",
    },
    { args: [uniform(0.1, 1, 3, 9), 9, { generator: seeded(5) }] as const, note: "without replacement" },
    { args: [normal(3), 4] as const, throws: /^multinomial: at most 3 draws without replacement expected, got 4$/ },
    { args: [normal(2, 2, 2), 1] as const, throws: /^multinomial: expected weights \[n\] or \[rows, n\]/ },
  ],
};
