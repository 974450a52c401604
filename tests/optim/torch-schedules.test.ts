// Whole traces of learning rates: PyTorch 1.13's own, and formulas of transformers' schedules written once more.
import {
  constantLR,
  cosineWarmup,
  inverseSqrtWarmup,
  oneCycleLR,
  ReduceLROnPlateau,
  Schedule,
  sequentialLR,
  type PlateauOptions,
} from "@tessera/nn";
import { expect, it } from "vitest";
import { close, rates, withOptimizer } from "../support/schedules.ts";

it("oneCycleLR follows torch's, and stays at its end", () =>
  withOptimizer((optimizer) => {
    const want = [
      0.04, 0.52, 1, 0.950484632013474, 0.811745653949763, 0.611262021936289, 0.388741978063711, 0.188258346050237,
      0.0495193679865263, 4e-6, 4e-6, 4e-6,
    ];
    const schedule = oneCycleLR(optimizer, { totalSteps: 10 });
    close(rates(schedule, 12), want);
    expect(optimizer.groups[1]!.lr).toBeCloseTo(0.2 * 4e-6, 15);
  }));

it("oneCycleLR follows torch's in three straight phases", () =>
  withOptimizer((optimizer) =>
    close(
      rates(
        oneCycleLR(optimizer, { totalSteps: 10, pctStart: 0.4, annealStrategy: "linear", divFactor: 4, finalDivFactor: 8, threePhase: true }), // prettier-ignore
        10,
      ),
      [0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0.177083333333333, 0.104166666666667, 0.03125],
    ),
  ));

it("constantLR is a third for five steps, as torch's, or what it is told", () =>
  withOptimizer((optimizer) => {
    close(rates(constantLR(optimizer), 7), [1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1, 1]);
    close(rates(constantLR(optimizer, { factor: 0.5, totalIters: 1 }), 3), [0.5, 1, 1]);
  }));

it("sequentialLR starts each part anew at its milestone, as torch's", () =>
  withOptimizer((optimizer) => {
    const make = (): Schedule =>
      sequentialLR(
        optimizer,
        [
          constantLR(optimizer, { factor: 0.1, totalIters: 100 }),
          new Schedule(optimizer, (t) => 0.5 ** t),
          new Schedule(optimizer, (t) => 1 / (1 + t)),
        ],
        [2, 5],
      );
    const want = [0.1, 0.1, 1, 0.5, 0.25, 1, 0.5, 1 / 3];
    close(rates(make(), 8), want);
    const half = make();
    rates(half, 4);
    const resumed = make();
    resumed.loadStateDict(half.stateDict());
    close(rates(resumed, 4), want.slice(4));
  }));

it("cosineWarmup falls to its floor", () =>
  withOptimizer((optimizer) => {
    const [warmup, total, floor] = [3, 13, 0.1];
    const want = Array.from({ length: 14 }, (_, t) =>
      t < warmup ? t / warmup : floor + ((1 - floor) * (1 + Math.cos((Math.PI * (t - warmup)) / (total - warmup)))) / 2,
    );
    close(rates(cosineWarmup(optimizer, { warmupSteps: warmup, totalSteps: total, minLrRate: floor }), 14), want);
    expect(want.at(-1)).toBeCloseTo(0.1, 12);
  }));

it("inverseSqrtWarmup falls as the root of the warm-up over the steps", () =>
  withOptimizer((optimizer) => {
    const want = Array.from({ length: 40 }, (_, t) => (t < 4 ? t / 4 : Math.sqrt(4 / t)));
    close(rates(inverseSqrtWarmup(optimizer, { warmupSteps: 4 }), 40), want);
    const shifted = Array.from({ length: 40 }, (_, t) => (t < 4 ? t / 4 : 1 / Math.sqrt((t + 21) / 25)));
    close(rates(inverseSqrtWarmup(optimizer, { warmupSteps: 4, timescale: 25 }), 40), shifted);
    close(rates(inverseSqrtWarmup(optimizer, { warmupSteps: 0 }), 2), [1, 1 / Math.sqrt(10_001 / 10_000)]);
  }));

const plateaus: readonly [Partial<PlateauOptions>, readonly number[], readonly number[]][] = [
  [
    { factor: 0.5, patience: 2, cooldown: 1, minLr: 0.1 },
    [5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 2.9999, 2.9998, 2.9997, 9, 9, 9, 9],
    [1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.125, 0.1, 0.1],
  ],
  [
    { mode: "max", factor: 0.1, patience: 1, threshold: 0.05, thresholdMode: "abs" },
    [0.1, 0.2, 0.2, 0.25, 0.26, 0.27, 0.5, NaN, 0.5, 0.5, 0.5],
    [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001],
  ],
];

it.each(plateaus)("ReduceLROnPlateau follows torch's with %o, also when it is resumed", (options, metrics, want) =>
  withOptimizer((optimizer) => {
    let schedule = new ReduceLROnPlateau(optimizer, options);
    const got = [schedule.lr()];
    for (const metric of metrics) {
      const state = JSON.parse(JSON.stringify(schedule.stateDict())) as ReturnType<typeof schedule.stateDict>;
      schedule = new ReduceLROnPlateau(optimizer, options);
      schedule.loadStateDict(state);
      schedule.step(metric);
      got.push(schedule.lr());
    }
    close(got, want);
    if (options.minLr) expect(optimizer.groups[1]!.lr).toBeCloseTo(0.1, 12);
  }),
);

it("schedules refuse options outside their domain", () =>
  withOptimizer((optimizer) => {
    const one = constantLR(optimizer);
    expect(() => sequentialLR(optimizer, [one, one], [])).toThrow(
      "sequentialLR: expected rising whole milestones, one less than the 2 schedules, got none",
    );
    expect(() => sequentialLR(optimizer, [one, one, one], [3, 3])).toThrow(/got 3, 3/);
    expect(() => oneCycleLR(optimizer, { totalSteps: 0 })).toThrow(/oneCycleLR: expected totalSteps/);
    expect(() => oneCycleLR(optimizer, { totalSteps: 9, divFactor: 0 })).toThrow(
      /divFactor and finalDivFactor above 0/,
    );
    expect(() => constantLR(optimizer, { factor: 2 })).toThrow(/constantLR: expected a factor from 0 to 1/);
    expect(() => inverseSqrtWarmup(optimizer, { warmupSteps: 1, timescale: 0 })).toThrow(/timescale above 0, got 0/);
    expect(() => cosineWarmup(optimizer, { warmupSteps: 0, totalSteps: 3, minLrRate: -1 })).toThrow(/minLrRate from 0/);
    expect(() => new ReduceLROnPlateau(optimizer, { factor: 1 })).toThrow(
      "ReduceLROnPlateau: expected a factor from 0 up to 1, got 1",
    );
    expect(() => new ReduceLROnPlateau(optimizer, { patience: -1 })).toThrow(/patience/);
    expect(() => new ReduceLROnPlateau(optimizer).loadStateDict({ best: 1, bad: -1, cooldown: 0 })).toThrow(/counts/);
  }));
