import type { ReduceOptions, VarOptions } from "@tessera/tensor";
import type { composed } from "@tessera/tensor/families";
import { bools, distinct, ints, normal, normalOf, seeded, values } from "../support/generate.ts";
import type { SampleTable } from "../support/sample.ts";
import { composedArrangeSamples } from "./composed-arrange.ts";
import { composedArithmeticSamples } from "./composed-arithmetic.ts";
import { composedElementwiseSamples } from "./composed-elementwise.ts";
import { runs } from "./reduce.ts";

const truths = [
  { args: [bools(0.3, 4, 5), { dim: 1 }] as const },
  { args: [values([0, 0, NaN, 1, -0, 0], [2, 3]), { dim: 0, keepdim: true }] as const, note: "NaN, zeros" },
  { args: [ints(0, 2, 3, 4)] as const, note: "int32" },
  { args: [normal(2, 0), 1] as const, note: "of nothing" },
  { args: [normal(3), 1] as const, throws: /: dim 1 is outside/ },
];

const choices = [
  { args: [distinct(4, 5, 3), 1] as const },
  { args: [distinct(4, 5), { dim: 0, keepdim: true }] as const, note: "keepdim" },
  { args: [values([3, NaN, 1, NaN])] as const, note: "NaN first", noGradient: "NaN" },
  { args: [ints(0, 4, 3, 9)] as const, note: "int32, equal ones" },
  { args: [normal()] as const, note: "0-d" },
  { args: [normal(2, 0)] as const, throws: /: expected at least one element to choose from/ },
  { args: [normal(3), 1] as const, throws: /: dim 1 is outside/ },
];

