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

/** Which model, and which batches. */
export interface MaskedLMStepOptions {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly vocab: number;
  /** Texts of a batch, and their tokens. */
  readonly batchSize: number;
  readonly length: number;
  /** Of the layers that the demo patches; 1 leaves the model dense. */
  readonly density: number;
  readonly blockSize: number;
  readonly maskProbability: number;
  readonly seed: number;
}

/** A training, one step at a time. */
export interface MaskedLMStep {
  readonly parameters: number;
  /** `null` for a dense model. */
  readonly plan: PatchPlan | null;
  /** Draws and masks a batch, forward and backward, clips, updates. Resolves to the loss. */
  step(): Promise<number>;
  dispose(): void;
}

const SPECIAL_TOKENS = 5;
const BATCHES = 8;

/** Random tokens without padding, masked anew for each batch. */
const batchesOf = async ({ vocab, batchSize, length, maskProbability, seed }: MaskedLMStepOptions) => {
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

/** A model with new weights by the demo's recipe, ready to train on random tokens, on the default device. */
export const maskedLMStep = async (options: MaskedLMStepOptions): Promise<MaskedLMStep> => {
  const { vocab, density, blockSize, seed } = options;
  const model = createMaskedLM(options, vocab, seed);
  const { patterns } = patching;
  const patcher = density < 1 ? createPatcher({ patterns, density, blockSize, criterion: "random", seed }) : null;
  const plan = patcher?.plan(model) ?? null;
  if (patcher && plan) patcher.patchModel(model, plan);
  model.train();
  const { betas, weightDecay, maxGradNorm } = optimization;
  // So small a rate that nothing overflows, however many steps are looked at.
  const optimizer = new AdamW(weightDecayGroups(model, { weightDecay }), { lr: 1e-6, betas });
  const lossAndGrads = valueAndGrad(model, (inputs: MaskedLMInputs) => model.forward(inputs).loss!);
  const batches = await batchesOf(options);
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
