import { valueAndGrad } from "@tessera/autograd";
import { BatchSampler, MlmCollator } from "@tessera/models/data";
import type { MaskedLMInputs } from "@tessera/models/roberta";
import { maskedLMBatches, weightDecayGroups } from "@tessera/models/training";
import { AdamW, clipGradNorm } from "@tessera/nn";
import type { PatchPlan } from "@tessera/sparse";
import { Generator, randint, scope } from "@tessera/tensor";
import { createPatcher } from "../training/patch-model.ts";
import { createMaskedLM } from "../training/pretrain-model.ts";
import { optimization, patching } from "../training/recipes.ts";

/** The model and its batches. */
export interface MaskedLMStepOptions {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly vocab: number;
  /** Texts of a batch. */
  readonly batchSize: number;
  /** Tokens of a text. */
  readonly length: number;
  /** Density of the layers that the demo patches; 1 leaves the model dense. */
  readonly density: number;
  readonly blockSize: number;
  readonly maskProbability: number;
  readonly seed: number;
}

/** A training that runs one step at a time. */
export interface MaskedLMStep {
  readonly parameters: number;
  /** `null` for a dense model. */
  readonly plan: PatchPlan | null;
  /** Runs one step: batch, forward, backward, clipping, update. Resolves to the loss. */
  step(): Promise<number>;
  dispose(): void;
}

const SPECIAL_TOKENS = 5;
const BATCHES = 8;

/** Makes batches of random tokens without padding, with new masks in each batch. */
const createBatches = async ({ vocab, batchSize, length, maskProbability, seed }: MaskedLMStepOptions) => {
  const count = BATCHES * batchSize;
  const drawn = scope(() => ({
    ids: randint(SPECIAL_TOKENS, vocab, [count * length], { generator: new Generator(seed), device: "cpu" }).dataSync(),
  }));
  const specialTokenIds = new Set(Array.from({ length: SPECIAL_TOKENS }, (_, id) => id));
  return maskedLMBatches({
    blocks: { ids: drawn.ids as Int32Array, count, length, dropped: 0 },
    sampler: new BatchSampler({ size: count, batchSize, seed }),
    collator: new MlmCollator({ maskTokenId: 4, padTokenId: 1, vocabSize: vocab, specialTokenIds, maskProbability }),
    seed,
  });
};

/** Makes a model with new weights by the demo's recipe, and its training on random tokens on the default device. */
export const createMaskedLMStep = async (options: MaskedLMStepOptions): Promise<MaskedLMStep> => {
  const { vocab, density, blockSize, seed } = options;
  const model = createMaskedLM(options, vocab, seed);
  const { patterns } = patching;
  const patcher = density < 1 ? createPatcher({ patterns, density, blockSize, criterion: "random", seed }) : null;
  const plan = patcher?.plan(model) ?? null;
  if (patcher && plan) patcher.patchModel(model, plan);
  model.train();
  const { betas, weightDecay, maxGradNorm } = optimization;
  // The rate is so small that no number of steps overflows.
  const optimizer = new AdamW(weightDecayGroups(model, { weightDecay }), { lr: 1e-6, betas });
  const lossAndGrads = valueAndGrad(model, (inputs: MaskedLMInputs) => model.forward(inputs).loss!);
  const batches = await createBatches(options);
  return {
    parameters: model.numParameters(),
    plan,
    step: () =>
      scope(() => {
        const { value, grads } = lossAndGrads(batches.next().inputs);
        clipGradNorm(grads, maxGradNorm);
        optimizer.step(grads);
        return { loss: value.item() };
      }).loss,
    dispose: () => {
      optimizer.dispose();
      model.dispose();
    },
  };
};
