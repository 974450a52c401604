// What row-wise ops compute, in float64: what measured ops are checked against.

type Row = ArrayLike<number>;

const sum = (row: Row, term: (value: number, column: number) => number): number => {
  let total = 0;
  for (let column = 0; column < row.length; column++) total += term(row[column]!, column);
  return total;
};

export const largest = (row: Row): number => {
  let max = -Infinity;
  for (let column = 0; column < row.length; column++) max = Math.max(max, row[column]!);
  return max;
};

/** ln Σ eˣ */
export const logSumExp = (row: Row): number => {
  const max = largest(row);
  return max + Math.log(sum(row, (x) => Math.exp(x - max)));
};

/** Σ a b */
export const inner = (a: Row, b: Row): number => sum(a, (value, column) => value * b[column]!);

/** Mean and 1/√(variance + eps). */
export const momentsOf = (row: Row, eps: number): { mean: number; rstd: number } => {
  const mean = sum(row, (x) => x) / row.length;
  return { mean, rstd: 1 / Math.sqrt(sum(row, (x) => (x - mean) ** 2) / row.length + eps) };
};

/** dx of a layer norm with this weight, all columns. */
export const layerNormGradient = (dy: Row, x: Row, weight: Row, eps: number): Float64Array => {
  const { mean, rstd } = momentsOf(x, eps);
  const g = Float64Array.from({ length: x.length }, (_, column) => dy[column]! * weight[column]!);
  const normed = Float64Array.from({ length: x.length }, (_, column) => (x[column]! - mean) * rstd);
  const [meanG, meanGX] = [sum(g, (value) => value) / x.length, inner(g, normed) / x.length];
  return g.map((value, column) => rstd * (value - meanG - normed[column]! * meanGX));
};

/** The standard normal density φ. */
export const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/** The standard normal distribution Φ(x) = ½ + φ(x) Σ x^(2k+1)/(1·3·…·(2k+1)); the series is exact enough up to |x| = 6. */
export const normalDistribution = (x: number): number => {
  let [term, total] = [x, x];
  for (let k = 1; k < 200; k++) {
    term *= (x * x) / (2 * k + 1);
    total += term;
  }
  return 0.5 + normalDensity(x) * total;
};

/** The tanh form of GELU, as the original paper writes it. */
export const geluTanh = (x: number): number =>
  (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
