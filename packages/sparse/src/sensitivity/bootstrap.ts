import { LayoutRandom } from "../layout-random.ts";
import type { Spread } from "./sensitivity-row.ts";

const RESAMPLES = 1000;

/** The mean of items that weigh. */
export const weightedMean = (values: ArrayLike<number>, weights: ArrayLike<number> | undefined): number => {
  let [total, weight] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const w = weights ? weights[i]! : 1;
    total += w * values[i]!;
    weight += w;
  }
  return total / weight;
};

/**
 * The spread of weighted means over test items: the 2.5th and 97.5th percentile of 1000 samples of n from the n items, with replacement. All
 * lists are resampled alike, and equally at every call.
 *
 * {@link https://doi.org/10.1214/aos/1176344552 Efron 1979}
 */
export const bootstrap = (
  lists: readonly ArrayLike<number>[],
  weights: ArrayLike<number> | undefined,
): (Spread | undefined)[] => {
  const n = lists[0]?.length ?? 0;
  if (n < 2) return lists.map(() => undefined);
  const random = new LayoutRandom(0);
  const means = lists.map(() => new Float64Array(RESAMPLES));
  const counts = new Float64Array(n);
  for (let sample = 0; sample < RESAMPLES; sample++) {
    counts.fill(0);
    for (let draw = 0; draw < n; draw++) {
      const i = random.below(n);
      counts[i]! += weights ? weights[i]! : 1;
    }
    for (const [k, list] of lists.entries()) means[k]![sample] = weightedMean(list, counts);
  }
  return means.map((each) => {
    each.sort();
    return { low: each[Math.floor(0.025 * RESAMPLES)]!, high: each[Math.ceil(0.975 * RESAMPLES) - 1]! };
  });
};
