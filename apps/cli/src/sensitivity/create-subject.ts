import { valueAndGrad } from "@tessera/autograd";
import {
  BatchSampler,
  ClassificationCollator,
  readTextFile,
  type EncodedExample,
  type TokenBlocks,
} from "@tessera/models/data";
import type { RobertaForMaskedLM, RobertaForSequenceClassification } from "@tessera/models/roberta";
import {
  classificationBatches,
  classificationEpoch,
  maskedLMBatches,
  maskedLMEpoch,
  scoreClassification,
  scoreMaskedLM,
  type BatchSource,
} from "@tessera/models/training";
import type { Module } from "@tessera/nn";
import type { Evaluation, RecoveryContext, TimedRuns } from "@tessera/sparse";
import { scope, type Tensor } from "@tessera/tensor";
import { readGlosses, readTestFile, readLabelledFiles } from "../data/classification-data.ts";
import { readGlossCorpus } from "../data/corpus.ts";
import { hashFile } from "../run-folder/hash-file.ts";
import { UsageError } from "../terminal/command-error.ts";
import { formatCount } from "../terminal/format.ts";
import { Terminal } from "../terminal/terminal.ts";
import { createOptimizer } from "../training/create-optimizer.ts";
import { encodeExamples, finetuneClassifier } from "../training/finetune-classifier.ts";
import {
  isClassifier,
  loadClassifier,
  loadMaskedLM,
  maxTextLength,
  type LoadedModel,
} from "../training/model-folder.ts";
import { createCollator, packCorpus, trainMaskedLM } from "../training/pretrain-model.ts";
import { EVALUATION_MASKING, finetuning, optimization, pretraining, pretrainingRecipes } from "../training/recipes.ts";

export interface SubjectOptions {
  train?: string;
  test?: string;
  text?: string;
  labelsPerClass?: number;
  recoverySteps: number;
  limit?: number;
  /** Whether a criterion looks at batches of the texts to learn from. */
  needsTraining?: boolean;
  /** How many batches a criterion looks at; 16 unless given. */
  criterionBatches?: number;
  /** What files are called, where that is not their path. */
  shown?: Readonly<Record<string, string>>;
}

/** The model of a sweep: how to load, train, evaluate and time it. */
export interface Subject<M extends Module, Inputs> {
  /** The evaluation data, in words. */
  readonly data: string;
  /** Loads a copy of the saved model. The caller disposes of it. */
  load(): Promise<M>;
  recover(model: M, context: RecoveryContext): Promise<unknown>;
  evaluate(model: M): Promise<Evaluation>;
  /** The first batches of a training, for criteria. */
  calibration(): Iterable<Inputs>;
  time(model: M): TimedRuns;
}

/** A subject whose model and inputs are nobody's business but its own. */
export type AnySubject = Subject<Module, unknown>;

const CALIBRATION_BATCHES = 16;

/** The first batches of an endless source. */
const firstOf = <Inputs>(
  create: () => BatchSource<Inputs>,
  { criterionBatches = CALIBRATION_BATCHES }: SubjectOptions,
) =>
  function* (): Generator<Inputs> {
    const source = create();
    for (let i = 0; i < criterionBatches; i++) yield source.next().inputs;
  };

type LossModel<Inputs> = Module & { forward(inputs: Inputs): { readonly loss?: Tensor } };

/** Times of the forward pass and of a whole training step, on the first batch of a source. */
const timedRuns = <Inputs>(
  model: LossModel<Inputs>,
  create: () => BatchSource<Inputs>,
  settings: { lr: number; weightDecay: number },
): TimedRuns => {
  const optimizer = createOptimizer(model, settings);
  const lossOf = (inputs: Inputs): Tensor => model.forward(inputs).loss!;
  const backward = valueAndGrad(model, lossOf);
  return {
    // A number that is read says that the device is done.
    forward: () => scope(() => ({ read: lossOf(create().next().inputs).item() })).read,
    step: () =>
      scope(() => {
        const { value, grads } = backward(create().next().inputs);
        optimizer.step(grads);
        return { read: value.item() };
      }).read,
    dispose: () => optimizer.dispose(),
  };
};

interface SubjectSupervision {
  /** Of the masks of an evaluation. */
  seed: number;
  stop: AbortSignal;
}

const describeFile = async (file: string, { shown = {} }: SubjectOptions): Promise<string> =>
  `${shown[file] ?? file} (${(await hashFile(file)).slice(0, 8)})`;

/** Makes the subject of a sweep from a saved model of either kind. */
export const createSubject = async (
  folder: string,
  options: SubjectOptions,
  supervision: SubjectSupervision,
): Promise<AnySubject> => {
  if (await isClassifier(folder)) {
    if (options.text !== undefined)
      throw new UsageError(`--text: expected a masked language model, got the classifier ${folder}; pass --test`);
    return createClassifierSubject(folder, options, supervision);
  }
  if (options.train !== undefined || options.test !== undefined)
    throw new UsageError(`--test: expected a classifier, got the masked language model ${folder}; pass --text`);
  return createMaskedLMSubject(folder, options, supervision);
};

