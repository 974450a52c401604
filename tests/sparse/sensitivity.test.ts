import { AdamW, Linear, Module } from "@tessera/nn";
import {
  BlockSparseModelPatcher,
  memoryStore,
  planSensitivity,
  sensitivity,
  SensitivityRunner,
  type SensitivityOptions,
  type SensitivityRow,
} from "@tessera/sparse";
import { valueAndGrad } from "@tessera/autograd";
import {
  argmax,
  cast,
  crossEntropy,
  eq,
  gelu,
  Generator,
  randn,
  scope,
  sum,
  tensor,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

class Points extends Module {
  readonly up: Linear;
  readonly down: Linear;
  readonly out: Linear;

  constructor(seed = 1) {
    super();
    const generator = new Generator(seed);
    this.up = new Linear(16, 32, { generator });
    this.down = new Linear(32, 16, { generator });
    this.out = new Linear(16, 2, { generator });
  }

  forward({ x, labels }: { x: Tensor; labels?: Tensor }): { loss?: Tensor; logits: Tensor } {
    const logits = this.out.forward(gelu(this.down.forward(gelu(this.up.forward(x)))));
    return labels ? { loss: crossEntropy(logits, labels), logits } : { logits };
  }
}

const points = (seed: number): { x: Tensor; labels: Tensor } => {
  const x = randn([24, 16], { generator: new Generator(seed) });
  return { x, labels: cast(sum(x.mul(x), { dim: 1 }).gt(15.3), "int32") };
};

type Options = SensitivityOptions<Points, { x: Tensor; labels: Tensor }>;

const evaluate: Options["evaluate"] = async (model) =>
  scope(() => {
    const { x, labels } = points(77);
    const { logits } = model.forward({ x });
    return {
      losses: crossEntropy(logits, labels, { reduction: "none" }).dataSync(),
      correct: cast(eq(argmax(logits, 1), labels), "float32").dataSync(),
    };
  });

const train: NonNullable<Options["recover"]>["train"] = async (model, { steps, seed }) => {
  const optimizer = new AdamW(model.namedParameters(), { lr: 3e-3 });
  const step = valueAndGrad(model, (batch: { x: Tensor; labels: Tensor }) => model.forward(batch).loss!);
  for (let i = 0; i < steps; i++) scope(() => optimizer.step(step(points(1000 * seed + i)).grads));
  optimizer.dispose();
};

const options = (more: Partial<Options> = {}): Options => ({
  model: () => new Points(),
  densities: [0.5, 0.25],
  blockSizes: [8],
  evaluate,
  ...more,
});

const sorted = (rows: readonly SensitivityRow[]): SensitivityRow[] =>
  rows.toSorted((a, b) => (a.cell < b.cell ? -1 : 1));

describe("a sweep", () => {
  it("measures what a patch by hand gives, with spreads, sizes and conditions", () =>
    withoutLeaks(async () => {
      const { rows, left } = await sensitivity(options({ name: "points", conditions: { data: "77" } }));
      // Dense, and up and down at two densities; out has 2 rows, fewer than a block.
      expect(rows.map(({ group, density }) => [group, density])).toEqual([
        ["", 1],
        ["up", 0.5],
        ["up", 0.25],
        ["down", 0.5],
        ["down", 0.25],
      ]);
      expect(left).toEqual([{ group: "out", blockSize: 8, reason: "out is 2 × 16, smaller than a block of 8" }]);
      const model = new Points();
      new BlockSparseModelPatcher().addPattern("up", { density: 0.5, blockSize: 8 }).patchModel(model);
      const found = (await evaluate(model, { seed: 0, signal: undefined })) as { losses: Float32Array };
      const mean = found.losses.reduce((total, one) => total + one, 0) / 24;
      const row = rows[1]!;
      expect(row.loss).toBeCloseTo(mean, 12);
      expect(row.parameters).toBe(model.numParameters());
      expect(row).toMatchObject({ model: "points", layers: ["up"], realisedDensity: 0.5, blockSize: 8, seed: 0 });
      expect(row).toMatchObject({ mode: "leave-one-out", conditions: { data: "77", layout: "best" }, recover: 0 });
      expect(row.checkpointHash).toMatch(/^[0-9a-f]{64}$/);
      // Standard error of the mean; the bootstrap's middle 95 % is about ±1.96 of it.
      const deviation = Math.sqrt(found.losses.reduce((total, one) => total + (one - mean) ** 2, 0) / 24 / 24);
      expect((row.lossSpread!.high - row.lossSpread!.low) / (2 * 1.96 * deviation)).toBeCloseTo(1, 0);
      expect(row.lossSpread!.low).toBeLessThan(row.loss!);
      expect(row.accuracySpread!.high).toBeGreaterThanOrEqual(row.accuracy!);
      model.dispose();
    }));

  it("knows three modes", async () => {
    const modes = ["leave-one-out", "one-in", "cumulative"] as const;
    const { cells } = await planSensitivity(options({ layers: /up|down/, densities: [0.5], modes }));
    expect(cells.map(({ mode, group, layers }) => [mode, group, layers.join()])).toEqual([
      ["dense", "", ""],
      ["leave-one-out", "up", "up"],
      ["leave-one-out", "down", "down"],
      ["one-in", "up", "down"],
      ["one-in", "down", "up"],
      ["cumulative", "up", "up"],
      ["cumulative", "down", "up,down"],
    ]);
  });

  it("measures a criterion that does not draw once, and equal layouts once", async () => {
    let evaluations = 0;
    const counted = options({
      layers: "up",
      // Both leave one block for each row: the floor of a small grid.
      densities: [0.02, 0.01],
      criteria: ["magnitude", "random"],
      seeds: [0, 1],
      evaluate: (model, context) => {
        evaluations++;
        return evaluate(model, context);
      },
    });
    const { rows, notes } = await sensitivity(counted);
    expect(rows.filter(({ criterion }) => criterion === "magnitude")).toHaveLength(2);
    expect(rows.filter(({ criterion }) => criterion === "random")).toHaveLength(4);
    expect(notes).toEqual(["magnitude does not draw, and nothing is trained: 2 seeds give the same, one is measured"]);
    expect(evaluations).toBe(new Set(rows.map(({ layoutHash }) => layoutHash)).size);
    expect(evaluations).toBeLessThan(rows.length);
  });

  it("gathers what criteria need once, and trains from each seed", () =>
    withoutLeaks(async () => {
      let passes = 0;
      const { rows } = await sensitivity(
        options({
          layers: "up",
          densities: [0.5],
          criteria: ["taylor", "fisher"],
          seeds: [0, 1],
          recover: { steps: 2, train },
          calibration: function* () {
            passes++;
            for (let seed = 0; seed < 2; seed++) yield points(seed);
          },
        }),
      );
      expect(passes).toBe(1);
      const dense = rows.filter(({ mode }) => mode === "dense");
      expect(dense.map(({ seed, recover }) => [seed, recover])).toEqual([
        [0, 2],
        [1, 2],
      ]);
      expect(dense[0]!.loss).not.toBe(dense[1]!.loss);
      expect(rows).toHaveLength(6);
    }));
});

describe("a sweep that is disturbed", () => {
  const whole = (): Partial<Options> => ({
    criteria: ["magnitude", "random"],
    seeds: [0, 1],
    recover: { steps: 1, train },
  });

  it("goes on from what is in the store, and is to the digit what it would have been", () =>
    withoutLeaks(async () => {
      const expected = await sensitivity(options(whole()));
      const controller = new AbortController();
      const store = memoryStore();
      const stopped = sensitivity(
        options({
          ...whole(),
          store,
          signal: controller.signal,
          onProgress: ({ done }) => {
            if (done === 5) controller.abort(new Error("enough"));
          },
        }),
      );
      await expect(stopped).rejects.toThrow("enough");
      expect(store.rows()).toHaveLength(5);
      let measured = 0;
      const resumed = await sensitivity(options({ ...whole(), store, onProgress: () => void measured++ }));
      expect(measured).toBe(expected.rows.length - 5);
      expect(resumed.rows).toEqual(expected.rows);
      // All is there: nothing is evaluated.
      const again = options({ ...whole(), store, evaluate: () => Promise.reject(new Error("never")) });
      expect((await sensitivity(again)).rows).toEqual(expected.rows);
    }));

  it("in three shards, or by two runners, gives the same rows", async () => {
    const expected = await sensitivity(options(whole()));
    const shards = await Promise.all(
      [0, 1, 2].map((index) => sensitivity(options({ ...whole(), shard: { index, count: 3 } }))),
    );
    expect(sorted(shards.flatMap(({ rows }) => rows))).toEqual(sorted(expected.rows));
    const runners = await Promise.all([1, 2].map(() => SensitivityRunner.create(options(whole()))));
    const shared = await sensitivity(options({ ...whole(), runners: runners.map((one) => (cell) => one.run(cell)) }));
    expect(shared.rows).toEqual(expected.rows);
  });

  it("records a cell that fails, goes on, skips it, and tries again when asked", () =>
    withoutLeaks(async () => {
      const store = memoryStore();
      const failing = options({
        store,
        evaluate: async (model, context) => {
          if (model.up.weight === undefined) return { loss: NaN };
          if ((model.down.weight as unknown) === undefined) throw new Error("no luck");
          return evaluate(model, context);
        },
      });
      const { rows } = await sensitivity(failing);
      expect(rows.map(({ error }) => error)).toEqual([
        undefined,
        "evaluate: expected a finite loss, got NaN; did a recovery diverge?",
        "evaluate: expected a finite loss, got NaN; did a recovery diverge?",
        "no luck",
        "no luck",
      ]);
      let measured = 0;
      await sensitivity({ ...failing, onProgress: () => void measured++ });
      expect(measured).toBe(0);
      const well = await sensitivity(options({ store, retryFailed: true }));
      expect(well.rows.every(({ error }) => error === undefined)).toBe(true);
    }));

  it("ends when the dense model fails, or the store", async () => {
    const broken = options({ evaluate: async () => ({ loss: NaN }) });
    await expect(sensitivity(broken)).rejects.toThrow(
      "sensitivity: expected a dense model that can be evaluated; evaluate: expected a finite loss, got NaN",
    );
    const full = { rows: () => [], add: () => Promise.reject(new Error("disk full")) };
    await expect(sensitivity(options({ store: full }))).rejects.toThrow("disk full");
  });
});

it("times are taken at the end, one model beside the dense one, once for each layout", () =>
  withoutLeaks(async () => {
    const store = memoryStore();
    const events: string[] = [];
    const timed = options({
      layers: "up",
      densities: [0.02, 0.01, 0.75],
      store,
      repeats: 2,
      evaluate: async (model, context) => {
        events.push("evaluate");
        return evaluate(model, context);
      },
      time: (model) => {
        events.push("prepare");
        const x = tensor(new Float32Array(16), [1, 16]);
        return {
          forward: () => scope(() => model.forward({ x }).logits.dataSync()),
          step: () => scope(() => model.forward({ x }).logits.dataSync()),
          dispose: () => x.dispose(),
        };
      },
    });
    const { rows } = await sensitivity(timed);
    // Two layouts and the dense model.
    expect(events).toEqual(["evaluate", "evaluate", "evaluate", "prepare", "prepare", "prepare"]);
    for (const row of rows.slice(1))
      for (const ms of [row.forwardMs, row.denseForwardMs, row.stepMs, row.denseStepMs]) expect(ms).toBeGreaterThan(0);
    await sensitivity(timed);
    expect(events).toHaveLength(6);
  }));

it.each<[string, Partial<Options>, string]>([
  ["densities", { densities: [0.5, 0] }, "expected densities above 0 and at most 1, got 0"],
  ["no density", { densities: [] }, "expected at least one of densities, got none"],
  ["twice", { densities: [0.5, 0.5] }, "expected densities that differ, got 0.5, 0.5"],
  ["layers", { layers: "upp" }, 'expected layers that can be patched, "upp" matches none; did you mean up?'],
  ["criteria", { criteria: ["magnitud" as "magnitude"] }, 'got "magnitud"; did you mean magnitude?'],
  ["modes", { modes: ["one-out" as "one-in"] }, 'got "one-out"; did you mean one-in?'],
  ["calibration", { criteria: ["fisher"] }, 'expected calibration batches for the criterion "fisher", got none'],
  ["blocks", { blockSizes: [6] }, "a block size is a multiple of 4 from 4 to 64, got 6"],
  ["shards", { shard: { index: 2, count: 2 } }, "expected a shard from 0 to 1, got 2"],
  ["groups", { groups: { a: "up", b: /up|down/ } }, "expected each layer in one group, up is in b and another one too"],
])("%s outside their domain are refused", async (_, more, message) => {
  await expect(sensitivity(options(more))).rejects.toThrow(message);
});
