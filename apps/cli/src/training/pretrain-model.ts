import type { MaskedLMInputs } from "@tessera/models";
import {
  BatchSampler,
  MlmCollator,
  packTokenBlocks,
  SeededRandom,
  takeBlocks,
  type TokenBlocks,
} from "@tessera/models/data";
import { RobertaConfig, RobertaForMaskedLM, type PositionInit } from "@tessera/models/roberta";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import {
  evaluateMaskedLM,
  maskedLMBatches,
  maskedLMEpoch,
  maskedLMInputs,
  type MaskedLMMetrics,
  type TrainingResult,
} from "@tessera/models/training";
import { manualSeed } from "@tessera/tensor";
import { checkLoss } from "./check-finite.ts";
import type { OptimizerSettings } from "./create-optimizer.ts";
import {
  architecture,
  computeInitializerRange,
  EVALUATION_MASKING,
  pretraining,
  pretrainingRecipes,
  type OptimizerName,
} from "./recipes.ts";
import { trainModel, type Supervision, type TrainingExtras } from "./train-model.ts";

/** The model and the budget of a pre-training. */
export interface PretrainOptions extends OptimizerSettings {
  tokens: number;
  layers: number;
  hidden: number;
  heads: number;
  batchSize: number;
  length: number;
  maskProbability: number;
  positionInit: PositionInit;
}

/** The demo's pre-training with an optimiser. */
export const createPretrainOptions = (optimizer: OptimizerName, tokens: number): PretrainOptions => ({
  ...architecture,
  ...pretraining,
  ...pretrainingRecipes[optimizer],
  tokens,
});

/** A corpus in blocks of tokens: some to train on, some to test on. */
export interface PackedCorpus {
  train: TokenBlocks;
  heldOut: TokenBlocks;
}

const HELD_OUT_EVERY = 100;
/** So many blocks are enough for a stable mean. */
const MAX_HELD_OUT = 256;

const pickBlocks = ({ ids, count, length }: TokenBlocks, keeps: (block: number) => boolean): TokenBlocks => {
  const kept = Array.from({ length: count }, (_, block) => block).filter(keeps);
  const out = new Int32Array(kept.length * length);
  kept.forEach((block, i) => out.set(ids.subarray(block * length, (block + 1) * length), i * length));
  return { ids: out, count: kept.length, length, dropped: 0 };
};

/**
 * Tokenises a corpus and packs it into blocks. Every hundredth block is held out, up to 256 of them. A corpus of fewer than a
 * hundred blocks is tested on its training blocks.
 *
 * @param heldOut `"all"` holds out every block, for a model that is not trained on them
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
  const isHeldOut = (block: number): boolean => block % HELD_OUT_EVERY === 0 && block < HELD_OUT_EVERY * MAX_HELD_OUT;
  return { train: pickBlocks(blocks, (block) => !isHeldOut(block)), heldOut: pickBlocks(blocks, isHeldOut) };
};

/** Counts the steps that read `tokens` tokens, rounded up. */
export const countSteps = ({ tokens, batchSize, length }: PretrainOptions): number =>
  Math.ceil(tokens / (batchSize * length));

/** Masks tokens for the tokenizer of a model. */
export const createCollator = (tokenizer: ByteLevelBpeTokenizer, maskProbability: number): MlmCollator =>
  new MlmCollator({
    maskTokenId: tokenizer.maskTokenId,
    padTokenId: tokenizer.padTokenId,
    vocabSize: tokenizer.vocabSize,
    specialTokenIds: tokenizer.specialTokenIds,
    maskProbability,
  });

/** Makes a RoBERTa whose weights depend on the seed alone. It has no dropout, because so short a training does not overfit. */
export const createMaskedLM = (
  {
    layers,
    hidden,
    heads,
    length,
    positionInit = "normal",
  }: Pick<PretrainOptions, "layers" | "hidden" | "heads" | "length"> & { positionInit?: PositionInit },
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
      initializerRange: computeInitializerRange(hidden),
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
      layerNormEps: 1e-5,
    }),
    { positionInit },
  );
};

export interface MaskedLMTraining extends Supervision, OptimizerSettings, TrainingExtras<MaskedLMInputs> {
  title: string;
  steps: number;
  batchSize: number;
  maskProbability: number;
  seed: number;
  /** Where checkpoints are kept. Without it a stopped training is lost. */
  folder?: string;
}

/** Masked batches for criteria that look at some. */
export const maskedLMCalibration = (
  blocks: TokenBlocks,
  tokenizer: ByteLevelBpeTokenizer,
  {
    batchSize,
    maskProbability,
    seed,
    count,
  }: { batchSize: number; maskProbability: number; seed: number; count: number },
): (() => Iterable<MaskedLMInputs>) =>
  function* () {
    const sampler = new BatchSampler({ size: blocks.count, batchSize: Math.min(batchSize, blocks.count), seed });
    const collator = createCollator(tokenizer, maskProbability);
    for (let i = 0; i < count; i++)
      yield maskedLMInputs(
        collator.collate(takeBlocks(blocks, sampler.next()), new SeededRandom(seed, "calibration", i)),
      );
  };

/** Trains a masked language model in place, or resumes an interrupted training. */
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
  const collator = createCollator(tokenizer, maskProbability);
  return trainModel({ ...training, model, batches: maskedLMBatches({ blocks, sampler, collator, seed }) });
};

/**
 * Computes the loss of a masked language model on blocks, of which 15 % is masked whatever it was trained with. The seed decides the masks.
 *
 * @throws {CommandError} if the loss is infinite or NaN
 */
export const evaluateOnBlocks = async (
  model: RobertaForMaskedLM,
  blocks: TokenBlocks,
  tokenizer: ByteLevelBpeTokenizer,
  { seed }: { seed: number },
): Promise<MaskedLMMetrics> =>
  checkLoss(
    await evaluateMaskedLM(
      model,
      maskedLMEpoch({ blocks, collator: createCollator(tokenizer, EVALUATION_MASKING), batchSize: 32, seed }),
    ),
  );

/** How a pre-training goes, beside its recipe. */
export interface PretrainRun extends Supervision {
  seed: number;
  folder: string;
  /** What goes on beside the steps of the new model; it may make layers of it sparse. */
  prepare?: (model: RobertaForMaskedLM) => Promise<TrainingExtras<MaskedLMInputs>>;
}

/** Pre-trains a new model, or resumes an interrupted pre-training. The caller disposes of the model. */
export const pretrainModel = async (
  corpus: PackedCorpus,
  tokenizer: ByteLevelBpeTokenizer,
  options: PretrainOptions,
  { seed, folder, prepare, ...supervision }: PretrainRun,
): Promise<{
  model: RobertaForMaskedLM;
  steps: number;
  seconds: number;
  heldOut: MaskedLMMetrics;
  stopReason: string | null;
}> => {
  const { batchSize, lr, muonLr, weightDecay, maskProbability } = options;
  const model = createMaskedLM(options, tokenizer.vocabSize, seed);
  const steps = countSteps(options);
  try {
    const training = {
      ...supervision,
      ...(await prepare?.(model)),
      title: "pre-training",
      steps,
      lr,
      ...(muonLr === undefined ? {} : { muonLr }),
      weightDecay,
      batchSize,
      maskProbability,
      seed,
      folder,
    };
    const { step, seconds, stopReason } = await trainMaskedLM(model, corpus.train, tokenizer, training);
    const heldOut = await evaluateOnBlocks(model, corpus.heldOut, tokenizer, { seed });
    return { model, steps: step, seconds, heldOut, stopReason };
  } catch (error) {
    model.dispose();
    throw error;
  }
};
