// Callbacks of a training: when they are called, and that their state is saved and resumed with it.
import {
  CHECKPOINT_FILE,
  earlyStopping,
  keepBest,
  MemoryFolder,
  Trainer,
  TrainingError,
  TrainingLog,
  type MaskedLMInputs,
  type Metrics,
  type TrainerOptions,
} from "@tessera/models";
import type { TrainingCallback } from "@tessera/nn";
import type { BlockSparseLinear } from "@tessera/sparse";
import { BlockSparseModelPatcher, gradualPruning } from "@tessera/sparse";
import { manualSeed, readSafetensors, type TypedArray } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { disposeTraining, STEPS, tinyConfig, tinyTraining, type TinyTraining } from "./tiny-model.ts";

type Options = Partial<TrainerOptions<MaskedLMInputs>>;

const trainerOf = (training: TinyTraining, options: Options = {}): Trainer<MaskedLMInputs> => {
  manualSeed(21);
  return new Trainer({ ...training, steps: STEPS, maxGradNorm: 1, ...options });
};

const weightsOf = async ({ model }: TinyTraining): Promise<Map<string, TypedArray>> =>
  new Map(await Promise.all([...model.stateDict()].map(async ([name, x]) => [name, await x.data()] as const)));

/** Evaluations that give these losses, one after the other, and say at which steps they were. */
const scripted = (losses: readonly number[]): (() => Promise<Metrics>) => {
  let next = 0;
  return async () => ({ loss: losses[next++] ?? 99, accuracy: next / 100 });
};

it("callbacks are called in order, with the training as it stands", () =>
  withoutLeaks(async () => {
    const seen: string[] = [];
    const callback: TrainingCallback = {
      name: "listener",
      onStart: ({ step, steps }) => void seen.push(`start ${step} of ${steps}`),
      onBegin: ({ step }) => void seen.push(`begin ${step}`),
      onStepBegin: ({ step }) => void seen.push(`step ${step}`),
      onGradients: (gradients, { step, model }) =>
        void seen.push(`gradients ${step} ${gradients.size === model.parameters().length} ${gradients.scale !== null}`),
      onStepEnd: async ({ step, log }) => {
        seen.push(`taken ${step}`);
        await log("mine", { square: step ** 2 });
      },
      onEvaluate: ({ loss }, { step }) => void seen.push(`loss ${loss} at ${step}`),
      onEnd: ({ step }) => void seen.push(`end ${step}`),
      onStop: () => void seen.push("stop"),
    };
    const training = tinyTraining(2);
    const folder = new MemoryFolder();
    const options = { steps: 2, folder, evalSteps: 1, evaluate: scripted([5, 4]), callbacks: [callback] };
    const result = await trainerOf(training, options).train();
    expect(seen).toEqual([
      "start 0 of 2",
      "begin 0",
      "step 0",
      "gradients 0 true true",
      "taken 1",
      "loss 5 at 1",
      "step 1",
      "gradients 1 true true",
      "taken 2",
      "loss 4 at 2",
      "end 2",
      "stop",
    ]);
    expect(result).toMatchObject({ status: "finished", stopReason: null, metrics: { loss: 4 } });
    const entries = await new TrainingLog(folder).entries();
    expect(entries.filter(({ event }) => event === "mine")).toEqual([
      { event: "mine", step: 1, square: 1 },
      { event: "mine", step: 2, square: 4 },
    ]);
    disposeTraining(training);
  }));

it("a callback that throws ends the training, and others take down what they put up", () =>
  withoutLeaks(async () => {
    const training = tinyTraining(STEPS);
    let stopped = 0;
    const callbacks: TrainingCallback[] = [
      { name: "one", onStop: () => void stopped++ },
      {
        name: "two",
        onStepEnd: ({ step }) => {
          if (step === 3) throw new Error("enough");
        },
      },
    ];
    await expect(trainerOf(training, { callbacks }).train()).rejects.toThrow("enough");
    expect(stopped).toBe(1);
    disposeTraining(training);
  }));

