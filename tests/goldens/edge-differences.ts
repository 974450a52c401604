/** Where we differ from PyTorch at the edges on purpose: docs/edges.md has a row for each. */
export interface EdgeDifference {
  /** The op, and what of it: `value`, or `gradient` of any of its inputs. */
  readonly op: string;
  readonly of: "value" | "gradient";
  readonly at: string;
  readonly ours: string;
  readonly torch: string;
  readonly reason: string;
  /** Elements that may differ; all others must agree. */
  readonly excuses: (got: number, want: number) => boolean;
  /** Default: all. */
  readonly devices?: readonly string[];
}

const numberForNaN = (got: number, want: number): boolean => Number.isNaN(want) && Number.isFinite(got);
const zeroForNaN = (got: number, want: number): boolean => Number.isNaN(want) && got === 0;
const NaNForAny = (got: number): boolean => Number.isNaN(got);

export const edgeDifferences: readonly EdgeDifference[] = [
  {
    op: "silu",
    of: "gradient",
    at: "x = ∞",
    ours: "1",
    torch: "NaN",
    reason: "the limit, where the formula makes ∞ · 0",
    excuses: (got, want) => Number.isNaN(want) && got === 2,
  },
  {
    op: "silu",
    of: "gradient",
    at: "x = −∞",
    ours: "0",
    torch: "NaN",
    reason: "the limit, where the formula makes 0 · ∞",
    excuses: zeroForNaN,
  },
  {
    op: "gelu",
    of: "value",
    at: "x near the largest float32",
    ours: "x",
    torch: "∞",
    reason: "the product with 1 + erf is not formed",
    excuses: (got, want) => want === Infinity && got > 3e38 && got !== Infinity,
  },
  {
    op: "gelu",
    of: "gradient",
    at: "x = ±∞, and of the tanh form x whose cube is infinite",
    ours: "1 or 0",
    torch: "NaN",
    reason: "the limit, where the formula makes ∞ · 0",
    excuses: numberForNaN,
  },
  {
    op: "pow",
    of: "gradient",
    at: "x^(y − 1) beyond float32",
    ours: "the product",
    torch: "0, ±∞ or NaN",
    reason: "the power is multiplied in two halves, so that a small or large factor still counts",
    excuses: (got, want) => Number.isFinite(got) && (!Number.isFinite(want) || want === 0),
  },
  {
    op: "sum",
    of: "value",
    at: "1e8 + 1 − 1e8 + 1",
    ours: "2",
    torch: "1",
    reason: "sums are float64 on cpu and reference",
    excuses: (got, want) => got === 2 && want === 1,
    devices: ["cpu", "reference"],
  },
  {
    op: "mean",
    of: "value",
    at: "1e8, 1, −1e8, 1",
    ours: "0.5",
    torch: "0.25",
    reason: "sums are float64 on cpu and reference",
    excuses: (got, want) => got === 0.5 && want === 0.25,
    devices: ["cpu", "reference"],
  },
  {
    op: "logsumexp",
    of: "gradient",
    at: "equal elements so large that ln n is lost beside them",
    ours: "their shares, which sum to dy",
    torch: "dy each",
    reason: "shares of a sum, where torch takes e^(x − y)",
    excuses: (got, want) => got === want / 2,
  },
  {
    op: "var",
    of: "value",
    at: "differences beyond float32",
    ours: "NaN",
    torch: "∞",
    reason: "the first element is taken off before the mean, so that a large mean costs no digits",
    excuses: (got, want) => Number.isNaN(got) && want === Infinity,
  },
  {
    op: "var",
    of: "gradient",
    at: "rows whose variance is not finite",
    ours: "NaN for the whole row",
    torch: "±∞ or NaN",
    reason: "the gradient of the formula above; use it of finite rows",
    excuses: NaNForAny,
  },
  {
    op: "std",
    of: "value",
    at: "deviations above 1.8e19, whose square is beyond float32",
    ours: "∞, or NaN beyond differences of float32",
    torch: "the root, taken in float64",
    reason: "it is the root of the variance; scaling the rows would cost two more passes",
    excuses: (got) => !Number.isFinite(got),
  },
  {
    op: "std",
    of: "gradient",
    at: "rows whose variance is not finite",
    ours: "NaN or 0",
    torch: "by the standard deviation in float64",
    reason: "as its value",
    excuses: NaNForAny,
  },
  {
    op: "norm",
    of: "gradient",
    at: "a zero or a NaN in a vector whose norm is not finite",
    ours: "0",
    torch: "NaN",
    reason: "the absolute value has no slope there, and no ∞ is multiplied by that 0",
    excuses: zeroForNaN,
  },
  {
    op: "layer_norm",
    of: "value",
    at: "rows whose squares are beyond float32",
    ours: "the normalised row",
    torch: "NaN",
    reason: "the squares are summed in float64, or of a scaled row",
    excuses: numberForNaN,
  },
  {
    op: "layer_norm",
    of: "gradient",
    at: "rows whose squares are beyond float32",
    ours: "a number",
    torch: "NaN",
    reason: "as its value",
    excuses: numberForNaN,
  },
  {
    op: "rms_norm",
    of: "value",
    at: "rows whose squares are beyond float32",
    ours: "the normalised row",
    torch: "0",
    reason: "the squares are summed in float64, or of a scaled row",
    excuses: (got, want) => want === 0 && Number.isFinite(got),
  },
  {
    op: "scaled_dot_product_attention",
    of: "gradient",
    at: "scores of 1e8: one key has all of the weight",
    ours: "0",
    torch: "about 1e-3",
    reason: "the true gradient is 0; torch's is what its rounding leaves, times the scores",
    excuses: (got, want) => got === 0 && Math.abs(want) < 0.01,
  },
];
