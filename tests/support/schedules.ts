import { type Schedule, SGD } from "@tessera/nn";
import { Parameter, zeros } from "@tessera/tensor";
import { expect } from "vitest";
import { withoutLeaks } from "./leaks.ts";

/** An optimiser of two groups with rates 1 and 0.2, whose schedules are tested. */
export const withOptimizer = (test: (optimizer: SGD) => void): Promise<void> =>
  withoutLeaks(() => {
    const [a, b] = [new Parameter(zeros([1])), new Parameter(zeros([1]))];
    const optimizer = new SGD([{ params: new Map([["a", a]]) }, { params: new Map([["b", b]]), lr: 0.2 }], { lr: 1 });
    test(optimizer);
    for (const one of [optimizer, a, b]) one.dispose();
  });

/** The first `steps` rates of a schedule. */
export const rates = (schedule: Schedule, steps: number): number[] =>
  Array.from({ length: steps }, () => {
    const lr = schedule.lr();
    schedule.step();
    return lr;
  });

export const close = (got: readonly number[], want: readonly number[]): void => {
  expect(got).toHaveLength(want.length);
  for (const [i, value] of want.entries()) expect(got[i], `step ${i}`).toBeCloseTo(value, 12);
};
