import { tensor, type DeviceLike } from "@tessera/tensor";
import type { BatchSampler, BatchSamplerState } from "../data/batch-sampler.ts";
import type { ClassificationBatch, ClassificationCollator, EncodedExample } from "../data/classification-collator.ts";
import { IGNORE_INDEX, type MlmBatch, type MlmCollator } from "../data/mlm-collator.ts";
import type { PaddedSequences } from "../data/pad-sequences.ts";
import { SeededRandom } from "../data/seeded-random.ts";
import { takeBlocks, type TokenBlocks } from "../data/token-blocks.ts";
import type { MaskedLMInputs } from "../tasks/masked-lm.ts";
import type { SequenceClassificationInputs } from "../tasks/sequence-classification.ts";
import type { TextInputs } from "../tasks/text-inputs.ts";
import type { BatchSource } from "./batch-source.ts";

/** Where tensors are made. */
export interface OnDevice {
  device?: DeviceLike;
}

/** Ids as tensors; the mask only where there is padding, because attention is faster without one. No loss here looks at padding. */
const tokenTensors = ({ inputIds, attentionMask, shape }: PaddedSequences, on: OnDevice): TextInputs => ({
  inputIds: tensor(inputIds, shape, on),
  ...(attentionMask.includes(0) ? { attentionMask: tensor(attentionMask, shape, on), skipPaddedQueries: true } : {}),
});

/** The tensors of a masked batch, the labels gathered at their positions. */
export const maskedLMInputs = (batch: MlmBatch, on: OnDevice = {}): MaskedLMInputs => ({
  ...tokenTensors(batch, on),
  labels: tensor(batch.positionLabels, undefined, on),
  labelPositions: tensor(batch.labelPositions, undefined, on),
});

/** The tensors of a batch of labelled texts. */
export const classificationInputs = (batch: ClassificationBatch, on: OnDevice = {}): SequenceClassificationInputs => ({
  ...tokenTensors(batch, on),
  labels: tensor(batch.labels, undefined, on),
});

const tokensOf = ({ attentionMask }: PaddedSequences): number => attentionMask.reduce((total, one) => total + one, 0);

/** How many labels the loss looks at. */
export const labelsOf = (labels: Int32Array): number =>
  labels.reduce((total, label) => total + Number(label !== IGNORE_INDEX), 0);

export interface MaskedLMBatchesOptions extends OnDevice {
  blocks: TokenBlocks;
  sampler: BatchSampler;
  collator: MlmCollator;
  /** Decides the masks, with the epoch and the number of the batch: they are new in every epoch. */
  seed: number;
}

/**
 * Endless masked batches of packed blocks.
 *
 * @example
 * const sampler = new BatchSampler({ size: blocks.count, batchSize: 8, seed });
 * const batches = maskedLMBatches({ blocks, sampler, collator, seed });
 */
export const maskedLMBatches = ({
  blocks,
  sampler,
  collator,
  seed,
  ...on
}: MaskedLMBatchesOptions): BatchSource<MaskedLMInputs> => ({
  next: () => {
    const { epoch, position } = sampler.state;
    const random = new SeededRandom(seed, "mask", epoch, position);
    const batch = collator.collate(takeBlocks(blocks, sampler.next()), random);
    const labelCount = labelsOf(batch.positionLabels);
    return { inputs: maskedLMInputs(batch, on), tokens: tokensOf(batch), labelCount };
  },
  get state() {
    return sampler.state;
  },
  load: (state) => sampler.load(state as BatchSamplerState),
});

export interface ClassificationBatchesOptions extends OnDevice {
  examples: readonly EncodedExample[];
  sampler: BatchSampler;
  collator: ClassificationCollator;
}

/**
 * Endless batches of labelled texts.
 *
 * @example
 * const sampler = new BatchSampler({ size: examples.length, batchSize: 32, seed, lengths: examples.map(({ ids }) => ids.length) });
 * const batches = classificationBatches({ examples, sampler, collator });
 */
export const classificationBatches = ({
  examples,
  sampler,
  collator,
  ...on
}: ClassificationBatchesOptions): BatchSource<SequenceClassificationInputs> => ({
  next: () => {
    const batch = collator.collate(Array.from(sampler.next(), (i) => examples[i]!));
    return { inputs: classificationInputs(batch, on), tokens: tokensOf(batch), labelCount: labelsOf(batch.labels) };
  },
  get state() {
    return sampler.state;
  },
  load: (state) => sampler.load(state as BatchSamplerState),
});
