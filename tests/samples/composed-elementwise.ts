import { bools, ints, normal, offCorners, uniform, values } from "../support/generate.ts";

const corners = {
  args: [values([NaN, Infinity, -Infinity, -0, 0, -3, 3, 1, -1, 0.5, -0.5])] as const,
  note: "NaN, infinities, corners",
  noGradient: "corners",
};
const large = { args: [values([-1e4, -100, 100, 1e4, 1e38])] as const, note: "large", noGradient: "steep or flat" };
const needsFloat = {
  args: [ints(0, 5, 3)] as const,
  throws: /: expected float32, got int32; cast\(x, "float32"\) first\?/,
};
/** What each function of one float32 tensor is tried on. */
const activations = [
  { args: [offCorners(3, 17)] as const },
  { args: [offCorners()] as const, note: "0-d" },
  { args: [normal(0, 3)] as const, note: "no elements" },
  { args: [offCorners(5, 7).transposed] as const, note: "a view" },
  corners,
  large,
  needsFloat,
];
/** Between the corners at multiples of ½. */
const offHalves = [
  { args: [uniform(0.6, 2.9, 3, 17)] as const },
  { args: [uniform(-0.4, 0.4, 9)] as const, note: "small" },
  { args: [uniform(-2.9, -0.6, 5, 7).transposed] as const, note: "negative, a view" },
  corners,
  large,
  needsFloat,
];
const wholes = { args: [ints(-9, 9, 3, 4)] as const, note: "int32" };
const edges = {
  args: [
    values([NaN, Infinity, -Infinity, -0, 0, 0.5, 1.5, 2.5, -0.5, -1.5, -0.3, 8388609, 1e30, 0.49999997, -1e-30]),
  ] as const,
  note: "halves, zeros of both signs, large",
  within: "equal",
  noGradient: "jumps",
} as const;
const steps = [
  { args: [offCorners(4, 9)] as const },
  { args: [normal(0, 3)] as const, note: "no elements" },
  { args: [normal(5, 7).transposed] as const, note: "a view", noGradient: "may lie beside a jump" },
  edges,
  wholes,
];
const truths = [
  { args: [normal(3, 4)] as const },
  { args: [values([NaN, Infinity, -Infinity, -0, 3.4e38])] as const, note: "NaN, infinities" },
  wholes,
  { args: [bools(0.5, 7)] as const, note: "bool" },
];

const positive = [
  { args: [uniform(0.5, 3, 3, 17)] as const },
  { args: [normal(0, 3)] as const, note: "no elements" },
  { args: [values([0, -0, -1, Infinity, NaN, 1e38, 8, 1000])] as const, note: "special", noGradient: "steep" },
  needsFloat,
];
const pairs = [
  { args: [normal(3, 4), normal(3, 4)] as const },
  { args: [normal(5, 1, 7), normal(2, 7)] as const, note: "both stretch" },
  { args: [normal(6, 5).transposed, normal(6, 5)] as const, note: "a view" },
  {
    args: [
      values([Infinity, -Infinity, Infinity, NaN, NaN, 1e30, 1e-30, 0]),
      values([Infinity, -Infinity, NaN, -Infinity, 1, 1e30, 1e-30, 0]),
    ] as const,
    note: "infinities, NaN, squares that leave float32",
    noGradient: "no finite differences",
  },
  { args: [ints(0, 3, 2), ints(0, 3, 2)] as const, throws: /: expected float32, got int32/ },
];

