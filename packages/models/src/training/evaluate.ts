import type { Module } from "@tessera/nn";
import { argmax, crossEntropy, eq, indexSelect, reshape, scope, sum, type Tensor } from "@tessera/tensor";
import type { ClassificationBatch, ClassificationCollator, EncodedExample } from "../data/classification-collator.ts";
import type { MlmBatch, MlmCollator } from "../data/mlm-collator.ts";
import { SeededRandom } from "../data/seeded-random.ts";
import { takeBlocks, type TokenBlocks } from "../data/token-blocks.ts";
import type { MaskedLMInputs } from "../tasks/masked-lm.ts";
import type { SequenceClassificationInputs } from "../tasks/sequence-classification.ts";
import { classificationInputs, labelsOf, maskedLMInputs, type OnDevice } from "./collators.ts";
import { EventLoopYield } from "./stopwatch.ts";
import { TrainingError } from "./training-error.ts";

/** A classifier of texts: any module that gives logits `[batch, labels]`. */
export type SequenceClassifier = Module & {
  forward(inputs: SequenceClassificationInputs): { readonly logits: Tensor };
};

/**
 * A masked language model: any module that gives logits, `[batch, tokens, vocab]`, or `[positions, vocab]` at `labelPositions` where
 * it knows `returnLogits: "positions"`, which saves the rest.
 */
export type MaskedLanguageModel = Module & { forward(inputs: MaskedLMInputs): { readonly logits?: Tensor } };

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

/** The rows of `[batch, tokens, vocab]` at flat positions, from a model that gave all of them. */
const logitsAt = (logits: Tensor, positions: Tensor): Tensor =>
  indexSelect(reshape(logits, [-1, logits.size(-1)]), 0, positions);

/** Runs a model over batches in evaluation mode, and puts it back into the mode it was in. */
const total = async <Batch>(
  model: Module,
  batches: Iterable<Batch>,
  score: (batch: Batch) => { logits: Tensor; labels: Tensor },
  countOf: (batch: Batch) => number,
): Promise<{ loss: number; accuracy: number; count: number }> => {
  const { training } = model;
  const eventLoop = new EventLoopYield();
  let [loss, correct, count] = [0, 0, 0];
  const take = async (score: Promise<[loss: number, correct: number]>): Promise<void> => {
    const [ofLoss, ofCorrect] = await score;
    loss += ofLoss;
    correct += ofCorrect;
  };
  // One batch is read while the next is computed.
  let last: Promise<[loss: number, correct: number]> | null = null;
  model.eval();
  try {
    for (const batch of batches) {
      const { read: next } = scope(() => {
        const { logits, labels } = score(batch);
        const summed = crossEntropy(logits, labels, { reduction: "sum" }).item();
        return { read: Promise.all([summed, sum(eq(argmax(logits, -1), labels)).item()]) };
      });
      // A rejection is thrown when its batch is due; an earlier batch may have failed before that.
      next.catch(() => undefined);
      count += countOf(batch);
      if (last) await take(last);
      last = next;
      await eventLoop.yieldIfDue();
    }
    if (last) await take(last);
  } finally {
    model.train(training);
  }
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
    (batch) => {
      const { labels, ...inputs } = classificationInputs(batch, on);
      return { logits: model.forward(inputs).logits, labels: labels! };
    },
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
    (batch) => {
      const { labels, labelPositions, ...inputs } = maskedLMInputs(batch, on);
      const { logits } = model.forward({ ...inputs, labelPositions, returnLogits: "positions" });
      if (!logits)
        throw new TrainingError("evaluateMaskedLM: expected a model that gives logits, got an output without", 0);
      return { logits: logits.ndim === 3 ? logitsAt(logits, labelPositions!) : logits, labels: labels! };
    },
    ({ positionLabels }) => labelsOf(positionLabels),
  );
  return { ...found, perplexity: Math.exp(found.loss) };
};
