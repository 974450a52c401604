import type * as family from "@tessera/tensor/ops/reduce";
import { bools, distinct, ints, normal, normalOf, values } from "../support/generate.ts";
import type { SampleTable } from "../support/sample.ts";

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
  { args: [normal(2, 3), { dim: 2 }] as const, throws: /: dim 2 is outside \[-2, 2\) for shape \[2, 3\]/ },
  { args: [normal(2, 3), { dim: [0, -2] }] as const, throws: /: dim 0 is named twice/ },
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

export const reduceSamples = {
  sum: [
    ...options,
    { args: [bools(0.5, 5, 30), { dim: 1 }], note: "bool counts" },
    { args: [normal(2, 0, 3), { dim: 1 }], note: "the sum of nothing" },
    { args: [normal(0)], note: "no elements" },
    { args: [normalOf(1e4, 1, 5000)], note: "a large mean" },
  ],
  amax: [
    ...extremes,
    noElements,
    { args: [values([1, NaN, 3, 3])], note: "NaN wins", noGradient: "NaN" },
    { args: [normal(2, 0, 3), { dim: 2 }], note: "no rows" },
  ],
  amin: [...extremes, noElements, { args: [values([1, NaN, 3, 3])], note: "NaN wins", noGradient: "NaN" }],
  argmax: [
    { args: [normal(3, 4, 5), 1] },
    { args: [normal(2, 129)] },
    { args: [normal(513, 2), 0, { keepdim: true }] },
    { args: [ints(0, 3, 4, 50)], note: "the first of equal ones" },
    { args: [values([1, NaN, 3, NaN])], note: "NaN wins" },
    { args: [normal()], note: "0-d" },
    { args: [normal(4, 6).transposed, 0], note: "transposed view" },
    { args: [normal(2, 0)], throws: /argmax: expected at least one element/ },
  ],
  cumsum: [
    { args: [normal(3, 4, 5), 1] },
    { args: [normal(2, 129), -1] },
    { args: [normal(6, 5).transposed, 0], note: "transposed view" },
    { args: [ints(-5, 5, 7), 0], note: "int32" },
    { args: [normal(0, 3), 0], note: "no elements" },
  ],
} satisfies SampleTable<typeof family>;
