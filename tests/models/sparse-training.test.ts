// Sparse training as callbacks of the Trainer: what each does to the layouts, and that a resumed training is the whole one, bit for bit.
import {
  MemoryFolder,
  Trainer,
  TrainingLog,
  type MaskedLMInputs,
  type TrainerOptions,
  type TrainingProgress,
} from "@tessera/models";
import type { TrainingCallback } from "@tessera/nn";
import {
  BlockSparseLinear,
  BlockSparseModelPatcher,
  gradualPruning,
  movementPruning,
  rigl,
  sparseEvolution,
  sparseTrainings,
  type PatchOptions,
} from "@tessera/sparse";
import { manualSeed, type TypedArray } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { disposeTraining, STEPS, tinyBatches, tinyConfig, tinyTraining, type TinyTraining } from "./tiny-model.ts";

type Options = Partial<TrainerOptions<MaskedLMInputs>>;

const trainerOf = (training: TinyTraining, options: Options = {}): Trainer<MaskedLMInputs> => {
  manualSeed(21);
  return new Trainer({ ...training, steps: STEPS, maxGradNorm: 1, ...options });
};

const sparseTraining = (options: PatchOptions = {}): TinyTraining => {
  const training = tinyTraining(STEPS, tinyConfig({ hiddenSize: 32, intermediateSize: 64 }));
  new BlockSparseModelPatcher()
    .addPattern(/roberta\.encoder\.layer\.[0-9]+\.(intermediate|output)\.dense/, {
      density: 1,
      blockSize: 8,
      ...options,
    })
    .patchModel(training.model)
    .handOver(training.optimizer);
  return training;
};

/** All that a training leaves: the model with its layouts, and the optimiser. */
const stateOf = async ({ model, optimizer }: TinyTraining): Promise<Map<string, TypedArray>> =>
  new Map(
    await Promise.all(
      [...model.stateDict(), ...optimizer.stateDict().tensors].map(
        async ([name, x]) => [name, await x.data()] as const,
      ),
    ),
  );

const layersOf = ({ model }: TinyTraining): [string, BlockSparseLinear][] =>
  [...model.namedModules()].filter(
    (entry): entry is [string, BlockSparseLinear] => entry[1] instanceof BlockSparseLinear,
  );

const densityOf = (training: TinyTraining): number => {
  const layouts = layersOf(training).map(([, { layout }]) => layout);
  const sum = (of: (layout: (typeof layouts)[number]) => number): number =>
    layouts.reduce((total, layout) => total + of(layout), 0);
  return sum(({ blocks }) => blocks) / sum(({ rows, cols }) => rows * cols);
};

const stopAt = (step: number): { signal: AbortSignal; onProgress: (progress: TrainingProgress) => void } => {
  const controller = new AbortController();
  return { signal: controller.signal, onProgress: (progress) => void (progress.step === step && controller.abort()) };
};

/** Some batches of their own for criteria. */
function* batches(): Generator<MaskedLMInputs> {
  const source = tinyBatches(77);
  for (let i = 0; i < 2; i++) yield source.next().inputs;
}

const moving = { every: 4, fraction: 0.3, until: 1 };
const cases: Record<string, { make: () => TrainingCallback; start?: PatchOptions }> = {
  "cubic pruning by layer": { make: () => gradualPruning({ density: 0.3, every: 3, warmup: 4, recovery: 6 }) },
  "linear pruning in competition": {
    make: () => gradualPruning({ density: 0.4, schedule: "linear", every: 4, scope: "global" }),
  },
  "one-shot pruning by the Fisher information": {
    make: () => gradualPruning({ density: 0.5, schedule: "oneShot", warmup: 9, criterion: "fisher", batches }),
  },
  "random pruning": { make: () => gradualPruning({ density: 0.5, every: 5, criterion: "random", seed: 3 }) },
  "movement pruning": { make: () => movementPruning({ density: 0.3, every: 3, warmup: 4, recovery: 4 }) },
  "growing denser": { make: () => gradualPruning({ from: 0.3, density: 0.9, every: 5 }), start: { density: 0.3 } },
  SET: { make: () => sparseEvolution(moving), start: { density: 0.5 } },
  "SET from new values": { make: () => sparseEvolution({ ...moving, init: "uniform" }), start: { density: 0.5 } },
  RigL: { make: () => rigl(moving), start: { density: 0.5 } },
};

