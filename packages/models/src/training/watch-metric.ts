import { TrainingError } from "./training-error.ts";
import type { Metrics } from "./checkpoint.ts";

/** Which number of an evaluation is watched. */
export interface WatchedMetric {
  /** Its name; `"loss"` unless given. */
  readonly metric?: string | undefined;
  /** Whether less of it is better: so it is for names with `loss` or `perplexity` in them, and not for others, unless said otherwise. */
  readonly mode?: "min" | "max" | undefined;
}

/** How a callback reads the number, and whether one is better than another by more than `by`. */
export const watchMetric = (callback: string, { metric = "loss", mode }: WatchedMetric) => {
  if (mode !== undefined && mode !== "min" && mode !== "max")
    throw new TrainingError(`${callback}: mode is "min" or "max", got ${String(mode)}`, 0);
  const sign = (mode ?? (/loss|perplexity/i.test(metric) ? "min" : "max")) === "min" ? -1 : 1;
  return {
    metric,
    valueIn: (metrics: Metrics, step: number): number => {
      const value = metrics[metric];
      if (value === undefined || Number.isNaN(value))
        throw new TrainingError(
          `${callback}: expected a number "${metric}" of the evaluation, got ${value === undefined ? Object.keys(metrics).join(", ") : "NaN"}`,
          step,
        );
      return value;
    },
    isBetter: (value: number, than: number | null, by = 0): boolean => than === null || sign * (value - than) > by,
  };
};
