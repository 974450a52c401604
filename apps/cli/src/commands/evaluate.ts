import { readTextFile } from "@tessera/models/data";
import { Option } from "commander";
import { readGlosses, readTestFile } from "../data/classification-data.ts";
import { UsageError } from "../terminal/command-error.ts";
import { formatCount, formatPercent } from "../terminal/format.ts";
import { encodeExamples, evaluateClassifier } from "../training/finetune-classifier.ts";
import {
  isClassifier,
  loadClassifier,
  loadMaskedLM,
  maxTextLength,
  type LoadedModel,
} from "../training/model-folder.ts";
import { evaluateOnBlocks, packCorpus } from "../training/pretrain-model.ts";
import { pretraining } from "../training/recipes.ts";
import type { RobertaForSequenceClassification } from "@tessera/models/roberta";
import type { CommandDefinition, Context } from "./command-definition.ts";
import { createModelArgument, createTestOption } from "./shared-options.ts";

interface EvaluateOptions {
  test?: string;
  text?: string;
}

export const evaluateCommand: CommandDefinition<EvaluateOptions> = {
  name: "evaluate",
  summary: "loss and accuracy of a saved model on texts that it has not read",
  writes: "nothing",
  arguments: [createModelArgument()],
  options: [createTestOption(), new Option("--text <file>", "texts for a masked language model, one a line")],
  examples: ["evaluate runs/demo/models/sparse", "evaluate runs/finetune --test mine.tsv"],

  async run(context, { test, text }, folder) {
    const classifies = await isClassifier(folder);
    if (classifies && text !== undefined) {
      throw new UsageError(`--text: expected a masked language model, got the classifier ${folder}; pass --test`);
    }
    if (!classifies && text === undefined) {
      throw new UsageError(`evaluate: expected --text <file> for the masked language model ${folder}, got none`);
    }
    await (classifies
      ? evaluateClassifierFolder(context, folder, test)
      : evaluateMaskedLMFolder(context, folder, text!));
  },
};

/** Reads the test texts of a classifier: from a file, or from its own split of WordNet. */
export const readTestTexts = async ({ model, notes }: LoadedModel<RobertaForSequenceClassification>, file?: string) => {
  const labels = Object.values(model.config.id2label);
  if (file !== undefined) return readTestFile(file, labels);
  if (notes.source.kind === "wordnet") return (await readGlosses(notes.source)).test;
  throw new UsageError(
    "--test: expected a file of labelled texts, got none; the model was not made from WordNet's glosses",
  );
};

const evaluateClassifierFolder = async ({ terminal, stop }: Context, folder: string, file?: string): Promise<void> => {
  const loaded = await loadClassifier(folder);
  try {
    const test = await readTestTexts(loaded, file);
    const examples = encodeExamples(test, loaded.tokenizer, loaded.notes.length);
    const { accuracy, loss, count } = await evaluateClassifier(loaded.model, examples, {
      title: "evaluating",
      terminal,
      stop,
    });
    terminal.printResult({ accuracy, loss, count, parameters: loaded.model.numParameters() }, [
      `accuracy ${formatPercent(accuracy, 2)}  loss ${loss.toFixed(4)}  on ${formatCount(count)} texts`,
    ]);
  } finally {
    loaded.model.dispose();
  }
};

const evaluateMaskedLMFolder = async ({ terminal, seed }: Context, folder: string, file: string): Promise<void> => {
  const { model, tokenizer } = await loadMaskedLM(folder);
  try {
    const length = Math.min(pretraining.length, maxTextLength(model.config));
    const { heldOut } = packCorpus(await readTextFile(file), tokenizer, length, "all");
    const found = await evaluateOnBlocks(model, heldOut, tokenizer, { seed });
    const { loss, perplexity, accuracy, count } = found;
    terminal.printResult({ loss, perplexity, accuracy, count, parameters: model.numParameters() }, [
      `loss ${loss.toFixed(4)}  perplexity ${perplexity.toFixed(1)}  accuracy ${formatPercent(accuracy, 2)}  on ${formatCount(count)} masked tokens`,
    ]);
  } finally {
    model.dispose();
  }
};
