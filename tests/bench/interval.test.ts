import { expect, it } from "vitest";
import { medianRatio } from "../../bench/versions/interval.ts";

it("puts the median of paired ratios into its interval", () => {
  const ratios = Array.from({ length: 31 }, (_, i) => 0.97 + 0.002 * i);
  const { ratio, low, high } = medianRatio(ratios);
  expect(ratio).toBeCloseTo(1, 12);
  expect(low).toBeGreaterThanOrEqual(0.98);
  expect(low).toBeLessThan(1);
  expect(high).toBeLessThanOrEqual(1.02);
  expect(high).toBeGreaterThan(1);
});

it("gives equal pairs an interval without width", () => {
  expect(medianRatio([1.1, 1.1, 1.1])).toEqual({ ratio: 1.1, low: 1.1, high: 1.1 });
});
