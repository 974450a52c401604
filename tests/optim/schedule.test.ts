import { constantWarmup, cosineWarmup, linearWarmup, Schedule, SGD } from "@tessera/nn";
import { Parameter, zeros } from "@tessera/tensor";
import { expect, it } from "vitest";
import { close, rates, withOptimizer } from "../support/schedules.ts";

it("linearWarmup rises to the rate and falls to 0, and stays there", () =>
  withOptimizer((optimizer) =>
    close(rates(linearWarmup(optimizer, { warmupSteps: 2, totalSteps: 6 }), 9), [0, 0.5, 1, 0.75, 0.5, 0.25, 0, 0, 0]),
  ));

it("linearWarmup begins at the rate without a warm-up", () =>
  withOptimizer((optimizer) =>
    close(rates(linearWarmup(optimizer, { warmupSteps: 0, totalSteps: 4 }), 5), [1, 0.75, 0.5, 0.25, 0]),
  ));

it("cosineWarmup falls along half a cosine", () =>
  withOptimizer((optimizer) =>
    close(rates(cosineWarmup(optimizer, { warmupSteps: 1, totalSteps: 5 }), 6), [
      0,
      1,
      0.5 + Math.SQRT2 / 4,
      0.5,
      0.5 - Math.SQRT2 / 4,
      0,
    ]),
  ));

it("cosineWarmup comes up again with a whole cycle", () =>
  withOptimizer((optimizer) =>
    close(rates(cosineWarmup(optimizer, { warmupSteps: 0, totalSteps: 4, cycles: 1 }), 5), [1, 0.5, 0, 0.5, 1]),
  ));

it("constantWarmup stays at the rate", () =>
  withOptimizer((optimizer) =>
    close(rates(constantWarmup(optimizer, { warmupSteps: 4 }), 6), [0, 0.25, 0.5, 0.75, 1, 1]),
  ));

it("scales every group by its own rate", () =>
  withOptimizer((optimizer) => {
    const schedule = linearWarmup(optimizer, { warmupSteps: 2, totalSteps: 4 });
    schedule.step();
    expect(optimizer.groups.map(({ lr }) => lr)).toEqual([0.5, 0.1]);
  }));

it("goes on where its state says, even with an optimiser whose rates were changed by then", () =>
  withOptimizer((optimizer) => {
    const first = cosineWarmup(optimizer, { warmupSteps: 2, totalSteps: 10 });
    rates(first, 5);
    const state = JSON.parse(JSON.stringify(first.stateDict())) as ReturnType<typeof first.stateDict>;
    expect(state).toEqual({ step: 5, baseRates: [1, 0.2] });
    const rest = rates(first, 5);
    const second = cosineWarmup(optimizer, { warmupSteps: 2, totalSteps: 10 });
    second.loadStateDict(state);
    expect(rates(second, 5)).toEqual(rest);
  }));

it("refuses a state of other groups, and lengths that are none", () =>
  withOptimizer((optimizer) => {
    const schedule = new Schedule(optimizer, (step) => 1 / (1 + step));
    schedule.step();
    expect(() => schedule.loadStateDict({ step: 3, baseRates: [1] })).toThrow(
      "schedule: expected a step from 0 up and 2 base rates, got step 3 and rates 1",
    );
    expect(schedule.lr()).toBe(0.5);
    expect(() => linearWarmup(optimizer, { warmupSteps: -1, totalSteps: 4 })).toThrow(
      "linearWarmup: warmupSteps and totalSteps are 0 or more, got -1 and 4",
    );
    expect(() => constantWarmup(optimizer, { warmupSteps: NaN })).toThrow(/constantWarmup:/);
  }));

it("made anew starts from the rates before the first one, wherever they stand", () =>
  withOptimizer((optimizer) => {
    for (const steps of [0, 2, 6, 9]) {
      const schedule = linearWarmup(optimizer, { warmupSteps: 2, totalSteps: 6 });
      expect(optimizer.groups.map(({ lr }) => lr)).toEqual([0, 0]);
      schedule.step();
      expect(optimizer.groups.map(({ lr }) => lr)).toEqual([0.5, 0.1]);
      rates(schedule, steps);
    }
    close(rates(cosineWarmup(optimizer, { warmupSteps: 0, totalSteps: 2 }), 2), [1, 0.5]);
    close(rates(new Schedule(optimizer, (step) => 1 / (1 + step)), 2), [1, 0.5]);
  }));

it("starts from the rate that the caller set before the first schedule, or as initialLr after it", () =>
  withOptimizer((optimizer) => {
    optimizer.groups[0]!.lr = 3;
    close(rates(constantWarmup(optimizer, { warmupSteps: 2 }), 3), [0, 1.5, 3]);
    optimizer.groups[0]!.initialLr = 4;
    close(rates(constantWarmup(optimizer, { warmupSteps: 2 }), 3), [0, 2, 4]);
  }));

it("starts from the initial rate after the optimiser came back from its state, which older ones lack", () =>
  withOptimizer((optimizer) => {
    rates(linearWarmup(optimizer, { warmupSteps: 2, totalSteps: 6 }), 1);
    const { groups, tensors } = JSON.parse(JSON.stringify(optimizer.stateDict())) as ReturnType<SGD["stateDict"]>;
    expect(groups.map(({ lr, initialLr }) => [lr, initialLr])).toEqual([
      [0.5, 1],
      [0.1, 0.2],
    ]);
    expect(tensors).toEqual({});
    const [a, b] = [new Parameter(zeros([1])), new Parameter(zeros([1]))];
    const fresh = new SGD([{ params: new Map([["a", a]]) }, { params: new Map([["b", b]]) }], { lr: 7 });
    fresh.loadStateDict({ groups, tensors: new Map() });
    close(rates(constantWarmup(fresh, { warmupSteps: 0 }), 1), [1]);
    expect(fresh.groups.map(({ lr }) => lr)).toEqual([1, 0.2]);
    // The state of an earlier version.
    const older = groups.map(({ initialLr: _, ...group }) => group);
    fresh.loadStateDict({ groups: older, tensors: new Map() });
    expect(fresh.groups.map(({ lr, initialLr }) => [lr, initialLr])).toEqual([
      [0.5, 1],
      [0.1, 0.2],
    ]);
    for (const one of [fresh, a, b]) one.dispose();
  }));
