import { BatchSampler, MlmCollator, packTokenBlocks, type TokenBlocks } from "@tessera/models/data";
import { RobertaConfig, RobertaForMaskedLM } from "@tessera/models/roberta";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import {
  evaluateMaskedLM,
  maskedLMBatches,
  maskedLMEpoch,
  type MaskedLMMetrics,
  type TrainingResult,
} from "@tessera/models/training";
import { manualSeed } from "@tessera/tensor";
import { architecture, initializerRange, pretraining } from "./recipes.ts";
import { trainModel, type Supervision } from "./train-model.ts";

/** Which corpus, model and budget. */
export interface PretrainOptions {
  tokens: number;
  layers: number;
  hidden: number;
  heads: number;
  batchSize: number;
  length: number;
  lr: number;
  maskProbability: number;
}

export const pretrainDefaults = (tokens: number): PretrainOptions => ({ tokens, ...architecture, ...pretraining });

/** A corpus in blocks: to learn from, and to be tested on. */
export interface PackedCorpus {
  train: TokenBlocks;
  heldOut: TokenBlocks;
}

const HELD_OUT_EVERY = 100;
/** Enough blocks for a mean that says something. */
const MOST_HELD_OUT = 256;

const pick = ({ ids, count, length }: TokenBlocks, keeps: (block: number) => boolean): TokenBlocks => {
  const kept = Array.from({ length: count }, (_, block) => block).filter(keeps);
  const out = new Int32Array(kept.length * length);
  kept.forEach((block, i) => out.set(ids.subarray(block * length, (block + 1) * length), i * length));
  return { ids: out, count: kept.length, length, dropped: 0 };
};

/**
 * Tokenises a corpus and packs it into blocks. Every hundredth is held out; a corpus of fewer blocks has none to spare and is
 * tested on what it learns from.
 *
 * @param heldOut `"all"` tests on every block: for a model that learns from none of them
 */
export const packCorpus = (
  texts: readonly string[],
  tokenizer: ByteLevelBpeTokenizer,
  length: number,
  heldOut: "some" | "all" = "some",
): PackedCorpus => {
  const { bosTokenId, eosTokenId } = tokenizer;
  const encoded = texts.map((text) => tokenizer.encodeToIds(text));
  const blocks = packTokenBlocks(encoded, { length, bosTokenId, eosTokenId });
  if (heldOut === "all" || blocks.count < HELD_OUT_EVERY) return { train: blocks, heldOut: blocks };
  const isHeldOut = (block: number): boolean => block % HELD_OUT_EVERY === 0 && block < HELD_OUT_EVERY * MOST_HELD_OUT;
  return { train: pick(blocks, (block) => !isHeldOut(block)), heldOut: pick(blocks, isHeldOut) };
};

/** Steps that read `tokens` tokens, rounded up. */
export const stepsFor = ({ tokens, batchSize, length }: PretrainOptions): number =>
  Math.ceil(tokens / (batchSize * length));

const collatorFor = (tokenizer: ByteLevelBpeTokenizer, maskProbability: number): MlmCollator =>
  new MlmCollator({
    maskTokenId: tokenizer.maskTokenId,
    padTokenId: tokenizer.padTokenId,
    vocabSize: tokenizer.vocabSize,
    specialTokenIds: tokenizer.specialTokenIds,
    maskProbability,
  });

/** A RoBERTa with new weights, which follow from the seed alone. It has no dropout: so short a training never overfits. */
export const createMaskedLM = (
  { layers, hidden, heads, length }: Pick<PretrainOptions, "layers" | "hidden" | "heads" | "length">,
  vocabSize: number,
  seed: number,
): RobertaForMaskedLM => {
  manualSeed(seed);
  return new RobertaForMaskedLM(
    new RobertaConfig({
      vocabSize,
      hiddenSize: hidden,
      numHiddenLayers: layers,
      numAttentionHeads: heads,
      intermediateSize: 4 * hidden,
      // Positions count from padTokenId + 1 = 2.
      maxPositionEmbeddings: length + 2,
      typeVocabSize: 1,
      initializerRange: initializerRange(hidden),
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
      layerNormEps: 1e-5,
    }),
  );
};

export interface MaskedLMTraining extends Supervision {
  title: string;
  steps: number;
  lr: number;
  batchSize: number;
  maskProbability: number;
  seed: number;
  /** Where the training is kept; without it a stop loses it. */
  folder?: string;
}

/** Trains a masked language model in place, or goes on where that was interrupted. */
export const trainMaskedLM = (
  model: RobertaForMaskedLM,
  blocks: TokenBlocks,
  tokenizer: ByteLevelBpeTokenizer,
  { batchSize, maskProbability, seed, ...training }: MaskedLMTraining,
): Promise<TrainingResult> => {
  const sampler = new BatchSampler({
    size: blocks.count,
    batchSize: Math.min(batchSize, blocks.count),
    seed,
    dropLast: true,
  });
  const collator = collatorFor(tokenizer, maskProbability);
  return trainModel({ ...training, model, batches: maskedLMBatches({ blocks, sampler, collator, seed }) });
};

/** Loss of a masked language model on blocks, with masks that the seed decides. */
export const evaluateOnBlocks = (
  model: RobertaForMaskedLM,
  blocks: TokenBlocks,
  tokenizer: ByteLevelBpeTokenizer,
  { maskProbability, seed }: { maskProbability: number; seed: number },
): Promise<MaskedLMMetrics> =>
  evaluateMaskedLM(
    model,
    maskedLMEpoch({ blocks, collator: collatorFor(tokenizer, maskProbability), batchSize: 32, seed }),
  );

/** Pre-trains a new model, or goes on where that was interrupted. The caller disposes of it. */
export const pretrainModel = async (
  corpus: PackedCorpus,
  tokenizer: ByteLevelBpeTokenizer,
  options: PretrainOptions,
  { seed, folder, ...supervision }: Supervision & { seed: number; folder: string },
): Promise<{ model: RobertaForMaskedLM; steps: number; seconds: number; heldOut: MaskedLMMetrics }> => {
  const { batchSize, lr, maskProbability } = options;
  const model = createMaskedLM(options, tokenizer.vocabSize, seed);
  const steps = stepsFor(options);
  try {
    const training = { ...supervision, title: "pre-training", steps, lr, batchSize, maskProbability, seed, folder };
    const { seconds } = await trainMaskedLM(model, corpus.train, tokenizer, training);
    const heldOut = await evaluateOnBlocks(model, corpus.heldOut, tokenizer, { maskProbability, seed });
    return { model, steps, seconds, heldOut };
  } catch (error) {
    model.dispose();
    throw error;
  }
};
