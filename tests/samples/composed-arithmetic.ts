import { aboveWhole, bools, ints, normal, uniform, values } from "../support/generate.ts";

const needsFloat = {
  args: [ints(0, 5, 3)] as const,
  throws: /: expected float32, got int32; cast\(x, "float32"\) first\?/,
};
/** What each function is tried on, between `low` and `high`, where it is smooth, and at `edges`. */
const between = (low: number, high: number, edges: readonly number[]) => [
  { args: [uniform(low, high, 3, 17)] as const },
  { args: [uniform(low, high)] as const, note: "0-d" },
  { args: [normal(0, 3)] as const, note: "no elements" },
  { args: [uniform(low, high, 5, 7).transposed] as const, note: "a view" },
  { args: [values([NaN, Infinity, -Infinity, ...edges])] as const, note: "edges", noGradient: "corners" },
  needsFloat,
];

const INT_ENDS = [-2147483648, -2147483647, -7, -1, 0, 1, 7, 2147483646, 2147483647];
/** Every pair of them, but for a divisor of 0. */
const endPairs = INT_ENDS.flatMap((x) => INT_ENDS.filter((y) => y !== 0).map((y) => [x, y] as const));
const x = endPairs.map(([first]) => first);
const y = endPairs.map(([, second]) => second);

/** Quotients that are never near a whole number, where the functions jump. */
export const divisions = [
  { args: [aboveWhole(0.3, 0.7, 4, 9), values([2, -2, 1, -1, 8, -8, 4, -4, 2])] as const },
  { args: [aboveWhole(0.3, 0.7, 5, 1), values([1, -2, 4, -1])] as const, note: "both stretch" },
  { args: [aboveWhole(0.3, 0.7, 6, 5).transposed, values([-2])] as const, note: "a view" },
  { args: [aboveWhole(0.3, 0.7, 7), 2] as const, note: "a number" },
  { args: [normal(0, 3), 2] as const, note: "no elements" },
  {
    args: [
      values([NaN, 5, Infinity, -Infinity, 5, -5, 5, -5, 0, -0, -0, 5, -5, 0, -0, 6, -6]),
      values([3, NaN, 3, 3, Infinity, Infinity, -Infinity, -Infinity, 3, 3, -3, 0, -0, 0, 3, 3, 3]),
    ] as const,
    note: "NaN, infinities, zeros",
    noGradient: "jumps",
  },
  {
    args: [values([3e38, -3e38, 1, 8388609, 0.3, 1e-3]), values([7.1, 1e-30, 1e-20, 3, 0.1, 1e-3])] as const,
    note: "large quotients",
    noGradient: "jumps",
  },
  { args: [values(x, [x.length], "int32"), values(y, [y.length], "int32")] as const, note: "the ends of int32" },
  { args: [ints(-40, 40, 300), ints(1, 9, 300)] as const, note: "int32" },
  { args: [ints(-40, 40, 6, 5).transposed, -7] as const, note: "int32, a view and a number" },
  {
    args: [values(INT_ENDS, [9], "int32"), ints(-3, 4, 1, 9)] as const,
    throws: /divisors that are not 0 expected for int32, got 0; mask it, as in maskedFill\(y, eq\(y, 0\), 1\)$/,
  },
  { args: [bools(0.5, 3), bools(0.5, 3)] as const, throws: /: expected float32 or int32, got bool/ },
  { args: [normal(2), ints(1, 3, 2)] as const, throws: /: dtypes differ, float32 and int32; cast one side/ },
];

export const bitPairs = [
  { args: [values(x, [x.length], "int32"), values(y, [y.length], "int32")] as const, note: "the ends of int32" },
  { args: [ints(-999, 999, 5, 1), ints(-999, 999, 2, 1, 7)] as const, note: "both stretch" },
  { args: [ints(-999, 999, 6, 5).transposed, 12] as const, note: "a view and a number" },
  { args: [ints(0, 9, 0, 3), 12] as const, note: "no elements" },
  { args: [bools(0.5, 4, 5), bools(0.5, 5)] as const, note: "bool" },
  { args: [normal(2), normal(2)] as const, throws: /: expected int32 or bool, got float32/ },
];
const shifts = [
  { args: [values(INT_ENDS, [9, 1], "int32"), values([0, 1, 5, 30, 31, 32, 33, -1], [8], "int32")] as const },
  { args: [ints(-999, 999, 6, 5).transposed, 3] as const, note: "a view and a number" },
  { args: [bools(0.5, 3), 1] as const, throws: /: expected int32, got bool; cast\(x, "int32"\) first\?$/ },
  { args: [ints(0, 9, 3), normal(3)] as const, throws: /: expected int32, got float32/ },
];

export const composedArithmeticSamples = {
  tan: between(-1.3, 1.3, [0, -0, 1e-30, -1e-5, 1.57, 1.5708, 100, -1e4]),
  asin: between(-0.7, 0.7, [0, -0, 1e-30, 1, -1, 0.9999999, -0.99, 1.0001, -2]),
  acos: between(-0.7, 0.7, [0, -0, 1e-30, 1, -1, 0.9999999, -0.99, 1.0001, -2]),
  atan: between(-3, 3, [0, -0, 1e-30, 1, -1, 1e5, -1e20, 3e38]),
  sinh: between(-3, 3, [0, -0, 1e-30, 20, -20, 89, -89, 89.4, 90, -90]),
  cosh: between(-3, 3, [0, -0, 1e-30, 20, -20, 89, -89, 89.4, 90, -90]),
  asinh: between(-3, 3, [0, -0, 1e-30, -1e-5, 1, -1, 1e5, -1e20, 3e38]),
  acosh: between(1.2, 4, [1, 1.0000001, 1.01, 1e5, 1e20, 3e38, 0.9, 0, -1, -1e20]),
  atanh: between(-0.9, 0.9, [0, -0, 1e-30, -1e-5, 1, -1, 0.9999999, 1.0001, -2]),
  remainder: divisions,
  floorDivide: divisions,
  bitwiseOr: bitPairs,
  bitwiseXor: bitPairs,
  bitwiseNot: [
    { args: [values(INT_ENDS, [9], "int32")] as const },
    { args: [bools(0.5, 7)] as const, note: "bool" },
    { args: [normal(2)] as const, throws: /^bitwiseNot: expected int32 or bool, got float32/ },
  ],
  bitwiseLeftShift: shifts,
  bitwiseRightShift: shifts,
};
