import { readTextFile } from "@tessera/models/data";
import type { RobertaForMaskedLM, RobertaForSequenceClassification } from "@tessera/models/roberta";
import type { Module } from "@tessera/nn";
import { readGlosses, readTestFile, readLabelledFiles } from "../data/classification-data.ts";
import { readGlossCorpus } from "../data/corpus.ts";
import { hashFile } from "../run-folder/hash-file.ts";
import { UsageError } from "../terminal/command-error.ts";
import { formatCount } from "../terminal/format.ts";
import { Terminal } from "../terminal/terminal.ts";
import { encodeExamples, evaluateClassifier, finetuneClassifier } from "../training/finetune-classifier.ts";
import {
  isClassifier,
  loadClassifier,
  loadMaskedLM,
  maxTextLength,
  type LoadedModel,
} from "../training/model-folder.ts";
import { evaluateOnBlocks, packCorpus, trainMaskedLM } from "../training/pretrain-model.ts";
import { finetuning, pretraining, pretrainingRecipes } from "../training/recipes.ts";
import type { Subject } from "./run-sweep.ts";

export interface SubjectOptions {
  train?: string;
  test?: string;
  text?: string;
  labelsPerClass?: number;
  recoverySteps: number;
  limit?: number;
}

interface SubjectSupervision {
  seed: number;
  stop: AbortSignal;
}

/** A subject, and its evaluation data in words. */
export type DescribedSubject = Subject<Module> & { data: string };

const describeFile = async (file: string): Promise<string> => `${file} (${(await hashFile(file)).slice(0, 8)})`;

/** Makes the subject of a sweep from a saved model of either kind. */
export const createSubject = async (
  folder: string,
  options: SubjectOptions,
  supervision: SubjectSupervision,
): Promise<DescribedSubject> => {
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
  const { train, test, recoverySteps, labelsPerClass } = options;
  if (test === undefined) {
    if (notes.source.kind !== "wordnet")
      throw new UsageError(
        "--test: expected a file of labelled texts, got none; the model was not made from WordNet's glosses",
      );
    const labels = labelsPerClass ?? finetuning.labelsPerClass;
    const task = await readGlosses(notes.source, labels);
    const split = `test glosses of split ${notes.source.seed}`;
    return { ...task, data: recoverySteps > 0 ? `${split}, after learning from ${labels} a class` : split };
  }
  const classes = Object.values(model.config.id2label);
  if (recoverySteps === 0)
    return { train: [], test: await readTestFile(test, classes), data: await describeFile(test) };
  if (train === undefined)
    throw new UsageError("--train: expected texts to recover on, got none; pass them, or leave out --recovery-steps");
  const files = await readLabelledFiles(train, test, {
    classes,
    ...(labelsPerClass === undefined ? {} : { labelsPerClass }),
  });
  return {
    ...files,
    data: `${await describeFile(test)}, after learning from ${formatCount(files.train.length)} texts of ${await describeFile(train)}`,
  };
};

const createClassifierSubject = async (
  folder: string,
  options: SubjectOptions,
  { seed, stop }: SubjectSupervision,
): Promise<DescribedSubject> => {
  const loaded = await loadClassifier(folder);
  loaded.model.dispose();
  const { tokenizer, notes } = loaded;
  const texts = await readTexts(loaded, options);
  const test = encodeExamples(texts.test.slice(0, options.limit), tokenizer, notes.length);
  const train = encodeExamples(texts.train, tokenizer, notes.length);
  const quietly = { terminal: new Terminal({ quiet: true }), stop };
  const subject: Subject<RobertaForSequenceClassification> = {
    load: async () => (await loadClassifier(folder)).model,
    recover: async (model, steps) => {
      const { lr, batchSize } = finetuning;
      await finetuneClassifier(model, train, { ...quietly, title: "recovery", steps, lr, batchSize, seed });
    },
    evaluate: (model) => evaluateClassifier(model, test, { ...quietly, title: "evaluation" }),
  };
  return { ...subject, data: `${formatCount(test.length)} texts: ${texts.data}` };
};

const createMaskedLMSubject = async (
  folder: string,
  options: SubjectOptions,
  { seed, stop }: SubjectSupervision,
): Promise<DescribedSubject> => {
  const { model, tokenizer, notes } = await loadMaskedLM(folder);
  const length = Math.min(pretraining.length, maxTextLength(model.config));
  model.dispose();
  const { text, limit, recoverySteps } = options;
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
    text === undefined || recoverySteps > 0 ? "some" : "all",
  );
  const quietly = { terminal: new Terminal({ quiet: true }), stop };
  const subject: Subject<RobertaForMaskedLM> = {
    load: async () => (await loadMaskedLM(folder)).model,
    recover: async (one, steps) => {
      const { batchSize, maskProbability } = pretraining;
      const { lr, weightDecay } = pretrainingRecipes.adamw;
      await trainMaskedLM(one, corpus.train, tokenizer, {
        ...quietly,
        title: "recovery",
        steps,
        lr,
        weightDecay,
        batchSize,
        maskProbability,
        seed,
      });
    },
    evaluate: (one) => evaluateOnBlocks(one, corpus.heldOut, tokenizer, { seed }),
  };
  const from = text === undefined ? "WordNet's glosses" : await describeFile(text);
  const after = recoverySteps > 0 ? ", after learning from others" : "";
  return { ...subject, data: `${formatCount(corpus.heldOut.count)} blocks of ${from}${after}` };
};
