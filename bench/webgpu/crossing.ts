/** A value measured at some share. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

/**
 * The share up to which values stay at `limit` or below, on straight lines between the points; the largest share where all do, and
 * `null` where even the smallest share's value is above it.
 */
export const crossing = (points: readonly Point[], limit: number): number | null => {
  const rising = points.toSorted((a, b) => a.at - b.at);
  for (const [i, { at, value }] of rising.entries()) {
    if (value <= limit) continue;
    const before = rising[i - 1];
    return before ? before.at + ((at - before.at) * (limit - before.value)) / (value - before.value) : null;
  }
  return rising.at(-1)?.at ?? null;
};
