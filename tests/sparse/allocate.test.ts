import { Linear, Module } from "@tessera/nn";
import {
  allocate,
  allocationMethods,
  checkPatterns,
  evolveAllocation,
  patcherOf,
  type AllocationMethod,
  type SensitivityRow,
} from "@tessera/sparse";
import { Generator, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

const DENSITIES = [0.75, 0.5, 0.25];
const SHAPES: readonly (readonly [number, number])[] = [
  [64, 64],
  [256, 64],
  [64, 256],
  [64, 64],
  [128, 64],
];

/** A generator of numbers in [0, 1) for a test: a linear congruence. */
const numbers = (seed: number) => {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
};

const common = {
  model: "m",
  checkpointHash: "0",
  conditions: { layout: "best" },
  recover: 0,
  blockSize: 8,
  criterion: "magnitude",
};
const PARAMETERS = 100_000;

/** Rows of five layers with made-up costs. Parameters are exact, times are not round. */
const rowsOf = (seed: number, seeds = [0]): SensitivityRow[] => {
  const draw = numbers(seed);
  const rows: SensitivityRow[] = seeds.map((each) => ({
    ...common,
    cell: `dense${each}`,
    mode: "dense",
    group: "",
    layers: [],
    shapes: [],
    density: 1,
    seed: each,
    loss: 2 + 0.1 * each,
    accuracy: 0.8,
    parameters: PARAMETERS,
  }));
  for (const [i, shape] of SHAPES.entries()) {
    const steepness = draw();
    for (const density of DENSITIES)
      for (const each of seeds)
        rows.push({
          ...common,
          cell: `${i} ${density} ${each}`,
          mode: "leave-one-out",
          group: `l${i}`,
          layers: [`l${i}`],
          shapes: [shape],
          density,
          realisedDensity: density,
          seed: each,
          loss: 2 + 0.1 * each + steepness * (1 - density) ** 2 + 0.01 * draw() - 0.003,
          accuracy: 0.8 - 0.1 * steepness * (1 - density) + 0.01 * draw(),
          parameters: PARAMETERS - (1 - density) * shape[0] * shape[1],
          stepMs: 10 - (1 - density) * shape[0] * shape[1] * 1e-4 * (0.5 + draw()),
          denseStepMs: 10,
        });
  }
  return rows;
};

/** Every combination of choices, with what it adds up to. */
const combinations = (rows: readonly SensitivityRow[]) => {
  const choices = SHAPES.map((_, i) => [
    { loss: 0, drop: 0, parameters: 0, ms: 0 },
    ...DENSITIES.map((density) => {
      const { loss, accuracy, parameters, stepMs } = rows.find(
        (row) => row.group === `l${i}` && row.density === density,
      )!;
      return {
        loss: loss! - 2,
        drop: Math.max(0, 0.8 - accuracy!),
        parameters: PARAMETERS - parameters!,
        ms: 10 - stepMs!,
      };
    }),
  ]);
  const zero = { loss: 0, drop: 0, parameters: 0, ms: 0 };
  return choices.reduce(
    (sums, layer) =>
      sums.flatMap((sum) =>
        layer.map((one) => ({
          loss: sum.loss + one.loss,
          drop: sum.drop + one.drop,
          parameters: sum.parameters + one.parameters,
          ms: sum.ms + one.ms,
        })),
      ),
    [zero],
  );
};

describe("dynamic programming finds what trying every combination finds", () => {
  it.each([1, 2, 3, 4, 5, 6])("for measured curves %i", (seed) => {
    const rows = rowsOf(seed);
    const all = combinations(rows);
    for (const share of [0.15, 0.3, 0.45]) {
      const parameters = PARAMETERS - Math.round(share * 49_152);
      const min = Math.min(...all.filter((sum) => PARAMETERS - sum.parameters <= parameters).map(({ loss }) => loss));
      const byParameters = allocate(rows, { parameters });
      expect(byParameters.expected.loss).toBeCloseTo(2 + min, 10);
      expect(byParameters.expected.parameters).toBeLessThanOrEqual(parameters);

      const stepTime = 10 - share * 4;
      const fastest = Math.min(...all.filter(({ ms }) => 10 - ms <= stepTime).map(({ loss }) => loss));
      const byTime = allocate(rows, { stepTime });
      expect(byTime.expected.loss).toBeCloseTo(2 + fastest, 10);
      expect(byTime.expected.stepMs).toBeLessThanOrEqual(stepTime + 1e-9);

      const accuracyDrop = share / 5;
      const max = Math.max(...all.filter(({ drop }) => drop <= accuracyDrop).map((sum) => sum.parameters));
      expect(allocate(rows, { accuracyDrop }).expected.parameters).toBeCloseTo(PARAMETERS - max, 6);
    }
  });
});

it("no method beats the optimum, and all keep the budget", () => {
  const rows = rowsOf(9);
  const methods = Object.keys(allocationMethods) as AllocationMethod[];
  for (const budget of [{ parameters: 80_000 }, { stepTime: 8.6 }]) {
    const losses = methods.map((method) => {
      const { expected } = allocate(rows, { ...budget, method });
      expect(expected.parameters).toBeLessThanOrEqual(budget.parameters ?? Infinity);
      expect(expected.stepMs).toBeLessThanOrEqual((budget.stepTime ?? Infinity) + 1e-9);
      return expected.loss;
    });
    expect(Math.min(...losses)).toBe(losses[methods.indexOf("dynamic")]);
  }
  const uniform = allocate(rows, { parameters: 80_000, method: "uniform" });
  expect(new Set(uniform.groups.map(({ density }) => density))).toEqual(new Set([0.5]));
  // Erdős and Rényi: the smallest layers are the densest.
  const densities = allocate(rows, { parameters: 80_000, method: "erdosRenyi" }).groups.map(({ density }) => density);
  expect(densities[0]!).toBeGreaterThan(densities[1]!);
});

it("seeds are averaged beside the dense model of the same seed", () => {
  const rows = rowsOf(3, [0, 1]);
  const { expected, dense } = allocate(rows, { parameters: 70_000 });
  expect(dense.loss).toBeCloseTo(2.05, 12);
  const { groups } = allocate(rows, { parameters: 70_000 });
  const added = groups
    .filter(({ density }) => density < 1)
    .map(({ group, density }) => {
      const own = rows.filter((row) => row.group === group && row.density === density);
      return own.reduce((sum, { loss, seed }) => sum + loss! - (2 + 0.1 * seed), 0) / own.length;
    });
  expect(expected.loss).toBeCloseTo(2.05 + added.reduce((sum, one) => sum + one, 0), 12);
});

describe("evolution", () => {
  /** Layers that are not independent: 0 and 1 must not both be sparse. */
  const lossOf = (densities: readonly number[]): number =>
    densities.reduce((sum, density, i) => sum + (i + 1) * 0.1 * (1 - density), 2) +
    4 * (1 - densities[0]!) * (1 - densities[1]!);

  it("finds what curves of single layers cannot tell, within the budget, equally for equal seeds", async () => {
    const rows = rowsOf(1).map((row) => {
      if (row.mode === "dense") return row;
      return { ...row, loss: lossOf(SHAPES.map((_, i) => (row.group === `l${i}` ? row.density : 1))) };
    });
    const search = () =>
      evolveAllocation(rows, {
        parameters: 70_000,
        generations: 15,
        offspring: 8,
        seed: 4,
        evaluate: async ({ groups }) => lossOf(groups.map(({ density }) => density)),
      });
    const found = await search();
    const start = allocate(rows, { parameters: 70_000 });
    expect(found.expected.parameters).toBeLessThanOrEqual(70_000);
    expect(found.loss).toBeLessThan(lossOf(start.groups.map(({ density }) => density)));
    const levels = [1, ...DENSITIES];
    let best = Infinity;
    for (let code = 0; code < 4 ** 5; code++) {
      const densities = SHAPES.map((_, i) => levels[Math.floor(code / 4 ** i) % 4]!);
      const parameters = SHAPES.reduce((left, [o, n], i) => left - (1 - densities[i]!) * o * n, PARAMETERS);
      if (parameters <= 70_000) best = Math.min(best, lossOf(densities));
    }
    expect(found.loss).toBeCloseTo(best, 10);
    expect(await search()).toEqual(found);
  });

  it("ends with a loss that is none, and at the signal", async () => {
    const rows = rowsOf(1);
    const broken = evolveAllocation(rows, { parameters: 70_000, evaluate: async () => NaN });
    await expect(broken).rejects.toThrow("expected evaluate to give a finite loss, got NaN");
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(evolveAllocation(rows, { parameters: 70_000, signal, evaluate: async () => 1 })).rejects.toThrow(
      "enough",
    );
  });
});

class Two extends Module {
  l0 = new Linear(64, 64, { generator: new Generator(1) });
  l1 = new Linear(64, 256, { generator: new Generator(2) });
  forward(x: Tensor): Tensor {
    return this.l1.forward(this.l0.forward(x));
  }
}

it("patterns are JSON that a patcher takes", () =>
  withoutLeaks(() => {
    const allocation = allocate(
      rowsOf(1).filter(({ group }) => ["", "l0", "l1"].includes(group)),
      { parameters: 93_000 },
    );
    const { patterns } = checkPatterns(JSON.parse(JSON.stringify({ patterns: allocation.patterns })));
    const model = new Two();
    const { plan } = patcherOf({ patterns }).patchModel(model);
    expect(plan!.layers.map(({ name, layout }) => [name, layout.density])).toEqual(
      allocation.groups.filter(({ density }) => density < 1).map(({ group, density }) => [group, density]),
    );
    model.dispose();
  }));

describe("bad input", () => {
  const rows = rowsOf(1);
  it.each<[string, () => unknown, string]>([
    ["no budget", () => allocate(rows, {}), "expected one of parameters, stepTime or accuracyDrop, got none"],
    [
      "two budgets",
      () => allocate(rows, { parameters: 1, stepTime: 1 }),
      "expected one of parameters, stepTime or accuracyDrop, got parameters and stepTime",
    ],
    [
      "a budget out of reach",
      () => allocate(rows, { parameters: 10 }),
      "expected parameters that the measured densities reach, got 10; the least is 63136",
    ],
    ["a method", () => allocate(rows, { parameters: 7e4, method: "dynamik" as "dynamic" }), "did you mean dynamic?"],
    ["a criterion", () => allocate(rows, { parameters: 7e4, criterion: "magnitudes" }), "did you mean magnitude?"],
    ["no rows", () => allocate([], { parameters: 7e4 }), "expected rows of mode leave-one-out, got none"],
    ["no dense row", () => allocate(rows.slice(1), { parameters: 7e4 }), "expected a row of the dense model, got none"],
    [
      "two models",
      () => allocate([...rows, { ...rows[1]!, checkpointHash: "1" }], { parameters: 7e4 }),
      "expected rows of one model, got 0, 1",
    ],
    [
      "no times",
      () =>
        allocate(
          rows.map(({ stepMs: _, ...row }) => row),
          { stepTime: 8 },
        ),
      "expected rows with step times, got some without",
    ],
    ["patterns", () => checkPatterns({ patterns: [] }), "expected patterns to be an array of at least one"],
    [
      "a density",
      () => checkPatterns({ patterns: [{ layers: ["a"], density: 2 }] }),
      "expected patterns[0].density to be a number in (0, 1], got 2",
    ],
    [
      "a layout",
      () =>
        checkPatterns({
          patterns: [{ layers: ["a"], density: 0.5, blockSize: 8, criterion: "random", layout: "bandet", seed: 0 }],
        }),
      "did you mean banded?",
    ],
  ])("%s is refused", (_, run, message) => {
    expect(run).toThrow(message);
  });
});
