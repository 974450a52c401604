import type { Module } from "@tessera/nn";
import { indexSelect, reshape, scope, type Tensor } from "@tessera/tensor";
import type { ClassificationBatch } from "../data/classification-collator.ts";
import type { MlmBatch } from "../data/mlm-collator.ts";
import type { MaskedLMInputs } from "../tasks/masked-lm.ts";
import type { SequenceClassificationInputs } from "../tasks/sequence-classification.ts";
import { classificationInputs, maskedLMInputs, type OnDevice } from "./collators.ts";
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

/** Logits `[labels, classes]`, and the label of each. */
export interface Answers {
  readonly logits: Tensor;
  readonly labels: Tensor;
}

/** What a classifier answers to a batch. */
export const answerTexts = (model: SequenceClassifier, batch: ClassificationBatch, on: OnDevice): Answers => {
  const { labels, ...inputs } = classificationInputs(batch, on);
  return { logits: model.forward(inputs).logits, labels: labels! };
};

/** What a masked language model answers at the masked positions of a batch; `caller` names the function in an error. */
export const answerMasks = (caller: string, model: MaskedLanguageModel, batch: MlmBatch, on: OnDevice): Answers => {
  const { labels, labelPositions, ...inputs } = maskedLMInputs(batch, on);
  const { logits } = model.forward({ ...inputs, labelPositions, returnLogits: "positions" });
  if (!logits) throw new TrainingError(`${caller}: expected a model that gives logits, got an output without`, 0);
  // A model that does not know `returnLogits` gives all of them.
  const flat = logits.ndim === 3 ? indexSelect(reshape(logits, [-1, logits.size(-1)]), 0, labelPositions!) : logits;
  return { logits: flat, labels: labels! };
};

/**
 * Runs a model over batches in evaluation mode, and puts it back into the mode it was in. `read` begins to read what it wants of the
 * answers; `take` gets it, batch by batch. One batch is read while the next is computed.
 */
export const runEvaluation = async <Batch, Read>(
  model: Module,
  batches: Iterable<Batch>,
  read: (batch: Batch) => Promise<Read>,
  take: (found: Read, batch: Batch) => void,
): Promise<void> => {
  const { training } = model;
  const eventLoop = new EventLoopYield();
  let last: { readonly found: Promise<Read>; readonly batch: Batch } | null = null;
  model.eval();
  try {
    for (const batch of batches) {
      const { found } = scope(() => ({ found: read(batch) }));
      // A rejection is thrown when its batch is due; an earlier batch may have failed before that.
      found.catch(() => undefined);
      if (last) take(await last.found, last.batch);
      last = { found, batch };
      await eventLoop.yieldIfDue();
    }
    if (last) take(await last.found, last.batch);
  } finally {
    model.train(training);
  }
};
