import { uniforms } from "../random-data.ts";

/** A ratio with the interval that holds its true value in 95 of 100 such measurements. */
export interface RatioInterval {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 10_000;

/**
 * The median of paired ratios, with its percentile bootstrap interval: pairs are drawn with replacement, since what two neighbours in
 * time share must stay together.
 */
export const medianRatio = (ratios: readonly number[]): RatioInterval => {
  const uniform = uniforms(1);
  const medians = Float64Array.from({ length: RESAMPLES }, () =>
    medianOf(ratios.map(() => ratios[Math.floor(ratios.length * uniform())]!)),
  ).sort();
  return {
    ratio: medianOf(ratios),
    low: medians[Math.floor(0.025 * RESAMPLES)]!,
    high: medians[Math.ceil(0.975 * RESAMPLES) - 1]!,
  };
};

const medianOf = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
