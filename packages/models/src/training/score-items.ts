import type { Module } from "@tessera/nn";
import { argmax, cast, crossEntropy, eq } from "@tessera/tensor";
import type { ClassificationBatch } from "../data/classification-collator.ts";
import { IGNORE_INDEX, type MlmBatch } from "../data/mlm-collator.ts";
import type { OnDevice } from "./collators.ts";
import {
  answerMasks,
  answerTexts,
  runEvaluation,
  type Answers,
  type MaskedLanguageModel,
  type SequenceClassifier,
} from "./run-evaluation.ts";
import { TrainingError } from "./training-error.ts";

/** What an evaluation found of each text, in order: their weighted means are the loss and the accuracy. */
export interface ItemScores {
  /** Mean cross-entropy of the item's labels, in nats. */
  readonly losses: Float64Array;
  /** The share of its labels that was told right. */
  readonly correct: Float64Array;
  /** How many labels it has. */
  readonly weights: Float64Array;
}

/** Which item each label of a batch belongs to, of how many. */
interface Items {
  readonly count: number;
  readonly items: ArrayLike<number>;
  readonly labels: Int32Array;
}

const score = async <Batch>(
  model: Module,
  batches: Iterable<Batch>,
  answer: (batch: Batch) => Answers,
  itemsOf: (batch: Batch) => Items,
): Promise<ItemScores> => {
  const [losses, correct, weights]: [number[], number[], number[]] = [[], [], []];
  await runEvaluation(
    model,
    batches,
    (batch) => {
      const { logits, labels } = answer(batch);
      const ofLosses = crossEntropy(logits, labels, { reduction: "none" }).data();
      return Promise.all([ofLosses, cast(eq(argmax(logits, -1), labels), "float32").data()]);
    },
    ([ofLosses, ofCorrect], batch) => {
      const { count, items, labels } = itemsOf(batch);
      const sums = Array.from({ length: count }, () => ({ loss: 0, correct: 0, labels: 0 }));
      for (const [i, label] of labels.entries()) {
        if (label === IGNORE_INDEX) continue;
        const sum = sums[items[i]!]!;
        sum.loss += ofLosses[i]!;
        sum.correct += ofCorrect[i]!;
        sum.labels++;
      }
      for (const sum of sums) {
        if (sum.labels === 0) continue;
        losses.push(sum.loss / sum.labels);
        correct.push(sum.correct / sum.labels);
        weights.push(sum.labels);
      }
    },
  );
  if (losses.length === 0)
    throw new TrainingError(
      "scoreItems: expected at least one label in the batches, got none; give texts with labels",
      0,
    );
  return {
    losses: Float64Array.from(losses),
    correct: Float64Array.from(correct),
    weights: Float64Array.from(weights),
  };
};

/**
 * Loss and correctness of each text of a classifier, for spreads and comparisons in pairs. The model is in evaluation mode meanwhile.
 *
 * @throws TrainingError when no text has a label
 * @example
 * const scores = await scoreClassification(model, classificationEpoch({ examples: test, collator, batchSize: 64 }));
 */
export const scoreClassification = (
  model: SequenceClassifier,
  batches: Iterable<ClassificationBatch>,
  on: OnDevice = {},
): Promise<ItemScores> =>
  score(
    model,
    batches,
    (batch) => answerTexts(model, batch, on),
    ({ labels }) => ({ count: labels.length, items: labels.map((_, i) => i), labels }),
  );

/**
 * Loss and correctness of each block of masked tokens, for spreads and comparisons in pairs. The model is in evaluation mode meanwhile.
 *
 * @throws TrainingError when no token is masked
 * @example
 * const scores = await scoreMaskedLM(model, maskedLMEpoch({ blocks: held, collator, batchSize: 16, seed: 1 }));
 */
export const scoreMaskedLM = (
  model: MaskedLanguageModel,
  batches: Iterable<MlmBatch>,
  on: OnDevice = {},
): Promise<ItemScores> =>
  score(
    model,
    batches,
    (batch) => answerMasks("scoreMaskedLM", model, batch, on),
    ({ labelPositions, positionLabels, shape: [count, length] }) => ({
      count,
      items: labelPositions.map((position) => Math.floor(position / length)),
      labels: positionLabels,
    }),
  );
