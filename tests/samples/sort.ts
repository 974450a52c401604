import type { SortOptions, TopkOptions } from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/sort";
import { bools, distinct, ints, normal, values } from "../support/generate.ts";
import { exact, type SampleTable } from "../support/sample.ts";

const edges = [3, NaN, -0, Infinity, 0, -Infinity, NaN, -1, 0, 1e-45, -1e-45];

const orders = [
  { args: [distinct(4, 5)] as const },
  { args: [distinct(4, 5, 3), 1] as const, note: "a dim in the middle" },
  { args: [distinct(4, 5), { dim: 0, descending: true }] as const, note: "descending columns" },
  { args: [values(edges)] as const, note: "NaN, zeros, infinities, subnormals", noGradient: "NaN" },
  { args: [values(edges), { descending: true, stable: true }] as const, note: "NaN first", noGradient: "NaN" },
  { args: [values([1, 1, 0, 1, 0, 0])] as const, note: "equal ones keep their order", noGradient: "a corner" },
  {
    args: [values([1, 1, 0, 1, 0, 0]), { descending: true }] as const,
    note: "equal ones, descending",
    noGradient: "a corner",
  },
  {
    args: [values([5, -2147483648, 2147483647, -1, 0, -2147483648], [6], "int32")] as const,
    note: "the ends of int32",
  },
  { args: [values([5, -2147483648, 2147483647, -1], [4], "int32"), { descending: true }] as const, note: "int32 down" },
  { args: [ints(0, 3, 3, 300)] as const, note: "many equal ones, two tiles" },
  { args: [bools(0.5, 40)] as const, note: "bool" },
  { args: [distinct(2, 17)] as const, note: "a run and one" },
  { args: [distinct(2, 256)] as const, note: "a whole tile" },
  { args: [distinct(2, 257), { descending: true }] as const, note: "a tile and one" },
  { args: [distinct(3, 700)] as const, note: "three tiles: two merges" },
  { args: [ints(-999, 999, 5000)] as const, note: "many merges" },
  { args: [distinct(4, 6).transposed, 0] as const, note: "transposed view" },
  { args: [distinct(3, 8).strided] as const, note: "strided view" },
  { args: [normal()] as const, note: "0-d" },
  { args: [normal(0, 3), 0] as const, note: "no elements" },
  { args: [normal(3, 1)] as const, note: "rows of one" },
  { args: [normal(3), 1] as const, throws: /: dim 1 is outside/ },
  {
    args: [normal(3), { axis: 0 } as SortOptions] as const,
    throws: /: expected options among dim, descending, stable, got "axis"; it is called "dim" here$/,
  },
  {
    args: [normal(3), { descending: 1 as unknown as boolean }] as const,
    throws: /: descending is true or false, got 1$/,
  },
];

export const sortTolerance = exact;
export const sortSamples = {
  argsort: orders,
  sort: orders,
  topk: [
    { args: [distinct(4, 9), 3] },
    { args: [distinct(4, 9, 2), 4, 1], note: "a dim in the middle" },
    { args: [distinct(4, 9), 2, { dim: 0, largest: false, sorted: true }], note: "the smallest of columns" },
    { args: [distinct(4, 9), 9, { sorted: false }], note: "all of them" },
    { args: [distinct(4, 9), 0], note: "none of them", noGradient: "of nothing" },
    { args: [distinct(2, 600), 5], note: "of several tiles" },
    { args: [values(edges), 4], note: "NaN is the largest", noGradient: "NaN" },
    { args: [values(edges), 4, { largest: false }], note: "the smallest of zeros and infinities", noGradient: "NaN" },
    { args: [ints(0, 3, 2, 30), 7], note: "int32, equal ones" },
    { args: [bools(0.5, 9), 5], note: "bool" },
    { args: [distinct(6, 4).transposed, 2], note: "transposed view" },
    { args: [normal(), 1], note: "0-d" },
    {
      args: [normal(3), 4],
      throws: /^topk: expected k to be a whole number from 0 to 3, the length of dim -1, got 4$/,
    },
    { args: [normal(3), 1.5], throws: /^topk: expected k to be a whole number/ },
    { args: [normal(3), 1, 1], throws: /^topk: dim 1 is outside/ },
    {
      args: [normal(3), 1, { descending: true } as TopkOptions],
      throws: /^topk: expected options among dim, largest, sorted, got "descending"; leave it out$/,
    },
  ],
} satisfies SampleTable<typeof family>;