describe("a sparse training that was stopped goes on bit for bit", () => {
  it.each(Object.entries(cases))("%s", (_, { make, start }) =>
    withoutLeaks(async () => {
      const whole = sparseTraining(start);
      const layouts = layersOf(whole).map(([, { layout }]) => layout);
      const first = make();
      // Accumulated batches, too.
      await trainerOf(whole, { callbacks: [first], gradientAccumulationSteps: 2 }).train();
      const expected = await stateOf(whole);
      expect(layersOf(whole).some(([, { layout }], i) => !layout.equals(layouts[i]!))).toBe(true);
      first.dispose?.();
      disposeTraining(whole);
      for (const step of [5, 11, 16]) {
        const folder = new MemoryFolder();
        const [before, after] = [sparseTraining(start), sparseTraining(start)];
        const [stopped, resumed] = [make(), make()];
        const { signal, onProgress } = stopAt(step);
        const options = { folder, gradientAccumulationSteps: 2 };
        await trainerOf(before, { ...options, callbacks: [stopped], loggingSteps: 1, onProgress }).train({ signal });
        await trainerOf(after, { ...options, callbacks: [resumed] }).train({ resume: true });
        expect(await stateOf(after), `stopped after step ${step}`).toEqual(expected);
        for (const each of [before, after]) disposeTraining(each);
        for (const each of [stopped, resumed]) each.dispose?.();
      }
    }),
  );
});

describe("gradual pruning", () => {
  it("to density 1 changes no bit", () =>
    withoutLeaks(async () => {
      const [plain, pruned, moved] = [sparseTraining(), sparseTraining(), sparseTraining()];
      await trainerOf(plain).train();
      await trainerOf(pruned, { callbacks: [gradualPruning({ density: 1, every: 1 })] }).train();
      // Where every block is stored, nothing can move either; RigL's watching changes no gradient.
      await trainerOf(moved, { callbacks: [rigl({ every: 2, until: 1 })] }).train();
      const expected = await stateOf(plain);
      expect(await stateOf(pruned)).toEqual(expected);
      expect(await stateOf(moved)).toEqual(expected);
      for (const each of [plain, pruned, moved]) disposeTraining(each);
    }));

  it("follows its schedule between warm-up and recovery, and logs it", () =>
    withoutLeaks(async () => {
      const training = sparseTraining();
      const folder = new MemoryFolder();
      const seen: number[] = [];
      const callbacks = [
        gradualPruning({ density: 0.25, every: 5, warmup: 5, recovery: 10 }),
        { name: "listener", onStepEnd: () => void seen.push(densityOf(training)) },
      ];
      await trainerOf(training, { folder, callbacks }).train();
      // d = 0.25 + 0.75 (1 − t/15)³ at t = 5 and 10, in layers of 32 blocks: 0.4722 · 32 = 15.1, 0.2778 · 32 = 8.9.
      const want = [1, 15 / 32, 9 / 32, 8 / 32];
      expect(seen).toEqual(
        Array.from({ length: STEPS }, (_, i) => want[Math.min(Math.max(Math.floor((i + 1 - 5) / 5), 0), 3)]),
      );
      const logged = (await new TrainingLog(folder).entries()).filter(({ event }) => event === "sparsity");
      expect(logged.map(({ step, density, dropped }) => [step, density, dropped])).toEqual([
        [10, 15 / 32, 4 * 17],
        [15, 9 / 32, 4 * 6],
        [20, 8 / 32, 4],
      ]);
      disposeTraining(training);
    }));

  it("drops the weakest blocks of all layers where they compete, and of each where they do not", () =>
    withoutLeaks(async () => {
      for (const scope of ["layer", "global"] as const) {
        const training = sparseTraining();
        const norms = await Promise.all(
          layersOf(training).map(async ([, { values, blocks }]) => {
            const numbers = await values.data();
            return Array.from({ length: blocks }, (_, i) => Math.hypot(...numbers.slice(64 * i, 64 * (i + 1))));
          }),
        );
        // Before the first step: the norms are those of the start.
        await trainerOf(training, {
          steps: 0,
          callbacks: [gradualPruning({ density: 0.5, schedule: "oneShot", scope })],
        }).train();
        const kept = layersOf(training).map(([, { layout }]) => layout.mask());
        const all = norms.flat();
        const [weak, strong] = [0, 1].map((one) =>
          all.filter((_, at) => kept.flatMap((mask) => [...mask])[at] === one),
        );
        expect(densityOf(training)).toBe(0.5);
        const counts = layersOf(training).map(([, { blocks }]) => blocks);
        if (scope === "layer") expect(counts).toEqual([16, 16, 16, 16]);
        else {
          expect(new Set(counts).size).toBeGreaterThan(1);
          // But for the last of rows and columns, of which here is none.
          expect(Math.max(...weak!)).toBeLessThanOrEqual(Math.min(...strong!));
        }
        for (const [, { layout }] of layersOf(training))
          expect([layout.deadRows(), layout.deadColumns()]).toEqual([[], []]);
        disposeTraining(training);
      }
    }));

  it("prunes layers that patterns choose, and no others", () =>
    withoutLeaks(async () => {
      const training = sparseTraining();
      const layers = /.*intermediate\.dense/;
      await trainerOf(training, {
        steps: 2,
        callbacks: [gradualPruning({ density: 0.5, schedule: "oneShot", layers })],
      }).train();
      expect(layersOf(training).map(([name, { density }]) => [name.includes("intermediate"), density])).toEqual([
        [true, 0.5],
        [false, 1],
        [true, 0.5],
        [false, 1],
      ]);
      disposeTraining(training);
    }));
});

