import { describe, expect, it } from "vitest";
import { cubicDensity } from "./cubic-density.ts";
import { densitySchedules, linearDensity, oneShotDensity, placedSchedule } from "./density-schedules.ts";

const placed = { from: 1, to: 0.2, warmup: 10, recovery: 20, every: 5, steps: 70 };

describe("densitySchedules", () => {
  it("oneShot falls at its start", () => {
    const density = oneShotDensity({ to: 0.25, start: 100 });
    expect([0, 99, 100, 1e6].map(density)).toEqual([1, 1, 0.25, 0.25]);
  });

  it("linear falls in a line of steps, and may rise", () => {
    const density = linearDensity({ from: 1, to: 0.5, start: 10, end: 20, every: 5 });
    expect([0, 10, 14, 15, 19, 20, 99].map(density)).toEqual([1, 1, 1, 0.75, 0.75, 0.5, 0.5]);
    expect(linearDensity({ from: 0.25, to: 0.75, end: 4 })(1)).toBe(0.375);
  });

  it.each(Object.keys(densitySchedules) as (keyof typeof densitySchedules)[])(
    "%s leaves the warm-up and the recovery alone",
    (schedule) => {
      const density = placedSchedule("op", { schedule, ...placed });
      expect([0, 9, 50, 70].map(density)).toEqual([1, 1, 0.2, 0.2]);
      const values = Array.from({ length: 70 }, (_, step) => density(step));
      expect(values).toEqual(values.toSorted((a, b) => b - a));
    },
  );

  it("cubic is Zhu and Gupta's between them", () => {
    const density = placedSchedule("op", { schedule: "cubic", ...placed });
    const own = cubicDensity({ to: 0.2, start: 10, end: 50, every: 5 });
    for (let step = 0; step <= 70; step++) expect(density(step)).toBe(own(step));
    // s = s_f + (s_i − s_f)(1 − (t − t₀)/(n Δt))³, of sparsities 0 and 0.8.
    expect(density(30)).toBeCloseTo(1 - (0.8 + (0 - 0.8) * (1 - 20 / 40) ** 3), 12);
  });

  it("a schedule of no length falls at once", () => {
    const density = placedSchedule("op", { schedule: "cubic", ...placed, warmup: 50 });
    expect([49, 50].map(density)).toEqual([1, 0.2]);
  });

  it("refuses what is outside its domain, by text", () => {
    expect(() => oneShotDensity({ to: 2 })).toThrow("oneShotDensity: a density lies from 0 to 1, got 2");
    expect(() => oneShotDensity({ to: 1, start: 0.5 })).toThrow("oneShotDensity: start is a step from 0 up, got 0.5");
    expect(() => linearDensity({ to: 0.5, start: 5, end: 5 })).toThrow(
      "start and end are steps, the end after the start",
    );
    expect(() => placedSchedule("op", { schedule: "cubic", ...placed, recovery: 61 })).toThrow(
      "op: expected steps of warm-up and recovery that fit into 70 steps, got 10 and 61",
    );
  });
});
