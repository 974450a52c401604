import { BatchSampler, ClassificationCollator, type EncodedExample, type LabelledText } from "@tessera/models/data";
import type { RobertaForSequenceClassification } from "@tessera/models/roberta";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import {
  classificationBatches,
  classificationEpoch,
  classificationInputs,
  evaluateClassification,
  type ClassificationMetrics,
  type TrainingResult,
} from "@tessera/models/training";
import { Interrupted } from "../terminal/command-error.ts";
import { checkLoss } from "./check-finite.ts";
import { optimization } from "./recipes.ts";
import { trainModel, type Supervision, type TrainingExtras } from "./train-model.ts";
import type { SequenceClassificationInputs } from "@tessera/models";

/** Encodes texts as ids. Texts of more than `maxLength` tokens are cut off. */
export const encodeExamples = (
  examples: readonly LabelledText[],
  tokenizer: ByteLevelBpeTokenizer,
  maxLength: number,
): EncodedExample[] => examples.map(({ text, label }) => ({ ids: tokenizer.encode(text, { maxLength }).ids, label }));

export interface ClassifierTraining extends Supervision, TrainingExtras<SequenceClassificationInputs> {
  title: string;
  steps: number;
  lr: number;
  batchSize: number;
  seed: number;
  /** Where checkpoints are kept. Without it a stopped training is lost. */
  folder?: string;
}

/** Batches of a training as its first epoch has them, for criteria that look at some. */
export const classifierCalibration = (
  padTokenId: number,
  examples: readonly EncodedExample[],
  { batchSize, seed, count }: { batchSize: number; seed: number; count: number },
): (() => Iterable<SequenceClassificationInputs>) =>
  function* () {
    const sampler = new BatchSampler({ size: examples.length, batchSize: Math.min(batchSize, examples.length), seed });
    const collator = new ClassificationCollator({ padTokenId });
    for (let i = 0; i < count; i++)
      yield classificationInputs(collator.collate(Array.from(sampler.next(), (at) => examples[at]!)));
  };

/** Fine-tunes a classifier in place, or resumes an interrupted fine-tuning. */
export const finetuneClassifier = (
  model: RobertaForSequenceClassification,
  examples: readonly EncodedExample[],
  { batchSize, seed, ...training }: ClassifierTraining,
): Promise<TrainingResult> => {
  const { weightDecay } = optimization;
  const collator = new ClassificationCollator({ padTokenId: model.config.padTokenId });
  const sampler = new BatchSampler({ size: examples.length, batchSize: Math.min(batchSize, examples.length), seed });
  return trainModel({
    ...training,
    weightDecay,
    model,
    batches: classificationBatches({ examples, sampler, collator }),
  });
};

/** Texts of a batch of an evaluation. */
const EVALUATION_BATCH = 64;

/**
 * Computes loss and accuracy on labelled texts.
 *
 * @throws {Interrupted} when it is stopped
 * @throws {CommandError} if the loss is infinite or NaN
 */
export const evaluateClassifier = async (
  model: RobertaForSequenceClassification,
  examples: readonly EncodedExample[],
  { title, terminal, stop }: Supervision & { title: string },
): Promise<ClassificationMetrics> => {
  const collator = new ClassificationCollator({ padTokenId: model.config.padTokenId });
  // Texts of similar length share a batch, so that batches have little padding.
  const sorted = examples.toSorted((a, b) => a.ids.length - b.ids.length);
  const bar = terminal.startProgress(title, examples.length);
  function* supervised(): ReturnType<typeof classificationEpoch> {
    let done = 0;
    for (const batch of classificationEpoch({ examples: sorted, collator, batchSize: EVALUATION_BATCH })) {
      if (stop.aborted) throw new Interrupted("stopped while evaluating");
      yield batch;
      bar.update((done += batch.labels.length));
    }
  }
  try {
    return checkLoss(await evaluateClassification(model, supervised()));
  } finally {
    bar.stop();
  }
};