export const composedSamples = {
  ...composedElementwiseSamples,
  ...composedArithmeticSamples,
  ...composedArrangeSamples,
  max: choices,
  min: choices,
  prod: [
    { args: [normal(3, 7, 2), { dim: 1 }] },
    { args: [normal(5)] },
    { args: [normal(3, 4, 2), { dim: [0, 2], keepdim: true }] },
    { args: [values([2, 0, 3, 0, 0, 4, 5, 6, 7], [3, 3]), 1], note: "zeros" },
    { args: [values([NaN, 0, Infinity, 0, 1e30, 1e30], [3, 2]), 1], note: "edges", noGradient: "infinite" },
    { args: [ints(-9, 9, 3, 12), 1], note: "int32, which wraps around" },
    { args: [bools(0.8, 3, 3), 1], note: "bool" },
    { args: [normal(2, 0), 1], note: "of nothing" },
    { args: [normal()], note: "0-d" },
    { args: [normal(3), 1], throws: /^prod: dim 1 is outside/ },
  ],
  cumprod: [
    { args: [normal(3, 7, 2), 1] },
    { args: [values([2, 0, 3, 0, 5]), { dim: 0 }], note: "zeros" },
    { args: [ints(-9, 9, 3, 12), -1], note: "int32" },
    { args: [bools(0.8, 9), 0], note: "bool" },
    { args: [normal(2, 0), 1], note: "nothing" },
    { args: [normal(), 0], note: "0-d" },
    ...runs,
    { args: [normal(3), 1], throws: /^cumprod: dim 1 is outside/ },
  ],
  all: truths,
  any: truths,
  argmin: [
    { args: [distinct(4, 5)] },
    { args: [distinct(4, 5, 3), { dim: 1, keepdim: true }] },
    { args: [values([3, NaN, 1, NaN]), 0], note: "NaN first" },
    { args: [values([5, -2147483648, 2147483647, -2147483648], [4], "int32")], note: "the ends of int32, equal ones" },
    { args: [normal(2, 0)], throws: /^argmin: expected at least one element to choose from/ },
  ],
  randperm: [
    ...[5, 0, 1, 3000].map((n) => ({ args: [n, { generator: seeded(n + 7) }] as const, within: "equal" as const })),
    { args: [-1] as const, throws: /^randperm: n is a whole number from 0 up, got -1$/ },
  ],
  bmm: [
    { args: [normal(3, 2, 4), normal(3, 4, 5)] },
    { args: [normal(3, 2, 4), normal(1, 4, 5)], throws: /^bmm: sizes that agree expected, got 3 and 1$/ },
    { args: [normal(2, 4), normal(3, 4, 5)], throws: /^bmm: expected 3 dims of a, got \[2, 4\]$/ },
  ],
  dot: [
    { args: [normal(9), normal(9)] },
    { args: [ints(-9, 9, 5), ints(-9, 9, 5)], note: "int32" },
    { args: [normal(0), normal(0)], note: "of nothing" },
    { args: [normal(3), normal(1)], throws: /^dot: sizes that agree expected, got 3 and 1$/ },
  ],
  mv: [
    { args: [normal(3, 4), normal(4)] },
    { args: [normal(3, 4).transposed, normal(4)], note: "a view" },
    { args: [normal(3, 4), normal(3)], throws: /^mv: sizes that agree expected, got 4 and 3$/ },
  ],
  outer: [
    { args: [normal(3), normal(4)] },
    { args: [ints(-9, 9, 3), ints(-9, 9, 2)], note: "int32" },
    { args: [normal(3, 1), normal(4)], throws: /^outer: expected 1 dims of a, got \[3, 1\]$/ },
  ],
  einsum: [
    { args: ["bhqd,bhkd->bhqk", normal(2, 3, 4, 5), normal(2, 3, 6, 5)] },
    { args: ["ij,jk,kl->il", normal(2, 3), normal(3, 4), normal(4, 5)], note: "three operands" },
    { args: ["ij->ji", normal(2, 3)], note: "a transpose" },
    { args: ["ab,cb", normal(2, 3), normal(4, 3)], note: "without an arrow" },
    { args: ["ij,k->", normal(2, 3), normal(4)], note: "everything summed" },
    { args: ["ij,jk->ik", normal(2, 3), normal(4, 5)], throws: /einsum: "j" is 3 and 4; sizes of one letter agree/ },
    { args: ["ii->i", normal(3, 3)], note: "a diagonal" },
    { args: ["ii", normal(3, 3)], note: "the trace" },
    { args: ["biji,jk->bik", normal(2, 3, 4, 3), normal(4, 5)], note: "a diagonal in a product" },
    { args: ["...ij,...jk->...ik", normal(2, 1, 3, 4), normal(5, 4, 2)], note: "an ellipsis that broadcasts" },
    { args: ["b...,...b", normal(2, 3), normal(3, 2)], note: "an ellipsis, without an arrow" },
    { args: ["...i->...", normal(2, 3, 4)], note: "an ellipsis, one operand" },
    { args: ["i...->...i", normal(4)], note: "an ellipsis of nothing" },
    { args: ["...ij->ij", normal(2, 3, 4)], note: "an ellipsis that is summed" },
    { args: ["ij...", normal(2)], throws: /^einsum: "ij\.\.\." names 2 dims, operand 0 is \[2\]$/ },
    { args: ["ij->i->j", normal(2, 2)], throws: /^einsum: expected letters as in/ },
    { args: ["ij->k", normal(2, 2)], throws: /einsum: output letter "k" is in no operand/ },
    { args: ["ij,jk->ik", normal(2, 2)], throws: /einsum: "ij,jk->ik" names 2 operands, 1 came/ },
    { args: ["i.j", normal(2, 2)], throws: /einsum: expected letters as in/ },
  ],
  flip: [
    { args: [normal(2, 3, 4), [0, 2]] },
    { args: [ints(0, 9, 5), [0]], note: "int32" },
    { args: [normal(3), [1]], throws: /flip: dim 1 is outside/ },
  ],
  logsumexp: [
    { args: [normalOf(0, 10, 3, 4), { dim: 1 }] },
    { args: [normalOf(1000, 1, 2, 5)], note: "would overflow" },
    { args: [values([-Infinity, -Infinity]), { dim: 0 }], note: "nothing but −∞", noGradient: "infinite" },
    { args: [normal(2, 0), { dim: 1 }], note: "of nothing", noGradient: "infinite" },
    { args: [normal(3, 4), [1]], note: "dims alone" },
    { args: [normal(3, 4), { dim: 2 }], throws: /^logsumexp: dim 2 is outside/ },
    {
      args: [normal(3, 4), { keepdim: "yes" as unknown as boolean }],
      throws: /^logsumexp: keepdim is true or false, got "yes"$/,
    },
  ],
  mean: [
    { args: [normal(3, 4, 5), { dim: [0, 2], keepdim: true }] },
    { args: [normal()] },
    { args: [normal(0, 2), { dim: 0 }], note: "of nothing", noGradient: "NaN" },
    { args: [normal(3, 4), 1], note: "a dim alone" },
    { args: [normal(3, 4), { dim: undefined, keepdim: undefined }], note: "options that are undefined" },
    { args: [normal(3, 4), { dim: 2 }], throws: /^mean: dim 2 is outside/ },
    {
      args: [normal(3, 4), { axis: 1 } as ReduceOptions],
      throws: /^mean: expected options among dim, keepdim, got "axis"; it is called "dim" here$/,
    },
  ],
  diagonal: [
    { args: [normal(4, 5)] },
    { args: [normal(4, 5), 2], note: "above" },
    { args: [normal(2, 4, 3), -1, 1, -1], note: "below, of a batch" },
    { args: [normal(3, 2), 7], note: "outside", noGradient: "of nothing" },
    { args: [values([NaN, 1, 2, Infinity], [2, 2])], note: "NaN and infinity", noGradient: "NaN" },
    { args: [normal(2, 3), 0, 1, -1], throws: /^diagonal: expected two dims of/ },
    { args: [normal(3)], throws: /^diagonal: dim 1 is outside/ },
  ],
  unbind: [
    { args: [normal(2, 3)] },
    { args: [normal(2, 3, 2), -1], note: "the last dim" },
    { args: [normal(2, 3), 2], throws: /^unbind: dim 2 is outside/ },
  ],
  roll: [
    { args: [normal(2, 5), 2, 1] },
    { args: [normal(2, 3), -1] },
    { args: [normal(2, 3), 3, 1], note: "all the way round" },
  ],
  stack: [
    { args: [[normal(2, 3), normal(2, 3).transposed], 1] },
    { args: [[normal(2), normal(3)]], throws: /stack: shapes may differ at dim 0 only/ },
  ],
  std: [
    { args: [normal(3, 7), { dim: 1 }] },
    { args: [normal(3, 7), -1], note: "a dim alone" },
    {
      args: [values([2, 2, 2, 1, 2, 3], [2, 3]), { dim: 1 }],
      note: "equal values: the gradient is 0",
      noGradient: "a corner",
    },
    { args: [normal(3, 7), { dim: 1, correction: undefined }], note: "an option that is undefined" },
    { args: [normal(3, 7), { dim: 2 }], throws: /^std: dim 2 is outside/ },
    {
      args: [normal(3, 7), { ddof: 0 } as VarOptions],
      throws: /^std: expected options among dim, keepdim, correction, got "ddof"; it is called "correction" here$/,
    },
  ],
  tile: [
    { args: [normal(2, 3), [2, 1, 3]] },
    { args: [normal(2, 3), [2]], throws: /tile: expected a repeat for each dim of \[2, 3\], got \[2\]/ },
  ],
  tril: [
    { args: [normal(2, 4, 3)] },
    { args: [normal(3, 3), -1] },
    { args: [normal(3)], throws: /tril: expected at least 2 dims, got \[3\]/ },
  ],
  triu: [{ args: [normal(2, 4, 3), 1] }, { args: [normal(3, 3).transposed, -1] }],
  variance: [
    { args: [normal(3, 4, 5), { dim: [0, 2], correction: 0 }] },
    { args: [normal(7)] },
    { args: [normal(3, 4), 0], note: "a dim alone" },
    {
      args: [normal(3), { correction: true as unknown as number }],
      throws: /^variance: correction is a number, got true$/,
    },
    {
      args: [normalOf(1000, 1e-3, 2, 16), { dim: 1 }],
      note: "a large mean",
      noGradient: "the step is larger than the deviation",
    },
  ],
  vectorNorm: [
    { args: [normal(4, 9), { dim: -1 }] },
    { args: [distinct(3, 5), { p: 1 }], noGradient: "a corner at 0" },
    { args: [normal(3, 5), { p: 3, dim: 0 }], noGradient: "steep near 0" },
    { args: [distinct(3, 5), { p: Infinity }] },
    { args: [values([0, 0, 0])], note: "of zero: the gradient is 0", noGradient: "a corner" },
    { args: [values([0, 8, -8]), { p: 1 / 3 }], note: "a zero among others", noGradient: "a corner" },
    { args: [normal(4, 9), 1], note: "a dim alone" },
    { args: [normal(3), { dim: 1 }], throws: /^vectorNorm: dim 1 is outside/ },
    { args: [normal(3), { p: "fro" as unknown as number }], throws: /^vectorNorm: p is a number, got "fro"$/ },
    { args: [normal(3), { p: -1 }], throws: /vectorNorm: p is 0 or more, got -1/ },
  ],
} satisfies SampleTable<typeof composed>;