/** Reads the texts of a classifier: its own split of WordNet, or the given files. */
const readTexts = async ({ model, notes }: LoadedModel<RobertaForSequenceClassification>, options: SubjectOptions) => {
  const { train, test, recoverySteps, labelsPerClass, needsTraining = false } = options;
  if (test === undefined) {
    if (notes.source.kind !== "wordnet")
      throw new UsageError(
        "--test: expected a file of labelled texts, got none; the model was not made from WordNet's glosses",
      );
    const labels = labelsPerClass ?? finetuning.labelsPerClass;
    const task = await readGlosses(notes.source, labels);
    const split = `test glosses of split ${notes.source.seed}`;
    return {
      ...task,
      data: recoverySteps > 0 || needsTraining ? `${split}, with ${labels} texts a class to learn from` : split,
    };
  }
  const classes = Object.values(model.config.id2label);
  if (recoverySteps === 0 && !needsTraining)
    return { train: [], test: await readTestFile(test, classes), data: await describeFile(test, options) };
  if (train === undefined)
    throw new UsageError(
      `--train: expected texts to ${recoverySteps > 0 ? "recover on" : "judge blocks by"}, got none; pass them, or ${recoverySteps > 0 ? "leave out --recovery-steps" : "choose another --criterion"}`,
    );
  const files = await readLabelledFiles(train, test, {
    classes,
    ...(labelsPerClass === undefined ? {} : { labelsPerClass }),
  });
  return {
    ...files,
    data: `${await describeFile(test, options)}, with ${formatCount(files.train.length)} texts of ${await describeFile(train, options)} to learn from`,
  };
};

const createClassifierSubject = async (
  folder: string,
  options: SubjectOptions,
  { stop }: SubjectSupervision,
): Promise<AnySubject> => {
  const loaded = await loadClassifier(folder);
  const { config } = loaded.model;
  loaded.model.dispose();
  const { tokenizer, notes } = loaded;
  const texts = await readTexts(loaded, options);
  const test = encodeExamples(texts.test.slice(0, options.limit), tokenizer, notes.length);
  const train = encodeExamples(texts.train, tokenizer, notes.length);
  const quietly = { terminal: new Terminal({ quiet: true }), stop };
  const { lr, batchSize } = finetuning;
  const { weightDecay } = optimization;
  const collator = new ClassificationCollator({ padTokenId: config.padTokenId });
  // Texts of similar length share a batch, so that batches have little padding.
  const byLength = test.toSorted((a, b) => a.ids.length - b.ids.length);
  const batchesOf = (examples: readonly EncodedExample[]) => () =>
    classificationBatches({
      examples,
      sampler: new BatchSampler({ size: examples.length, batchSize: Math.min(batchSize, examples.length), seed: 0 }),
      collator,
    });
  const subject: Subject<RobertaForSequenceClassification, unknown> = {
    data: `${formatCount(test.length)} texts: ${texts.data}`,
    load: async () => (await loadClassifier(folder)).model,
    recover: (model, { steps, seed }) =>
      finetuneClassifier(model, train, { ...quietly, title: "recovery", steps, lr, batchSize, seed }),
    evaluate: (model) =>
      scoreClassification(model, classificationEpoch({ examples: byLength, collator, batchSize: 64 })),
    calibration: firstOf(batchesOf(train), options),
    time: (model) => timedRuns(model, batchesOf(test), { lr, weightDecay }),
  };
  return subject;
};

const createMaskedLMSubject = async (
  folder: string,
  options: SubjectOptions,
  { seed, stop }: SubjectSupervision,
): Promise<AnySubject> => {
  const { model, tokenizer, notes } = await loadMaskedLM(folder);
  const length = Math.min(pretraining.length, maxTextLength(model.config));
  model.dispose();
  const { text, limit, recoverySteps, needsTraining = false } = options;
  if (text === undefined && notes.source.kind !== "wordnet")
    throw new UsageError("--text: expected a file of texts, got none; the model was not made from WordNet's glosses");
  const texts =
    text !== undefined
      ? await readTextFile(text)
      : (await readGlossCorpus(notes.source as Parameters<typeof readGlossCorpus>[0])).texts;
  const corpus = packCorpus(
    texts.slice(0, limit),
    tokenizer,
    length,
    text === undefined || recoverySteps > 0 || needsTraining ? "some" : "all",
  );
  const quietly = { terminal: new Terminal({ quiet: true }), stop };
  const { batchSize, maskProbability } = pretraining;
  const { lr, weightDecay } = pretrainingRecipes.adamw;
  const masking = createCollator(tokenizer, EVALUATION_MASKING);
  const batchesOf = (blocks: TokenBlocks) => () =>
    maskedLMBatches({
      blocks,
      sampler: new BatchSampler({ size: blocks.count, batchSize: Math.min(batchSize, blocks.count), seed: 0 }),
      collator: createCollator(tokenizer, maskProbability),
      seed: 0,
    });
  const from = text === undefined ? "WordNet's glosses" : await describeFile(text, options);
  const others = recoverySteps > 0 || needsTraining ? ", with others to learn from" : "";
  const subject: Subject<RobertaForMaskedLM, unknown> = {
    data: `${formatCount(corpus.heldOut.count)} blocks of ${from}${others}`,
    load: async () => (await loadMaskedLM(folder)).model,
    recover: (one, { steps, seed: order }) =>
      trainMaskedLM(one, corpus.train, tokenizer, {
        ...quietly,
        title: "recovery",
        steps,
        lr,
        weightDecay,
        batchSize,
        maskProbability,
        seed: order,
      }),
    evaluate: (one) =>
      scoreMaskedLM(one, maskedLMEpoch({ blocks: corpus.heldOut, collator: masking, batchSize: 32, seed })),
    calibration: firstOf(batchesOf(corpus.train), options),
    time: (one) => timedRuns(one, batchesOf(corpus.heldOut), { lr, weightDecay }),
  };
  return subject;
};
