import type * as family from "@tessera/tensor/ops/elementwise";
import { aboveWhole, bools, ints, normal, normalOf, offCorners, uniform, values } from "../support/generate.ts";
import { each, type SampleTable } from "../support/sample.ts";
import { bitPairs, divisions } from "./composed-arithmetic.ts";

const EXTREME = [-1e4, -100, -20, -5, -1e-6, 0, 1e-6, 5, 20, 100, 1e4];
const extreme = { args: [values(EXTREME)] as const, note: "extreme values", noGradient: "too steep for differences" };
const special = {
  args: [values([NaN, Infinity, -Infinity, -0])] as const,
  note: "NaN, infinities",
  noGradient: "no finite differences",
};
/** What every function of one float tensor is tried on. */
const smooth = [
  { args: [normal(4, 5)] as const },
  { args: [normal(1)] as const },
  { args: [normal()] as const, note: "0-d" },
  { args: [normal(0, 3)] as const, note: "no elements" },
  { args: [normal(3, 1, 17)] as const, note: "not a multiple of the lane width" },
  { args: [normal(8193)] as const, note: "over one task" },
  { args: [normal(5, 7).transposed] as const, note: "transposed view" },
  { args: [normal(3, 4).strided] as const, note: "strided view" },
];
const positive = smooth.map(({ args: [x], ...rest }) => ({ ...rest, args: [uniform(0.5, 1.5, ...x.shape)] as const }));
const cornered = smooth.map(({ args: [x], ...rest }) => ({ ...rest, args: [offCorners(...x.shape)] as const }));
const needsFloat = {
  args: [ints(0, 5, 3)] as const,
  throws: /: expected float32, got int32; cast\(x, "float32"\) first\?/,
};
const needsNumbers = { args: [bools(0.5, 3)] as const, throws: /: expected float32, got bool/ };
const wholeOne = { args: [values([-2147483648, -3, 0, 3, 2147483647], [5], "int32")] as const, note: "int32" };
const largeInts = {
  args: [
    values([2147483647, -2147483648, 123456789, -987654321], [4], "int32"),
    values([2147483647, -2147483647, 987654321, 123456787], [4], "int32"),
  ] as const,
  note: "int32 beyond 2^53",
};
const twoBools = { args: [bools(0.5, 4, 5), bools(0.5, 5)] as const, note: "bool" };
const boolAndNumber = { args: [bools(0.5, 3), 1] as const, throws: /: expected float32 or int32, got bool/ };

/** What every function of two float tensors is tried on. */
const pairs = [
  { args: [normal(3, 4), normal(3, 4)] as const },
  { args: [normal(5, 1, 7), normal(2, 7)] as const, note: "both stretch" },
  { args: [normal(), normal(3, 2)] as const, note: "0-d on the left" },
  { args: [normal(4, 3, 2), normal(1)] as const, note: "one element on the right" },
  { args: [normal(2, 3, 1), normal(1, 1, 5)] as const, note: "columns and rows" },
  { args: [normal(129), normal(129)] as const },
  { args: [normal(65, 130), normal(130)] as const, note: "a row under a matrix" },
  { args: [normal(2, 0, 3), normal(3)] as const, note: "no elements" },
  { args: [normal(6, 5).transposed, normal(6, 5)] as const, note: "one transposed" },
  { args: [normal(3, 8).strided, normal(3, 1)] as const, note: "strided beside a column" },
  { args: [normal(2, 1, 3, 1), normal(4, 1, 5).transposed] as const, note: "four dims" },
  { args: [normal(6, 9), 0.5] as const, note: "a number" },
];
const unlike = {
  args: [normal(2), ints(0, 3, 2)] as const,
  throws: /: dtypes differ, float32 and int32; cast one side/,
};
const misfit = {
  args: [normal(2, 3), normal(4)] as const,
  throws: /: shapes \[2, 3\] and \[4\] do not broadcast \(3 ≠ 4 at dim -1\)/,
};
const wholes = { args: [ints(-9, 9, 3, 5), ints(-9, 9, 5)] as const, note: "int32" };
const positivePairs = pairs.map(({ args: [x, y], ...rest }) => ({
  ...rest,
  args: [uniform(0.5, 1.5, ...x.shape), typeof y === "number" ? y : normal(...y.shape)] as const,
}));
/** Never closer to each other than 0.2. */
const apart = pairs.map(({ args: [x, y], ...rest }) => ({
  ...rest,
  args: [aboveWhole(0.1, 0.4, ...x.shape), typeof y === "number" ? y : aboveWhole(0.6, 0.9, ...y.shape)] as const,
}));
const comparisons = [
  ...pairs.slice(0, 6).map(({ args: [x, y] }) => ({ args: [x, typeof y === "number" ? y : y] as const })),
  wholes,
  { args: [ints(0, 3, 40), ints(0, 3, 40)] as const, note: "many equal" },
  { args: [values([NaN, 1, 0]), values([NaN, NaN, -0])] as const, note: "NaN, signed zeros" },
  unlike,
];
const truths = [
  { args: [bools(0.5, 4, 5), bools(0.5, 4, 5)] as const },
  { args: [bools(0.5, 3, 1), bools(0.5, 1, 129)] as const, note: "broadcast" },
  { args: [normal(2), normal(2)] as const, throws: /: expected bool, got float32/ },
];