describe("earlyStopping", () => {
  it("ends a training after so many evaluations that are no better, and it stays ended", () =>
    withoutLeaks(async () => {
      const folder = new MemoryFolder();
      const training = tinyTraining(STEPS);
      const options = (): Options => ({
        folder,
        evalSteps: 2,
        evaluate: scripted([5, 4, 4.5, 3.95, 4.2]),
        callbacks: [earlyStopping({ patience: 2, minDelta: 0.1 })],
      });
      const result = await trainerOf(training, options()).train();
      const expected = {
        status: "finished",
        step: 8,
        stopReason: "loss was not better than 4 in 2 evaluations",
        metrics: { loss: 3.95 },
      };
      expect(result).toMatchObject(expected);
      const bytes = await folder.read(CHECKPOINT_FILE);
      const again = tinyTraining(STEPS);
      expect(await trainerOf(again, options()).train({ resume: true })).toMatchObject(expected);
      expect(await folder.read(CHECKPOINT_FILE)).toEqual(bytes);
      for (const each of [training, again]) disposeTraining(each);
    }));

  it("counts on where a training that was stopped had counted", () =>
    withoutLeaks(async () => {
      const losses = [3, 4, 4, 4, 4, 4];
      const controller = new AbortController();
      const folder = new MemoryFolder();
      const [before, after] = [tinyTraining(STEPS), tinyTraining(STEPS)];
      await trainerOf(before, {
        folder,
        evalSteps: 2,
        evaluate: scripted(losses),
        callbacks: [earlyStopping({ patience: 3 })],
        loggingSteps: 1,
        onProgress: ({ step }) => void (step === 5 && controller.abort()),
      }).train({ signal: controller.signal });
      const { step } = await trainerOf(after, {
        folder,
        evalSteps: 2,
        evaluate: scripted(losses.slice(2)),
        callbacks: [earlyStopping({ patience: 3 })],
      }).train({ resume: true });
      expect(step).toBe(8);
      for (const each of [before, after]) disposeTraining(each);
    }));

  it("knows of accuracies that more is better", () =>
    withoutLeaks(async () => {
      const training = tinyTraining(STEPS);
      const callbacks = [earlyStopping({ metric: "accuracy", patience: 1 })];
      const result = await trainerOf(training, { evalSteps: 3, evaluate: scripted([]), callbacks }).train();
      expect(result).toMatchObject({ step: STEPS, stopReason: null });
      disposeTraining(training);
    }));
});

/** A training of a model whose feed-forward layers are block-sparse, with every block at first. */
const sparseTraining = (steps = STEPS): TinyTraining => {
  const training = tinyTraining(steps, tinyConfig({ hiddenSize: 32, intermediateSize: 64 }));
  new BlockSparseModelPatcher()
    .addPattern(/roberta\.encoder\.layer\.[0-9]+\.(intermediate|output)\.dense/, { density: 1, blockSize: 8 })
    .patchModel(training.model)
    .handOver(training.optimizer);
  return training;
};

