// Nothing in training/, data/ and hub/ knows an architecture: all of it works for a module that is none of ours.
import {
  BatchSampler,
  CHECKPOINT_FILE,
  classificationBatches,
  classificationEpoch,
  ClassificationCollator,
  evaluateClassification,
  evaluateMaskedLM,
  loadPretrained,
  maskedLMEpoch,
  MemoryFolder,
  savePretrained,
  Trainer,
  weightDecayGroups,
  type BatchSource,
  type EncodedExample,
  type MaskedLMInputs,
  type SequenceClassificationInputs,
  type TrainingProgress,
} from "@tessera/models";
import { AdamW, Embedding, linearWarmup, Linear, Module, mseLoss } from "@tessera/nn";
import { BlockSparseLinear, BlockSparseModelPatcher } from "@tessera/sparse";
import {
  crossEntropy,
  Generator,
  manualSeed,
  mean,
  readSafetensors,
  relu,
  scope,
  tanh,
  tensor,
  type Tensor,
  type TypedArray,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { uniforms } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { tinyBlocks, tinyCollator } from "./tiny-model.ts";

interface Points {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** A function of two numbers, learnt: a module whose forward is its loss. */
class Regression extends Module {
  readonly hidden: Linear; // [16, 2]
  readonly out: Linear; // [1, 16]

  constructor(seed = 1) {
    super();
    const generator = new Generator(seed);
    this.hidden = new Linear(2, 16, { generator });
    this.out = new Linear(16, 1, { generator });
  }

  predict(x: Tensor): Tensor {
    return this.out.forward(tanh(this.hidden.forward(x)));
  }

  forward({ x, y }: Points): Tensor {
    return mseLoss(this.predict(x), y);
  }
}

/** Points of y = x₀ x₁, a batch by its number. */
const pointsOf = (number: number): Points => {
  const uniform = uniforms(100 + number);
  const x = Array.from({ length: 16 }, () => [2 * uniform() - 1, 2 * uniform() - 1] as const);
  return { x: tensor(x.map((pair) => [...pair])), y: tensor(x.map(([a, b]) => [a * b])) };
};

const points = (): BatchSource<Points> => {
  let at = 0;
  return {
    next: () => ({ inputs: pointsOf(at++ % 64), tokens: 16 }),
    get state() {
      return at;
    },
    load: (state) => {
      at = state as number;
    },
  };
};

const STEPS = 150;

interface TrainingOptions {
  readonly folder?: MemoryFolder;
  readonly resume?: boolean;
  /** Of the first weights. */
  readonly seed?: number;
  /** The step of the report at which it is told to stop. */
  readonly stopAt?: number;
}

const trainingOf = ({ folder, resume = false, seed = 1, stopAt }: TrainingOptions = {}) => {
  const controller = new AbortController();
  const model = new Regression(seed);
  const optimizer = new AdamW(weightDecayGroups(model, { weightDecay: 0.01 }), { lr: 3e-2 });
  const seen: TrainingProgress[] = [];
  const evaluate = async () => {
    const read = scope(() => ({ loss: model.forward(pointsOf(1000)).item() }));
    return { loss: await read.loss };
  };
  manualSeed(9);
  const trainer = new Trainer({
    model,
    optimizer,
    schedule: linearWarmup(optimizer, { warmupSteps: 3, totalSteps: STEPS }),
    batches: points(),
    steps: STEPS,
    maxGradNorm: 1,
    evaluate,
    loggingSteps: 50,
    onProgress: (progress) => {
      seen.push(progress);
      if (progress.step === stopAt) controller.abort();
    },
    ...(folder ? { folder, saveSteps: 7 } : {}),
  });
  const weights = async (): Promise<Map<string, TypedArray>> =>
    new Map(await Promise.all([...model.namedParameters()].map(async ([name, x]) => [name, await x.data()] as const)));
  const dispose = (): void => {
    optimizer.dispose();
    model.dispose();
  };
  return { result: () => trainer.train({ resume, signal: controller.signal }), seen, weights, dispose };
};

describe("the Trainer, with a module of one's own", () => {
  it("learns, reports and evaluates", () =>
    withoutLeaks(async () => {
      const training = trainingOf();
      const { status, metrics, tokens } = await training.result();
      expect({ status, tokens }).toEqual({ status: "finished", tokens: 16 * STEPS });
      expect(training.seen.map(({ step }) => step)).toEqual([50, 100, 150]);
      expect(training.seen.at(-1)!.loss).toBeLessThan(training.seen[0]!.loss / 2);
      // A constant, the best that could be told without looking, is off by 1/9.
      expect(metrics!["loss"]).toBeLessThan(0.03);
      training.dispose();
    }));

  it("goes on from a checkpoint to the very weights of one that was never stopped", () =>
    withoutLeaks(async () => {
      const whole = trainingOf();
      await whole.result();
      const folder = new MemoryFolder();
      const part = trainingOf({ folder, stopAt: 50 });
      expect(await part.result()).toMatchObject({ status: "stopped", step: 50 });
      const { metadata } = readSafetensors(await folder.read(CHECKPOINT_FILE));
      expect(JSON.parse(metadata["training"]!)).toMatchObject({ step: 50, batches: 50 });
      // Its own first weights are others: those of the checkpoint take their place.
      const rest = trainingOf({ folder, resume: true, seed: 2 });
      expect(await rest.result()).toMatchObject({ status: "finished", step: STEPS });
      expect(await rest.weights()).toEqual(await whole.weights());
      for (const training of [whole, part, rest]) training.dispose();
    }));
});

/** A text as the mean of its words: no attention, no configuration. */
class BagOfWords extends Module {
  readonly words: Embedding; // [vocab, 8]
  readonly out: Linear; // [labels, 8]

  constructor(
    vocab: number,
    labels: number,
    private readonly pooled: boolean,
  ) {
    super();
    const generator = new Generator(3);
    this.words = new Embedding(vocab, 8, { generator });
    this.out = new Linear(8, labels, { generator });
  }

  /** Logits of the text, or of each of its words. */
  forward({ inputIds, labels }: SequenceClassificationInputs & MaskedLMInputs): { logits: Tensor; loss?: Tensor } {
    const x = relu(this.words.forward(inputIds));
    const logits = this.out.forward(this.pooled ? mean(x, { dim: 1 }) : x);
    return { logits, ...(labels && this.pooled ? { loss: crossEntropy(logits, labels) } : {}) };
  }
}

/** Texts of two classes, each with words of its own. */
const examples: EncodedExample[] = Array.from({ length: 24 }, (_, i) => ({
  ids: [0, ...Array.from({ length: 1 + (i % 4) }, (_, j) => 5 + 4 * (i % 2) + ((i + j) % 4)), 2],
  label: i % 2,
}));

describe("evaluation and batches, with a module of one's own", () => {
  const collator = new ClassificationCollator({ padTokenId: 1 });
  it("train and judge a classifier", () =>
    withoutLeaks(async () => {
      using model = new BagOfWords(16, 2, true);
      const optimizer = new AdamW(model.namedParameters(), { lr: 5e-2 });
      const batches = classificationBatches({
        examples,
        sampler: new BatchSampler({ size: examples.length, batchSize: 8, seed: 2 }),
        collator,
      });
      const epoch = () => classificationEpoch({ examples, collator, batchSize: 5 });
      const before = await evaluateClassification(model, epoch());
      await new Trainer({ model, optimizer, batches, steps: 40 }).train();
      const after = await evaluateClassification(model, epoch());
      expect(after.loss).toBeLessThan(before.loss / 4);
      expect(after).toMatchObject({ accuracy: 1, count: 24 });
      optimizer.dispose();
    }));

  it("judge a language model that gives all logits, at the masked positions", () =>
    withoutLeaks(async () => {
      using model = new BagOfWords(64, 64, false);
      const epoch = () => maskedLMEpoch({ blocks: tinyBlocks(5), collator: tinyCollator(), batchSize: 2, seed: 1 });
      const found = await evaluateMaskedLM(model, epoch());
      let [loss, count] = [0, 0];
      for (const { inputIds, labels, shape } of epoch()) {
        const logits = scope(() => model.forward({ inputIds: tensor(inputIds, shape) }).logits.dataSync());
        for (const [i, label] of labels.entries()) {
          if (label === -100) continue;
          const row = Array.from(logits.subarray(64 * i, 64 * (i + 1)));
          loss += Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[label]!;
          count++;
        }
      }
      expect(found.count).toBe(count);
      expect(found.loss).toBeCloseTo(loss / count, 5);
    }));
});

it("a folder of Hugging Face's form holds a module without a configuration class, block-sparse layers too", () =>
  withoutLeaks(async () => {
    const make = (): BagOfWords => new BagOfWords(16, 8, true);
    using model = make();
    new BlockSparseModelPatcher().addPattern("out", { density: 0.5, blockSize: 4 }).patchModel(model);
    const folder = new MemoryFolder();
    await savePretrained(folder, model, { model_type: "bag-of-words", labels: 8 });
    const seen: unknown[] = [];
    const { model: again, missingKeys } = await loadPretrained(folder, {
      create: (config) => {
        seen.push(config);
        return make();
      },
      baseModelPrefix: "bag",
      heads: ["out"],
    });
    expect([seen, missingKeys]).toEqual([[{ model_type: "bag-of-words", labels: 8 }], []]);
    expect(again.getSubmodule("out")).toBeInstanceOf(BlockSparseLinear);
    expect(await again.words.weight.data()).toEqual(await model.words.weight.data());
    again.dispose();
  }));