/** ∞ and NaN that come to elements which were not chosen. */
const unchosen = {
  args: [values([NaN, Infinity, -Infinity, NaN, 2, 3, 4]), values([-1, 0, -0, 0, NaN, -Infinity, Infinity])] as const,
  note: "nothing passes where the slope is 0",
  noGradient: "corners",
};
const chosen = [
  { args: [normal(4, 37), aboveWhole(0.1, 0.4, 4, 37), aboveWhole(0.6, 0.9, 4, 37)] as const },
  { args: [normal(4, 37), aboveWhole(0.1, 0.4, 37), aboveWhole(0.6, 0.9, 1)] as const, note: "both stretch" },
];
const unchosenOfTwo = {
  args: [values([NaN, Infinity, 2, 3, 4]), values([1, 5, 1, NaN, 1]), values([2, 5, 1, 1, NaN])] as const,
  note: "ties, NaN, nothing passes to the one that lost",
  noGradient: "corners",
};

export const elementwiseTolerance = each;
export const elementwiseSamples = {
  neg: [...smooth, { args: [ints(-5, 5, 7)], note: "int32" }],
  exp: [
    ...smooth,
    special,
    needsFloat,
    { args: [values([-200, -104, -103, -88, 88, 89, 200])], note: "under- and overflow", noGradient: "steep" },
  ],
  log: [
    ...positive,
    needsFloat,
    { args: [values([0, -1, 1e-40, 1e38, Infinity, NaN])], note: "special", noGradient: "steep" },
  ],
  log1p: [
    ...positive,
    needsFloat,
    { args: [uniform(-0.9, 0.9, 129)], note: "on both sides of zero" },
    {
      args: [values([-0, -1, -2, -0.999, 1e-40, 1e38, Infinity, -Infinity, NaN])],
      note: "special",
      noGradient: "steep",
    },
  ],
  expm1: [
    ...smooth,
    special,
    needsFloat,
    { args: [uniform(-1.5, 1.5, 129)], note: "on both sides of zero" },
    {
      args: [values([-200, -88, -17, -0.35, 0.34, 0.35, 1.04, 88, 88.7, 89, 200])],
      note: "far out",
      noGradient: "steep",
    },
  ],
  sqrt: [...positive, needsFloat],
  rsqrt: [...positive, needsFloat],
  abs: [...cornered, { args: [ints(-5, 5, 7)], note: "int32" }],
  tanh: [...smooth, extreme, special, needsFloat],
  sigmoid: [...smooth, extreme, special, needsFloat],
  relu: [...cornered, special, wholeOne, needsNumbers],
  erf: [...smooth, extreme, special, needsFloat],
  sin: [...smooth, needsFloat, { args: [values([1e3, -1e4, 12345.678])], note: "far from zero", noGradient: "steep" }],
  cos: [...smooth, needsFloat],
  square: [...smooth, wholeOne, needsNumbers],
  reciprocal: [...positive, needsFloat],
  silu: [...smooth, extreme, needsFloat],
  softplus: [...smooth, extreme, special, needsFloat],
  sign: [...cornered, { args: [ints(-2, 3, 9)], note: "int32" }, special],
  floor: [...cornered, special, wholeOne, needsNumbers],
  gelu: [
    ...smooth,
    extreme,
    ...smooth.map(({ args, ...rest }) => ({ ...rest, args: [...args, { approximate: "tanh" as const }] as const })),
    {
      args: [values(EXTREME), { approximate: "tanh" }],
      note: "extreme values",
      noGradient: "too steep for differences",
    },
    { args: [normalOf(0, 3, 1000)], note: "tails" },
    needsFloat,
  ],
  clamp: [
    { args: [offCorners(40), -1, 1] },
    { args: [offCorners(3, 5).transposed, 0] },
    { args: [values([NaN, 5]), 0, 1], noGradient: "NaN" },
    { args: [values([-3, 0, 2, NaN]), 0.5, -0.5], note: "max wins where min > max", noGradient: "flat" },
    { args: [ints(-9, 9, 40), -3, 5], note: "int32" },
    { args: [ints(-9, 9, 40), -Infinity, 5], note: "int32, one limit" },
    { args: [ints(-9, 9, 4, 5).transposed, 3, -3], note: "int32, max wins" },
    { args: [ints(-9, 9, 4)], note: "int32, no limits" },
    { args: [ints(-9, 9, 4), 0.5], throws: /^clamp: a whole number expected beside int32, got 0.5/ },
    needsNumbers,
  ],
  logicalNot: [{ args: [bools(0.5, 4, 5)] }, { args: [normal(2)], throws: /logicalNot: expected bool, got float32/ }],
  cast: [
    { args: [normalOf(0, 9, 3, 7), "int32"] },
    { args: [values([0, -0, 0.5, -3, NaN]), "bool"], noGradient: "to bool" },
    {
      args: [values([3e9, -3e9, Infinity, -Infinity, NaN, 2147483520, -2147483648, -1.9]), "int32"],
      note: "what int32 does not hold",
      noGradient: "to int32",
    },
    { args: [ints(-3, 3, 40), "bool"] },
    { args: [ints(-3, 3, 5, 3).transposed, "float32"] },
    { args: [bools(0.5, 40), "float32"] },
    { args: [bools(0.5, 40), "int32"] },
    { args: [normal(3), "float32"], note: "the same dtype" },
  ],
  add: [
    ...pairs,
    wholes,
    unlike,
    misfit,
    twoBools,
    boolAndNumber,
    { args: [ints(0, 9, 3), 0.5], throws: /add: a whole number expected beside int32, got 0.5/ },
  ],
  sub: [
    ...pairs,
    wholes,
    { args: [bools(0.5, 3), bools(0.5, 3)], throws: /sub: expected float32 or int32, got bool/ },
    unlike,
    misfit,
  ],
  mul: [...pairs, wholes, largeInts, twoBools, boolAndNumber, unlike, misfit],
  div: [
    ...pairs.map(({ args: [x, y], ...rest }) => ({
      ...rest,
      args: [x, typeof y === "number" ? y : uniform(0.5, 1.5, ...y.shape)] as const,
    })),
    unlike,
  ],
  maximum: [
    ...apart,
    wholes,
    twoBools,
    boolAndNumber,
    { args: [values([NaN, 1, 2]), values([1, NaN, 2])], note: "NaN and ties", noGradient: "ties" },
  ],
  minimum: [
    ...apart,
    wholes,
    twoBools,
    boolAndNumber,
    { args: [values([NaN, 1, 2]), values([1, NaN, 2])], note: "NaN and ties", noGradient: "ties" },
  ],
  pow: [
    ...positivePairs,
    {
      args: [values([-2, -2, -8, 0, 0, 2, -1, NaN, 1]), values([2, 3, 0.5, 0, 2, -1, Infinity, 0, NaN])],
      note: "special",
      noGradient: "corners",
    },
  ],
  atan2: [
    ...pairs.map(({ args: [y, x], ...rest }) => ({
      ...rest,
      args: [y, typeof x === "number" ? x : uniform(0.5, 1.5, ...x.shape)] as const,
    })),
    { args: [uniform(-1.5, -0.5, 40), normal(40)], note: "on both sides, below the line where π becomes −π" },
    { args: [values([1, 1, -1, -1, 2, 2, -2]), values([2, -2, 2, -2, 1, -1, -1])], note: "every octant" },
    {
      args: [values([0, -0, 0, -0, 1, -1, 1e-30, 3e38]), values([0, 0, -0, -0, 0, -0, -1e30, 3e38])],
      note: "zeros, far apart",
      noGradient: "corners",
    },
    {
      args: [values([Infinity, Infinity, -Infinity, 1, NaN, 1]), values([Infinity, -Infinity, 1, -Infinity, 1, NaN])],
      note: "infinities, NaN",
      noGradient: "no finite differences",
    },
    { args: [ints(0, 5, 3), ints(0, 5, 3)], throws: /atan2: expected float32, got int32/ },
    unlike,
    misfit,
  ],
  fmod: divisions,
  bitwiseAnd: bitPairs,
  eq: [...comparisons, { args: [bools(0.5, 9), bools(0.5, 9)], note: "bool" }],
  ne: [...comparisons, { args: [bools(0.5, 9), bools(0.5, 9)], note: "bool" }],
  lt: [...comparisons, twoBools, { args: [bools(0.5, 9), 0.5], note: "bool and a number" }],
  le: [...comparisons, twoBools, { args: [bools(0.5, 9), 0.5], note: "bool and a number" }],
  gt: [...comparisons, twoBools, { args: [bools(0.5, 9), 0.5], note: "bool and a number" }],
  ge: [...comparisons, twoBools, { args: [bools(0.5, 9), 0.5], note: "bool and a number" }],
  logicalAnd: truths,
  logicalOr: truths,
  where: [
    { args: [bools(0.5, 3, 4), normal(3, 4), normal(3, 4)] },
    { args: [bools(0.5, 3, 1), normal(), normal(1, 5)], note: "all stretch" },
    { args: [bools(0.5, 4, 6).transposed, normal(4, 6), normal(4, 6).strided], note: "views" },
    { args: [bools(0.5, 9), ints(0, 9, 9), ints(0, 9, 9)], note: "int32" },
    { args: [bools(0.5, 9), bools(0.5, 9), bools(0.5, 1)], note: "bool" },
    { args: [normal(2), normal(2), normal(2)], throws: /where: the condition is bool, got float32; compare first/ },
  ],
  maskedFill: [
    { args: [normal(3, 4), bools(0.5, 4), -1e9] },
    { args: [ints(0, 9, 6), bools(0.5, 6), 3], note: "int32" },
  ],
  tanhBackward: [{ args: [normal(3, 7), uniform(-1, 1, 3, 7)] }],
  sigmoidBackward: [{ args: [normal(3, 7), uniform(0, 1, 3, 7)] }],
  geluBackward: [
    { args: [normal(3, 7), normal(3, 7)] },
    { args: [normal(3, 7), normal(3, 7), "tanh"], noGradient: "not differentiable" },
    { args: [normal(11), values(EXTREME)], note: "extreme values", noGradient: "too steep for differences" },
  ],
  reluBackward: [{ args: [normal(3, 7), offCorners(3, 7)] }, unchosen],
  absBackward: [{ args: [normal(3, 7), offCorners(3, 7)] }, unchosen],
  siluBackward: [
    { args: [normal(3, 7), normal(3, 7)] },
    { args: [normal(11), values(EXTREME)], note: "extreme values", noGradient: "too steep for differences" },
    { args: [normal(3), values([Infinity, -Infinity, NaN])], note: "infinities", noGradient: "no finite differences" },
  ],
  maximumBackward: [...chosen, unchosenOfTwo],
  minimumBackward: [...chosen, unchosenOfTwo],
  powBackward: [
    { args: [normal(4, 37), uniform(0.5, 1.5, 4, 37), normal(4, 37)] },
    { args: [normal(3, 4), uniform(0.5, 1.5, 4), normal(1)], note: "both stretch" },
    {
      args: [
        values([1e-30, 1e30, 1, 1, 1, 1, 3, 1e-30, 2]),
        values([1e-25, 1e30, 0, 0, -2, -2, 0, -1e-25, NaN]),
        values([-1, -1, 2, 0.5, 3, 0.5, 3e38, -2, 2]),
      ],
      note: "powers that leave float32, and zeros",
      noGradient: "no finite differences",
    },
  ],
  divBackward: [
    { args: [normal(4, 37), normal(4, 37), uniform(0.5, 1.5, 4, 37)] },
    { args: [normal(5, 1, 7), normal(2, 7), uniform(0.5, 1.5, 1)], note: "all stretch" },
    { args: [normal(4, 20).transposed, normal(4, 20), uniform(0.5, 1.5, 1)], note: "a view beside a number" },
    {
      args: [
        values([1, 1, 1e-30, 1e30, 1, 3, 1, 0]),
        values([1e5, 1e5, 1e25, 1e-20, 0, 1.7e38, Infinity, NaN]),
        values([1e-25, 1e25, 1e-25, 1e20, 2e-38, 2, 2, 1]),
      ],
      note: "products that leave float32 one way round",
      noGradient: "no finite differences",
    },
    { args: [ints(0, 3, 2), normal(2), normal(2)], throws: /divBackward: expected float32, got int32/ },
  ],
} satisfies SampleTable<typeof family>;
