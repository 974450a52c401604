import {
  CHECKPOINT_FILE,
  FileStoreError,
  MemoryFolder,
  NonFiniteError,
  Trainer,
  TrainingError,
  TrainingLog,
  type BatchSource,
  type MaskedLMInputs,
  type TrainerOptions,
  type TrainingProgress,
} from "@tessera/models";
import { BlockSparseModelPatcher } from "@tessera/sparse";
import {
  full,
  Generator,
  manualSeed,
  memory,
  randn,
  readSafetensors,
  writeSafetensors,
  type TypedArray,
} from "@tessera/tensor";
import { fusesMultiplyAdd } from "@tessera/tensor/extend";
import { describe, expect, it, vi } from "vitest";
import { uniforms } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { disposeTraining, STEPS, tinyBatches, tinyConfig, tinyTraining, type TinyTraining } from "./tiny-model.ts";

type Options = Partial<TrainerOptions<MaskedLMInputs>>;

const trainerOf = (training: TinyTraining, options: Options = {}): Trainer<MaskedLMInputs> => {
  manualSeed(21);
  return new Trainer({ ...training, steps: STEPS, maxGradNorm: 1, ...options });
};

const weightsOf = async ({ model }: TinyTraining): Promise<Map<string, TypedArray>> =>
  new Map(await Promise.all([...model.namedParameters()].map(async ([name, x]) => [name, await x.data()] as const)));

/** The weights of a training that nothing disturbs. */
const undisturbed = async (options: Options = {}, start = tinyTraining): Promise<Map<string, TypedArray>> => {
  const training = start(STEPS);
  await trainerOf(training, options).train();
  const weights = await weightsOf(training);
  disposeTraining(training);
  return weights;
};

/** A signal that is raised at a step. */
const stopAt = (step: number): { signal: AbortSignal; onProgress: (progress: TrainingProgress) => void } => {
  const controller = new AbortController();
  return { signal: controller.signal, onProgress: (progress) => void (progress.step === step && controller.abort()) };
};

/** A folder on a disk that fills up. */
class FullFolder extends MemoryFolder {
  full = false;
  override async write(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    if (this.full)
      throw new FileStoreError(
        "disk: expected to write, got ENOSPC (the disk is full); the files that were there are unchanged",
      );
    await super.write(files);
  }
}

describe("a training", () => {
  it("learns, and reports how it goes", () =>
    withoutLeaks(async () => {
      const training = tinyTraining(120, tinyConfig({ hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 }));
      const seen: TrainingProgress[] = [];
      const result = await trainerOf(training, {
        steps: 120,
        loggingSteps: 20,
        onProgress: (progress) => seen.push(progress),
      }).train();
      expect(seen.map(({ step }) => step)).toEqual([20, 40, 60, 80, 100, 120]);
      expect(seen.at(-1)!.loss).toBeLessThan(seen[0]!.loss - 0.5);
      expect(seen.at(-1)).toMatchObject({ steps: 120, etaSeconds: 0, loss: result.loss });
      // Linear from 1e-2 at step 3 down to 0 at 120; the step before the last uses 1/117 of it.
      expect(seen.at(-1)!.lr).toBeCloseTo(1e-2 / 117, 12);
      expect(result).toMatchObject({ status: "finished", step: 120, metrics: null, tokens: 120 * 4 * 12 });
      expect(seen.every(({ tokensPerSecond, gradNorm }) => tokensPerSecond > 0 && gradNorm > 0)).toBe(true);
      disposeTraining(training);
    }));

  it("is the same every time, and another one from another seed", async () => {
    const first = await undisturbed();
    expect(await undisturbed()).toEqual(first);
    expect(await undisturbed({ batches: tinyBatches(6) })).not.toEqual(first);
  });

  it("averages the gradients of the batches of a step", async () => {
    // Two batches a step are not one batch a step, nor every second.
    const [one, two] = [await undisturbed(), await undisturbed({ gradientAccumulationSteps: 2 })];
    expect(two).not.toEqual(one);
    // The same batch twice is that batch: its mean, exactly, for a factor of a half.
    const twice = (): Options => {
      const batches = tinyBatches();
      let again: unknown = null;
      return {
        gradientAccumulationSteps: 2,
        batches: {
          get state() {
            return batches.state;
          },
          load: (state) => batches.load(state),
          next: () => {
            if (again) batches.load(again);
            again = again ? null : batches.state;
            return batches.next();
          },
        },
      };
    };
    const plain = (steps: number): TinyTraining =>
      tinyTraining(steps, tinyConfig({ hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 }));
    expect(await undisturbed(twice(), plain)).toEqual(await undisturbed({}, plain));
  });

  it("keeps live memory where it was, over 1,000 steps", async () => {
    const training = tinyTraining(1000, tinyConfig({ numHiddenLayers: 1 }));
    const live: number[][] = [];
    const count = (): void =>
      void live.push(Object.values(memory()).flatMap(({ tensors, storages, bytes }) => [tensors, storages, bytes]));
    await trainerOf(training, { steps: 1000, loggingSteps: 10, onProgress: count }).train();
    expect(live).toHaveLength(100);
    for (const counts of live) expect(counts).toEqual(live[0]);
    disposeTraining(training);
  }, 60_000);
});