describe("moving blocks", () => {
  it.each([
    ["SET", sparseEvolution],
    ["RigL", rigl],
  ] as const)("%s keeps their number, moves fewer and fewer, and none at the end", (_, make) =>
    withoutLeaks(async () => {
      const training = sparseTraining({ density: 0.5 });
      const folder = new MemoryFolder();
      await trainerOf(training, { folder, callbacks: [make({ every: 5, fraction: 0.5, until: 0.9 })] }).train();
      const logged = (await new TrainingLog(folder).entries()).filter(({ event }) => event === "sparsity");
      expect(logged.map(({ step }) => step)).toEqual([5, 10, 15, 20, 25]);
      const counts = logged.map(({ grown }) => grown as number);
      expect(counts).toEqual(logged.map(({ dropped }) => dropped));
      expect(counts).toEqual(counts.toSorted((a, b) => b - a));
      expect(counts[0]).toBeGreaterThan(counts.at(-1)!);
      expect(layersOf(training).map(([, { density }]) => density)).toEqual([0.5, 0.5, 0.5, 0.5]);
      disposeTraining(training);
    }),
  );

  it("leaves layers alone that the optimiser does not train", () =>
    withoutLeaks(async () => {
      const training = sparseTraining({ density: 0.5 });
      training.model.freeze(/layer\.0\..*\.values/);
      const callbacks = [sparseEvolution({ every: 5 })];
      await trainerOf(training, { callbacks }).train();
      disposeTraining(training);
    }));
});

it("the record of sparse trainings makes each by its name", () => {
  const names = Object.entries(sparseTrainings).map(([key, make]) => [key, make({ density: 0.5 }).name]);
  expect(names).toEqual([
    ["gradual", "gradualPruning"],
    ["movement", "movementPruning"],
    ["set", "sparseEvolution"],
    ["rigl", "rigl"],
  ]);
});

describe("refused, by text", () => {
  it.each([
    [() => gradualPruning({ density: 1.5 }), "gradualPruning: a density lies from 0 to 1, got 1.5"],
    [() => gradualPruning({ density: 0.5, every: 0 }), "gradualPruning: every is a number of steps from 1 up, got 0"],
    [
      () => gradualPruning({ density: 0.5, scope: "all" as "global" }),
      'gradualPruning: scope is "layer" or "global", got all',
    ],
    [
      () => gradualPruning({ density: 0.5, criterion: "taylor" }),
      'gradualPruning: expected batches for the criterion "taylor", which needs statistics, got none; give a function that makes some',
    ],
    [() => rigl({ fraction: 2 }), "rigl: fraction lies from 0 to 1, got 2"],
    [() => sparseEvolution({ every: 1.5 }), "sparseEvolution: every is a number of steps from 1 up, got 1.5"],
  ] as const)("%s", (make, message) => {
    expect(make).toThrow(message);
  });

  it("a schedule that does not fit, a model without blocks, frozen scores", async () => {
    const [dense, sparse] = [tinyTraining(STEPS), sparseTraining()];
    const start = (training: TinyTraining, callback: TrainingCallback) =>
      trainerOf(training, { callbacks: [callback] }).train();
    await expect(start(dense, rigl())).rejects.toThrow(
      "rigl: expected a model with block-sparse layers, got one without; patch it first, with density 1 to begin dense",
    );
    await expect(start(sparse, gradualPruning({ density: 0.5, warmup: 20, recovery: 20 }))).rejects.toThrow(
      "gradualPruning: expected steps of warm-up and recovery that fit into 30 steps, got 20 and 20",
    );
    const other = gradualPruning({ density: 0.5, schedule: "quartic" as "cubic" });
    await expect(start(sparse, other)).rejects.toThrow(
      'gradualPruning: expected the schedule oneShot or linear or cubic, got "quartic"',
    );
    sparse.model.freeze(/layer\.0\.output\.dense\.values/);
    await expect(start(sparse, movementPruning({ density: 0.5 }))).rejects.toThrow(
      'movementPruning: expected layers that are trained, got "roberta.encoder.layer.0.output.dense", which is frozen',
    );
    for (const each of [dense, sparse]) disposeTraining(each);
  });
});
