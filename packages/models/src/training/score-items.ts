import { argmax, crossEntropy, eq, cast, indexSelect, reshape, scope, type TypedArray } from "@tessera/tensor";
import type { Module } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import type { ClassificationBatch } from "../data/classification-collator.ts";
import { IGNORE_INDEX, type MlmBatch } from "../data/mlm-collator.ts";
import { classificationInputs, maskedLMInputs, type OnDevice } from "./collators.ts";
import type { MaskedLanguageModel, SequenceClassifier } from "./evaluate.ts";
import { EventLoopYield } from "./stopwatch.ts";
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

/** Where the labels of a batch belong. */
interface Scored {
  readonly logits: Tensor;
  readonly labels: Tensor;
}

const score = async <Batch>(
  model: Module,
  batches: Iterable<Batch>,
  run: (batch: Batch) => Scored,
  itemsOf: (batch: Batch) => { readonly count: number; readonly items: ArrayLike<number>; readonly labels: Int32Array },
): Promise<ItemScores> => {
  const { training } = model;
  const eventLoop = new EventLoopYield();
  const [losses, correct, weights]: [number[], number[], number[]] = [[], [], []];
  const take = async (batch: Batch, sent: Promise<[TypedArray, TypedArray]>): Promise<void> => {
    const [ofLosses, ofCorrect] = await sent;
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
  };
  // One batch is read while the next is computed.
  let last: Promise<void> | null = null;
  model.eval();
  try {
    for (const batch of batches) {
      const { sent } = scope(() => {
        const { logits, labels } = run(batch);
        const ofLosses = crossEntropy(logits, labels, { reduction: "none" }).data();
        return { sent: Promise.all([ofLosses, cast(eq(argmax(logits, -1), labels), "float32").data()]) };
      });
      const next = take(batch, sent);
      // A rejection is thrown when its batch is due; an earlier batch may have failed before that.
      next.catch(() => undefined);
      await last;
      last = next;
      await eventLoop.yieldIfDue();
    }
    await last;
  } finally {
    model.train(training);
  }
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
    (batch) => {
      const { labels, ...inputs } = classificationInputs(batch, on);
      return { logits: model.forward(inputs).logits, labels: labels! };
    },
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
    (batch) => {
      const { labels, labelPositions, ...inputs } = maskedLMInputs(batch, on);
      const { logits } = model.forward({ ...inputs, labelPositions, returnLogits: "positions" });
      if (!logits)
        throw new TrainingError("scoreMaskedLM: expected a model that gives logits, got an output without", 0);
      const flat = logits.ndim === 3 ? indexSelect(reshape(logits, [-1, logits.size(-1)]), 0, labelPositions!) : logits;
      return { logits: flat, labels: labels! };
    },
    ({ labelPositions, positionLabels, shape: [count, length] }) => ({
      count,
      items: labelPositions.map((position) => Math.floor(position / length)),
      labels: positionLabels,
    }),
  );
