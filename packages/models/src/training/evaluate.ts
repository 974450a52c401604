import type { Module } from "@tessera/nn";
import { argmax, crossEntropy, eq, sum } from "@tessera/tensor";
import type { ClassificationBatch, ClassificationCollator, EncodedExample } from "../data/classification-collator.ts";
import type { MlmBatch, MlmCollator } from "../data/mlm-collator.ts";
import { SeededRandom } from "../data/seeded-random.ts";
import { takeBlocks, type TokenBlocks } from "../data/token-blocks.ts";
import { labelsOf, type OnDevice } from "./collators.ts";
import {
  answerMasks,
  answerTexts,
  runEvaluation,
  type Answers,
  type MaskedLanguageModel,
  type SequenceClassifier,
} from "./run-evaluation.ts";
import { TrainingError } from "./training-error.ts";

export type { MaskedLanguageModel, SequenceClassifier } from "./run-evaluation.ts";

/** What an evaluation of a classifier finds. */
export interface ClassificationMetrics extends Record<string, number> {
  /** Mean cross-entropy, in nats. */
  loss: number;
  /** The part of the texts that got their own label, in [0, 1]. */
  accuracy: number;
  /** How many labelled texts there were. */
  count: number;
}

/** What an evaluation of a masked language model finds. */
export interface MaskedLMMetrics extends Record<string, number> {
  /** Mean cross-entropy of the masked tokens, in nats. */
  loss: number;
  /** `exp(loss)`. */
  perplexity: number;
  /** The part of the masked tokens that were told right, in [0, 1]. */
  accuracy: number;
  /** How many tokens were masked. */
  count: number;
}

/** All examples once, in their order, for an evaluation. */
export function* classificationEpoch(options: {
  examples: readonly EncodedExample[];
  collator: ClassificationCollator;
  batchSize: number;
}): Generator<ClassificationBatch> {
  const { examples, collator, batchSize } = options;
  for (let start = 0; start < examples.length; start += batchSize)
    yield collator.collate(examples.slice(start, start + batchSize));
}

/** All blocks once, in their order, with masks that the seed decides: the same ones at every evaluation. */
export function* maskedLMEpoch(options: {
  blocks: TokenBlocks;
  collator: MlmCollator;
  batchSize: number;
  seed: number;
}): Generator<MlmBatch> {
  const { blocks, collator, batchSize, seed } = options;
  for (let start = 0; start < blocks.count; start += batchSize) {
    const rows = Array.from({ length: Math.min(batchSize, blocks.count - start) }, (_, i) => start + i);
    yield collator.collate(takeBlocks(blocks, rows), new SeededRandom(seed, "evaluate", start));
  }
}

/** The means over all labels. */
const total = async <Batch>(
  model: Module,
  batches: Iterable<Batch>,
  answer: (batch: Batch) => Answers,
  countOf: (batch: Batch) => number,
): Promise<{ loss: number; accuracy: number; count: number }> => {
  let [loss, correct, count] = [0, 0, 0];
  await runEvaluation(
    model,
    batches,
    (batch) => {
      const { logits, labels } = answer(batch);
      const summed = crossEntropy(logits, labels, { reduction: "sum" }).item();
      return Promise.all([summed, sum(eq(argmax(logits, -1), labels)).item()]);
    },
    ([ofLoss, ofCorrect], batch) => {
      loss += ofLoss;
      correct += ofCorrect;
      count += countOf(batch);
    },
  );
  if (count === 0)
    throw new TrainingError(
      "evaluate: expected at least one label in the batches, got none; a mean of nothing is no number",
      0,
    );
  return { loss: loss / count, accuracy: correct / count, count };
};

/**
 * Loss and accuracy of a classifier. The model is in evaluation mode meanwhile.
 *
 * @throws TrainingError when no text has a label
 * @example
 * const { accuracy } = await evaluateClassification(model, classificationEpoch({ examples: test, collator, batchSize: 64 }));
 */
export const evaluateClassification = async (
  model: SequenceClassifier,
  batches: Iterable<ClassificationBatch>,
  on: OnDevice = {},
): Promise<ClassificationMetrics> =>
  total(
    model,
    batches,
    (batch) => answerTexts(model, batch, on),
    ({ labels }) => labelsOf(labels),
  );

/**
 * Loss, perplexity and accuracy of a masked language model on the masked tokens. The model is in evaluation mode meanwhile.
 *
 * @throws TrainingError when no token is masked
 * @example
 * const { perplexity } = await evaluateMaskedLM(model, maskedLMEpoch({ blocks: held, collator, batchSize: 16, seed: 1 }));
 */
export const evaluateMaskedLM = async (
  model: MaskedLanguageModel,
  batches: Iterable<MlmBatch>,
  on: OnDevice = {},
): Promise<MaskedLMMetrics> => {
  const found = await total(
    model,
    batches,
    (batch) => answerMasks("evaluateMaskedLM", model, batch, on),
    ({ positionLabels }) => labelsOf(positionLabels),
  );
  return { ...found, perplexity: Math.exp(found.loss) };
};
