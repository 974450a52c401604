import { DEFAULT_PROFILE as standard, fitsDevice } from "@tessera/tensor/extend";
import { expect, it } from "vitest";
import { blockPlan, linePlan, linePlans } from "./block-plans.ts";

for (let blockSize = 4; blockSize <= 64; blockSize += 4) {
  it(`blocks of ${blockSize} run on a device with default limits, in whole steps of a block`, () => {
    for (const runs of ["along", "across"] as const) {
      const plans = linePlans(blockSize, runs);
      for (const plan of plans) {
        expect(fitsDevice(plan, standard)).toBe(true);
        // A step of k lies within a block, and a line is as wide as one.
        expect([blockSize % plan.bk, plan.bn]).toEqual([0, blockSize]);
      }
      // Shaders are found by the plan's name.
      expect(new Set(plans.map(({ name }) => name)).size).toBe(plans.length);
      expect(linePlan({ blockSize, runs, tokens: 2 ** 20, lines: 100 }, standard)).toEqual(plans[0]);
      expect(linePlan({ blockSize, runs, tokens: 1, lines: 1 }, standard)).toEqual(plans.at(-1));
    }
  });

  it(`weight gradients of blocks of ${blockSize} take whole blocks of a row, and no more than it has`, () => {
    for (const average of [0, 0.5, 1, 2.4, 3, 6, 24, 1000]) {
      const plan = blockPlan(blockSize, average);
      expect(fitsDevice(plan, standard, { A: "across", B: "across" })).toBe(true);
      expect([plan.bm, plan.bn % blockSize]).toEqual([blockSize, 0]);
      expect(plan.bn / blockSize).toBeLessThanOrEqual(Math.max(1, Math.ceil(average)));
    }
  });
}
