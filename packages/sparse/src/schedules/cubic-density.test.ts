import { describe, expect, it } from "vitest";
import { cubicDensity } from "./cubic-density.ts";

describe("cubicDensity", () => {
  it("falls by d = to + (from − to)(1 − progress)³", () => {
    const density = cubicDensity({ to: 0.25, start: 100, end: 1100 });
    // 1 − progress: 1, 1, 3/4, 1/2, 1/4, 0
    expect([0, 100, 350, 600, 850, 1100].map(density)).toEqual([
      1,
      1,
      0.25 + 0.75 * 0.421875,
      0.25 + 0.75 * 0.125,
      0.25 + 0.75 * 0.015625,
      0.25,
    ]);
    expect(density(99999)).toBe(0.25);
  });

  it("may start below 1, and change in stairs", () => {
    const density = cubicDensity({ from: 0.5, to: 0.1, end: 400, every: 100 });
    expect([0, 99].map(density)).toEqual([0.5, 0.5]);
    expect([100, 199].map(density)).toEqual([0.1 + 0.4 * 0.421875, 0.1 + 0.4 * 0.421875]);
    expect(density(400)).toBe(0.1);
  });

  it("never rises", () => {
    const density = cubicDensity({ to: 0.1, start: 7, end: 93, every: 5 });
    for (let step = 1; step < 100; step++) expect(density(step)).toBeLessThanOrEqual(density(step - 1));
  });

  it("refuses what is outside its domain, by text", () => {
    expect(() => cubicDensity({ to: 1.2, end: 10 })).toThrow("cubicDensity: a density lies from 0 to 1, got 1.2");
    expect(() => cubicDensity({ to: 0.2, start: 10, end: 10 })).toThrow(
      "cubicDensity: start and end are steps, the end after the start, got 10 and 10",
    );
    expect(() => cubicDensity({ to: 0.2, end: 10, every: 0 })).toThrow(
      "cubicDensity: every is a number of steps from 1 up, got 0",
    );
  });
});
