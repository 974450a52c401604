import {
  BatchSampler,
  maskedLMBatches,
  MlmCollator,
  RobertaConfig,
  RobertaForMaskedLM,
  weightDecayGroups,
  type BatchSource,
  type MaskedLMInputs,
  type RobertaConfigOptions,
  type TokenBlocks,
} from "@tessera/models";
import { AdamW, linearWarmup, type Optimizer, type Schedule } from "@tessera/nn";
import { Generator } from "@tessera/tensor";
import { uniforms } from "../support/generate.ts";

/** Of a tiny training. */
export const STEPS = 30;

/** Small enough that a step takes a millisecond or two. */
export const tinyOptions: RobertaConfigOptions = {
  vocabSize: 64,
  hiddenSize: 16,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 32,
  maxPositionEmbeddings: 24,
  typeVocabSize: 1,
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
};

export const tinyConfig = (options: RobertaConfigOptions = {}): RobertaConfig =>
  new RobertaConfig({ ...tinyOptions, ...options });

/** Blocks of numbers with a pattern to learn: each token is the one before it plus one or two. */
export const tinyBlocks = (count = 40, length = 12): TokenBlocks => {
  const uniform = uniforms(3);
  const ids = new Int32Array(count * length);
  for (let row = 0; row < count; row++) {
    let token = Math.floor(59 * uniform());
    for (let i = 0; i < length; i++) {
      ids[row * length + i] = i === 0 ? 0 : i === length - 1 ? 2 : 5 + token;
      token = (token + 1 + Math.floor(2 * uniform())) % 59;
    }
  }
  return { ids, count, length, dropped: 0 };
};

export const tinyCollator = (): MlmCollator =>
  new MlmCollator({
    maskTokenId: 4,
    padTokenId: 1,
    vocabSize: 64,
    specialTokenIds: new Set([0, 1, 2, 3, 4]),
    maskProbability: 0.3,
  });

export const tinyBatches = (seed = 5, batchSize = 4): BatchSource<MaskedLMInputs> => {
  const blocks = tinyBlocks();
  return maskedLMBatches({
    blocks,
    sampler: new BatchSampler({ size: blocks.count, batchSize, seed }),
    collator: tinyCollator(),
    seed,
  });
};

export interface TinyTraining {
  model: RobertaForMaskedLM;
  optimizer: Optimizer;
  schedule: Schedule;
  batches: BatchSource<MaskedLMInputs>;
}

/** A training from scratch, the same every time. */
export const tinyTraining = (steps: number, config = tinyConfig()): TinyTraining => {
  const model = new RobertaForMaskedLM(config, { generator: new Generator(7) });
  const optimizer = new AdamW(weightDecayGroups(model, { weightDecay: 0.01 }), { lr: 1e-2, betas: [0.9, 0.98] });
  return {
    model,
    optimizer,
    schedule: linearWarmup(optimizer, { warmupSteps: 3, totalSteps: steps }),
    batches: tinyBatches(),
  };
};

export const disposeTraining = ({ model, optimizer }: TinyTraining): void => {
  optimizer.dispose();
  model.dispose();
};