export const composedElementwiseSamples = {
  exp2: [
    { args: [normal(3, 17)] as const },
    {
      args: [values([-200, 10, 100, 127, 128, Infinity, -Infinity, NaN, 0])] as const,
      note: "far out",
      noGradient: "steep",
    },
    needsFloat,
  ],
  log2: positive,
  log10: positive,
  hypot: pairs,
  logaddexp: pairs,
  lerp: [
    { args: [normal(3, 4), normal(3, 4), 0.25] as const },
    { args: [normal(3, 4), normal(4), 0.75] as const, note: "from the end" },
    { args: [normal(3, 4), normal(3, 4), uniform(-0.4, 1.4, 3, 4)] as const, note: "weights" },
    { args: [values([1, 3e38]), values([1e8, -3e38]), 1] as const, note: "the end itself", noGradient: "infinite" },
    { args: [ints(0, 3, 2), ints(0, 3, 2), 0.5] as const, throws: /^lerp: expected float32, got int32/ },
  ],
  normalize: [
    { args: [normal(4, 9)] as const },
    { args: [normal(4, 9), { p: 1, dim: 0 }] as const, note: "p and dim", noGradient: "a corner at 0" },
    { args: [values([0, 0, 3, 4], [2, 2])] as const, note: "a row of zeros", noGradient: "a corner" },
    { args: [normal(3)] as const, throws: /^normalize: dim 1 is outside/ },
  ],
  logicalXor: [
    { args: [bools(0.5, 4, 5), bools(0.5, 5)] as const },
    { args: [normal(2), normal(2)] as const, throws: /^logicalXor: expected bool, got float32; compare first$/ },
  ],
  elu: [...activations, { args: [offCorners(9), 0.5] as const, note: "alpha" }],
  celu: [
    ...activations,
    { args: [offCorners(9), 2] as const, note: "alpha" },
    { args: [normal(2), 0] as const, throws: /^celu: an alpha that is not 0 expected, got 0; relu is its limit$/ },
  ],
  selu: activations,
  leakyRelu: [...activations, { args: [offCorners(9), 0.3] as const, note: "a slope" }],
  prelu: [
    { args: [offCorners(2, 3, 5), normal(3)] as const },
    { args: [offCorners(2, 3), normal(1)] as const, note: "one weight" },
    { args: [offCorners(4), normal()] as const, note: "a vector" },
    {
      args: [values([Infinity, NaN, -Infinity, 0], [2, 2]), values([2, -1])] as const,
      note: "infinities",
      noGradient: "corners",
    },
    {
      args: [normal(2, 3), normal(2)] as const,
      throws: /^prelu: expected 1 weight or 3, one for each channel of \[2, 3\], got \[2\]$/,
    },
  ],
  hardTanh: [
    ...activations,
    { args: [offCorners(9), 0, 6] as const, note: "between other limits" },
    { args: [normal(2), 1, 0] as const, throws: /^hardTanh: min up to max expected, got 1 and 0$/ },
  ],
  hardSigmoid: activations,
  hardSwish: activations,
  softsign: activations,
  softshrink: [
    ...offHalves,
    { args: [normal(2), -1] as const, throws: /^softshrink: a lambda of 0 or more expected, got -1$/ },
  ],
  hardshrink: [
    ...offHalves,
    { args: [normal(2), -1] as const, throws: /^hardshrink: a lambda of 0 or more expected, got -1$/ },
  ],
  tanhshrink: activations,
  threshold: [
    { args: [offCorners(3, 9), 1, 20] as const },
    { args: [values([NaN, 1, 2]), 1, 5] as const, note: "NaN stays", noGradient: "a corner" },
    { args: [ints(0, 9, 9), 4, -1] as const, note: "int32" },
    { args: [bools(0.5, 9), 0, 1] as const, throws: /^threshold: expected float32 or int32, got bool/ },
  ],
  logSigmoid: activations,
  mish: activations,
  glu: [
    { args: [normal(3, 8)] as const },
    { args: [normal(4, 3, 2), 0] as const, note: "along the first dim" },
    { args: [normal(3, 5)] as const, throws: /^glu: an even size expected at dim 1, got shape \[3, 5\]$/ },
  ],
  ceil: steps,
  trunc: steps,
  round: [...steps.slice(0, 1).map(() => ({ args: [uniform(0.6, 0.9, 9)] as const })), ...steps.slice(1)],
  frac: [
    { args: [offCorners(4, 9)] as const },
    { args: [normal(0, 3)] as const, note: "no elements" },
    { ...edges, within: { each: 1e-6 } },
    needsFloat,
  ],
  isnan: truths,
  isinf: truths,
  isfinite: truths,
  nanToNum: [
    { args: [normal(3, 4)] as const },
    {
      args: [values([NaN, Infinity, -Infinity, 1])] as const,
      note: "NaN, infinities",
      noGradient: "no finite differences",
    },
    {
      args: [values([NaN, Infinity, -Infinity, 1]), { nan: 1, posinf: 2, neginf: -2 }] as const,
      note: "values of one's own",
      noGradient: "no finite differences",
    },
    wholes,
  ],
} as const;