describe("keepBest", () => {
  it("leaves the model of the best evaluation, its layout included, after a resumption too", () =>
    withoutLeaks(async () => {
      const losses = [5, 3, 4, 6, 7, 8];
      const pruning = () => gradualPruning({ density: 0.25, every: 5 });
      const atBest = sparseTraining();
      // The same training, ended where the evaluation is best.
      await trainerOf(atBest, {
        evalSteps: 5,
        evaluate: scripted(losses),
        callbacks: [
          pruning(),
          { name: "ender", onEvaluate: (_, { step, stop }) => void (step === 10 && stop("best")) },
        ],
      }).train();
      const folder = new MemoryFolder();
      const controller = new AbortController();
      const best = keepBest();
      const [before, after] = [sparseTraining(), sparseTraining()];
      await trainerOf(before, {
        folder,
        evalSteps: 5,
        evaluate: scripted(losses),
        callbacks: [pruning(), keepBest()],
        loggingSteps: 1,
        onProgress: ({ step }) => void (step === 17 && controller.abort()),
      }).train({ signal: controller.signal });
      await trainerOf(after, {
        folder,
        evalSteps: 5,
        evaluate: scripted(losses.slice(3)),
        callbacks: [pruning(), best],
      }).train({ resume: true });
      expect(best.best).toEqual({ step: 10, value: 3 });
      expect(await weightsOf(after)).toEqual(await weightsOf(atBest));
      const layer = after.model.getSubmodule("roberta.encoder.layer.0.output.dense") as BlockSparseLinear;
      expect(layer.density).toBeGreaterThan(0.25);
      expect(layer.density).toBeLessThan(1);
      for (const each of [atBest, before, after]) disposeTraining(each);
    }));

  it("says when there was no evaluation, and when a number is not there", async () => {
    const training = tinyTraining(STEPS);
    await expect(trainerOf(training, { steps: 1, callbacks: [keepBest()] }).train()).rejects.toThrow(
      "keepBest: expected an evaluation, there was none; give the Trainer evaluate, and evalSteps",
    );
    const options = { steps: 2, evaluate: scripted([1]), callbacks: [keepBest({ metric: "f1" })] };
    await expect(trainerOf(training, options).train()).rejects.toThrow(
      'keepBest: expected a number "f1" of the evaluation, got loss, accuracy',
    );
    disposeTraining(training);
  });
});

describe("a checkpoint", () => {
  it("of other callbacks is warned of, and refused where state would be missing", async () => {
    const folder = new MemoryFolder("runs/mine");
    const training = tinyTraining(STEPS);
    await trainerOf(training, { folder, steps: 2, callbacks: [{ name: "mine" }] }).train();
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    await trainerOf(training, { folder, steps: 2, callbacks: [{ name: "other" }], onWarning }).train({ resume: true });
    expect(warnings).toEqual([
      "Trainer: runs/mine was trained with other callbacks, which differ in mine, other; the result will differ from an uninterrupted training",
    ]);
    const resumed = trainerOf(training, { folder, steps: 2, callbacks: [earlyStopping()] }).train({ resume: true });
    await expect(resumed).rejects.toThrow(
      'Trainer: expected the state of the callback "earlyStopping" in the checkpoint, it was saved with mine; leave it out, or begin anew with { overwrite: true }',
    );
    disposeTraining(training);
  });

  it("has the tensors of callbacks under their names", async () => {
    const folder = new MemoryFolder();
    const training = tinyTraining(STEPS);
    const options = { folder, steps: 2, evaluate: scripted([1]), callbacks: [keepBest()] };
    await trainerOf(training, options).train();
    const { tensors, metadata } = readSafetensors(await folder.read(CHECKPOINT_FILE));
    const name = "roberta.embeddings.word_embeddings.weight";
    expect(tensors.get(`callback.keepBest/${name}`)).toEqual(tensors.get(`model.${name}`));
    expect(JSON.parse(metadata["training"]!)).toMatchObject({ callbacks: { keepBest: { step: 2, value: 1 } } });
    disposeTraining(training);
  });
});

it.each([
  [
    { callbacks: [keepBest(), keepBest()] },
    "Trainer: expected callbacks to be of different names, got keepBest, keepBest",
  ],
] as [Options, string][])("the Trainer refuses %j", (options, message) => {
  const training = tinyTraining(STEPS);
  expect(() => trainerOf(training, options)).toThrow(message);
  disposeTraining(training);
});

it("early stopping refuses what is outside its domain", () => {
  for (const [options, message] of [
    [{ patience: 0 }, "earlyStopping: patience is a number of evaluations from 1 up, got 0"],
    [{ minDelta: -1 }, "earlyStopping: minDelta is 0 or more, got -1"],
    [{ mode: "most" as "min" }, 'earlyStopping: mode is "min" or "max", got most'],
  ] as const) {
    expect(() => earlyStopping(options)).toThrow(message);
    expect(() => earlyStopping(options)).toThrow(TrainingError);
  }
});