describe("resuming", () => {
  it("ends with the weights of a training that was never stopped, wherever it was", async () => {
    const expected = await undisturbed();
    const uniform = uniforms(8);
    for (let round = 0; round < 4; round++) {
      const folder = new MemoryFolder();
      const step = 1 + Math.floor((STEPS - 1) * uniform());
      const [before, after] = [tinyTraining(STEPS), tinyTraining(STEPS)];
      const { signal, onProgress } = stopAt(step);
      const stopped = await trainerOf(before, { folder, loggingSteps: 1, onProgress }).train({ signal });
      expect(stopped).toMatchObject({ status: "stopped", step });
      // Nothing of the process that was stopped is left.
      manualSeed(1234);
      const trainer = trainerOf(after, { folder });
      manualSeed(4321);
      const finished = await trainer.train({ resume: true });
      expect(finished).toMatchObject({ status: "finished", step: STEPS, tokens: STEPS * 4 * 12 });
      expect(await weightsOf(after), `stopped after step ${step}`).toEqual(expected);
      disposeTraining(before);
      disposeTraining(after);
    }
  });

  it("holds for accumulated gradients, and for block-sparse models", async () => {
    const start = (steps: number): TinyTraining => {
      const training = tinyTraining(steps, tinyConfig({ hiddenSize: 32, intermediateSize: 64 }));
      new BlockSparseModelPatcher()
        .addPattern(/roberta\.encoder\.layer\.[0-9]+\.(intermediate|output)\.dense/, { density: 0.5, blockSize: 8 })
        .patchModel(training.model)
        .handOver(training.optimizer);
      return training;
    };
    const options = { gradientAccumulationSteps: 2 };
    const expected = await undisturbed(options, start);
    const folder = new MemoryFolder();
    const [before, after] = [start(STEPS), start(STEPS)];
    const { signal, onProgress } = stopAt(17);
    await trainerOf(before, { ...options, folder, loggingSteps: 1, onProgress }).train({ signal });
    await trainerOf(after, { ...options, folder }).train({ resume: true });
    expect(await weightsOf(after)).toEqual(expected);
    disposeTraining(before);
    disposeTraining(after);
  });

  it("does nothing more when the training was finished", async () => {
    const folder = new MemoryFolder();
    const [before, after] = [tinyTraining(STEPS), tinyTraining(STEPS)];
    const evaluate = async () => ({ score: 7 });
    const first = await trainerOf(before, { folder, evaluate }).train();
    const bytes = await folder.read(CHECKPOINT_FILE);
    const second = await trainerOf(after, { folder, evaluate: async () => ({ score: 8 }) }).train({ resume: true });
    expect(second).toMatchObject({ status: "finished", step: STEPS, metrics: { score: 7 }, tokens: first.tokens });
    expect(await folder.read(CHECKPOINT_FILE)).toEqual(bytes);
    expect(await weightsOf(after)).toEqual(await weightsOf(before));
    disposeTraining(before);
    disposeTraining(after);
  });

  it("begins where there is no checkpoint yet", async () => {
    const training = tinyTraining(STEPS);
    await trainerOf(training, { folder: new MemoryFolder() }).train({ resume: true });
    expect(await weightsOf(training)).toEqual(await undisturbed());
    disposeTraining(training);
  });

  it("is not what happens to a folder with a checkpoint by accident", async () => {
    const folder = new MemoryFolder("runs/mine");
    const training = tinyTraining(STEPS);
    await trainerOf(training, { folder, steps: 2 }).train();
    await expect(trainerOf(training, { folder }).train()).rejects.toThrow(
      /Trainer: expected runs\/mine to be without a checkpoint, got one; train\({ resume: true }\) goes on, { overwrite: true } starts over/,
    );
    disposeTraining(training);
    const again = tinyTraining(STEPS);
    await trainerOf(again, { folder }).train({ overwrite: true });
    expect(await weightsOf(again)).toEqual(await undisturbed());
    disposeTraining(again);
  });

  it("says so when the result cannot be exact", async () => {
    const folder = new MemoryFolder("runs/mine");
    const training = tinyTraining(STEPS);
    await trainerOf(training, { folder, steps: 2 }).train();
    const { tensors, metadata } = readSafetensors(await folder.read(CHECKPOINT_FILE));
    const state = JSON.parse(metadata["training"]!) as Record<string, unknown>;
    const other = JSON.stringify({ ...state, fusesMultiplyAdd: !fusesMultiplyAdd() });
    await folder.write(new Map([[CHECKPOINT_FILE, writeSafetensors(tensors, { ...metadata, training: other })]]));
    const warnings: string[] = [];
    await trainerOf(training, { folder, steps: 2, onWarning: (message) => warnings.push(message) }).train({
      resume: true,
    });
    // Who says nothing about warnings sees them too.
    const console = vi.spyOn(globalThis.console, "warn").mockImplementation(() => undefined);
    await trainerOf(training, { folder, steps: 4 }).train({ resume: true });
    warnings.unshift(...console.mock.calls.map(([message]) => String(message)));
    console.mockRestore();
    const [had, has] = fusesMultiplyAdd() ? ["without", "has"] : ["with", "has not"];
    expect(warnings).toEqual([
      "Trainer: runs/mine was trained with steps 2, now it is 4; the result will differ from an uninterrupted training",
      ...[1, 2].map(
        () =>
          `Trainer: runs/mine was trained ${had} fused multiply-adds, which this engine ${has}; the result will not be bit-identical to an uninterrupted training`,
      ),
    ]);
    disposeTraining(training);
  });

  it("refuses blocks that lie elsewhere, another model, and another file", async () => {
    const patched = (seed: number): TinyTraining => {
      const training = tinyTraining(STEPS);
      new BlockSparseModelPatcher()
        .addPattern("roberta.encoder.layer.0.intermediate.dense", {
          density: 0.5,
          blockSize: 4,
          criterion: "random",
          seed,
        })
        .patchModel(training.model)
        .handOver(training.optimizer);
      return training;
    };
    const folder = new MemoryFolder("runs/mine");
    const trainings = [patched(1), patched(2), tinyTraining(STEPS, tinyConfig({ numHiddenLayers: 1 }))] as const;
    await trainerOf(trainings[0], { folder, steps: 2 }).train();
    await expect(trainerOf(trainings[1], { folder, steps: 2 }).train({ resume: true })).rejects.toThrow(
      /roberta\.encoder\.layer\.0\.intermediate\.dense\.(crow|col)Indices \(expected the layout of this layer/,
    );
    await expect(trainerOf(trainings[2], { folder, steps: 2 }).train({ resume: true })).rejects.toThrow(
      /19 unexpected: .*roberta.encoder.layer.1.output.dense.weight/,
    );
    const bare = new MemoryFolder("runs/mine", { [CHECKPOINT_FILE]: writeSafetensors(new Map()) });
    await expect(trainerOf(trainings[0], { folder: bare }).train({ resume: true })).rejects.toThrow(
      /runs\/mine\/checkpoint.safetensors: expected a checkpoint of a training \(version 1\), got another file/,
    );
    trainings.forEach(disposeTraining);
  });
});

describe("what changes no number of a training", () => {
  it("is how often it saves, evaluates and reports, and who draws random numbers meanwhile", async () => {
    const expected = await undisturbed();
    const training = tinyTraining(STEPS);
    const modes: boolean[] = [];
    await trainerOf(training, {
      folder: new MemoryFolder(),
      saveSteps: 3,
      saveSeconds: 0.001,
      loggingSteps: 1,
      evalSteps: 4,
      evaluate: async () => {
        modes.push(training.model.training);
        randn([3]).dispose();
        return { noise: 1 };
      },
    }).train();
    expect(await weightsOf(training)).toEqual(expected);
    expect(modes).toEqual(new Array(8).fill(false));
    expect(training.model.training).toBe(true);
    disposeTraining(training);
  });

  it("holds for generators of the caller's own, which are saved too", async () => {
    const own = new Generator(3);
    const folder = new MemoryFolder();
    const training = tinyTraining(STEPS);
    await trainerOf(training, { folder, generators: { own }, steps: 2 }).train();
    own.draw();
    const again = new Generator(99);
    await trainerOf(training, { folder, generators: { own: again }, steps: 3 }).train({ resume: true });
    expect(again.state()).toEqual({ seed: 3, counter: 0 });
    disposeTraining(training);
  });
});

/** Batches that end the training in the middle of a step. */
const dyingBatches = (after: number): BatchSource<MaskedLMInputs> => {
  const batches = tinyBatches();
  let taken = 0;
  return {
    next: () => {
      if (taken++ === after) throw new Error("power cut");
      return batches.next();
    },
    get state() {
      return batches.state;
    },
    load: (state) => batches.load(state),
  };
};

describe("the log", () => {
  const evaluate = async () => ({ accuracy: 0.5 });
  const train = async (folder: MemoryFolder, more: Options = {}, resume = false): Promise<void> => {
    const training = tinyTraining(STEPS);
    const options = { loggingSteps: 5, saveSteps: 6, evalSteps: 10, evaluate, folder, ...more };
    try {
      await trainerOf(training, options).train({ resume });
    } finally {
      disposeTraining(training);
    }
  };
  /** What does not depend on the clock. */
  const entries = async (folder: MemoryFolder) =>
    (await new TrainingLog(folder).entries()).map(
      ({ seconds: _s, tokensPerSecond: _t, etaSeconds: _e, ...rest }) => rest,
    );

  it("has a line for each report and each evaluation", async () => {
    const folder = new MemoryFolder();
    await train(folder);
    expect((await entries(folder)).map(({ event, step }) => `${event} ${step}`)).toEqual([
      "train 5",
      "train 10",
      "eval 10",
      "train 15",
      "train 20",
      "eval 20",
      "train 25",
      "train 30",
      "eval 30",
    ]);
    expect((await entries(folder)).at(-1)).toEqual({ event: "eval", step: 30, accuracy: 0.5 });
  });

  it.each(["", '{"event":"train","st'])(
    "is that of a training that was never stopped, whatever came after the checkpoint, and with a half line %j",
    async (half) => {
      const [whole, parts] = [new MemoryFolder(), new MemoryFolder()];
      await train(whole);
      // Dies in step 17, after the checkpoint of step 12 and the report of step 15.
      await expect(train(parts, { batches: dyingBatches(16) })).rejects.toThrow("power cut");
      await parts.append("log.jsonl", new TextEncoder().encode(half));
      await train(parts, {}, true);
      expect(await entries(parts)).toEqual(await entries(whole));
    },
  );
});

describe("a log that is damaged", () => {
  const line = `{"event":"train","step":5}\n`;
  const logOf = (text: Uint8Array): Promise<unknown> =>
    new TrainingLog(new MemoryFolder("run", { "log.jsonl": text })).entries();
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

  it("lacks only a last line that was cut off inside of a character", async () => {
    const whole = utf8(`${line}{"event":"é`);
    expect(await logOf(whole.subarray(0, whole.length - 1))).toEqual([{ event: "train", step: 5 }]);
  });

  it("is an error by line and byte where it is no UTF-8, not a text with U+FFFD in it", async () => {
    await expect(logOf(new Uint8Array(Buffer.from(`${line}{"event":"é","step":6}\n`, "latin1")))).rejects.toThrow(
      "run/log.jsonl: expected a text in UTF-8, got 0xe9 where no character has it (line 2, byte 37)",
    );
  });

  it("is an error by line where another line is no event", () =>
    expect(logOf(utf8(`${line}{"event":\n${line}`))).rejects.toThrow(
      `run/log.jsonl, line 2: expected an event of a training with its step, got "{\\"event\\":"; remove the line, it is only shown`,
    ));
});

describe("what goes wrong", () => {
  it("with a loss that is NaN stops the training, names the step, and keeps the last good checkpoint", () =>
    withoutLeaks(async () => {
      const folder = new MemoryFolder();
      const training = tinyTraining(STEPS);
      const saved: Uint8Array[] = [];
      const poison = (): void => {
        const { weight } = training.model.roberta.encoder.layer.at(0).output.LayerNorm;
        weight!.assign(full([16], NaN));
      };
      const options: Options = {
        folder,
        loggingSteps: 1,
        saveSteps: 5,
        onProgress: ({ step }) => {
          if (step === 7) poison();
        },
      };
      const failed = await trainerOf(training, options)
        .train()
        .catch((error: unknown) => error);
      saved.push(await folder.read(CHECKPOINT_FILE));
      expect(failed).toBeInstanceOf(NonFiniteError);
      expect((failed as NonFiniteError).step).toBe(8);
      expect(String(failed)).toMatch(
        /the loss became NaN at step 8; that step changed nothing and the last checkpoint is kept; lower the learning rate/,
      );
      expect(JSON.parse(readSafetensors(saved[0]!).metadata["training"]!)).toMatchObject({ step: 5 });
      disposeTraining(training);
      // And from there it goes on as if nothing had happened.
      const again = tinyTraining(STEPS);
      await trainerOf(again, { folder }).train({ resume: true });
      expect(await weightsOf(again)).toEqual(await undisturbed());
      disposeTraining(again);
    }));

  it("with a full disk stops the training, and the checkpoint before stays", () =>
    withoutLeaks(async () => {
      const folder = new FullFolder();
      const training = tinyTraining(STEPS);
      const options: Options = {
        folder,
        loggingSteps: 1,
        saveSteps: 5,
        onProgress: ({ step }) => void (folder.full = step >= 8),
      };
      await expect(trainerOf(training, options).train()).rejects.toThrow(
        /ENOSPC \(the disk is full\); the files that were there are unchanged/,
      );
      expect(JSON.parse(readSafetensors(await folder.read(CHECKPOINT_FILE)).metadata["training"]!)).toMatchObject({
        step: 5,
      });
      disposeTraining(training);
      folder.full = false;
      const again = tinyTraining(STEPS);
      await trainerOf(again, { folder }).train({ resume: true });
      expect(await weightsOf(again)).toEqual(await undisturbed());
      disposeTraining(again);
    }));

  it("with a model that gives no loss is said", async () => {
    const training = tinyTraining(STEPS);
    const batches = tinyBatches();
    const unlabelled: BatchSource<MaskedLMInputs> = {
      next: () => {
        const { inputs, tokens } = batches.next();
        return { inputs: { inputIds: inputs.inputIds }, tokens };
      },
      state: null,
      load: () => undefined,
    };
    await expect(trainerOf(training, { batches: unlabelled }).train()).rejects.toThrow(
      /Trainer: expected a model that gives a loss, got an output without; are there labels in the batch\?/,
    );
    disposeTraining(training);
  });

  const wrong: [Options, RegExp][] = [
    [{ steps: -1 }, /Trainer: expected steps to be a whole number ≥ 0, got -1/],
    [{ gradientAccumulationSteps: 0 }, /expected gradientAccumulationSteps to be a whole number ≥ 1, got 0/],
    [{ saveSteps: 1.5 }, /expected saveSteps to be a whole number ≥ 1, got 1.5/],
    [{ maxGradNorm: 0 }, /expected maxGradNorm to be above 0, got 0/],
    [{ saveSeconds: NaN }, /expected saveSeconds to be above 0, got NaN/],
  ];
  it.each(wrong)("with the option %j is said", (options, message) => {
    const training = tinyTraining(STEPS);
    expect(() => trainerOf(training, options)).toThrow(message);
    expect(() => trainerOf(training, options)).toThrow(TrainingError);
    disposeTraining(training);
  });
});
