import { fitsDevice } from "@tessera/tensor/webgpu";
import { expect, it } from "vitest";
import { blockPlan, linePlan, linePlans } from "./block-plans.ts";

const standard = { maxComputeWorkgroupStorageSize: 16384, maxComputeInvocationsPerWorkgroup: 256 };
const roomy = { maxComputeWorkgroupStorageSize: 49152, maxComputeInvocationsPerWorkgroup: 1024 };

for (let blockSize = 4; blockSize <= 64; blockSize += 4)
  it(`blocks of ${blockSize} run on a device with default limits, and as measured where there is room`, () => {
    expect(fitsDevice(blockPlan(blockSize), standard)).toBe(true);
    for (const runs of ["along", "across"] as const) {
      const plans = linePlans(blockSize, runs);
      expect(linePlan(blockSize, runs, roomy)).toEqual(plans[0]);
      const plan = linePlan(blockSize, runs, standard);
      expect(fitsDevice(plan, standard)).toBe(true);
      // A step of k lies within a block, and a line is as wide as one.
      for (const { bk, bn } of plans) expect([blockSize % bk, bn]).toEqual([0, blockSize]);
      // Shaders are found by the plan's name.
      expect(new Set(plans.map(({ name }) => name)).size).toBe(plans.length);
    }
  });
