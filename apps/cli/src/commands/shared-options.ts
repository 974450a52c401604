import { criteria, type CriterionName } from "@tessera/sparse";
import { Argument, Option } from "commander";
import {
  createChoiceOption,
  parseNames,
  parsePattern,
  parsePositiveNumber,
  parseShare,
  parseWholeNumber,
} from "../terminal/parse-argument.ts";
import { finetuning, patching, pretrainingRecipes, type OptimizerName } from "../training/recipes.ts";

/** An option that takes a whole number of at least `min`. */
export const createCountOption = (flags: string, text: string, value: number, min = 1): Option =>
  new Option(flags, text).argParser(parseWholeNumber(min)).default(value);

/** What versions without a choice of the optimiser trained with. */
export const BEFORE_MUON = { optimizer: "adamw" } as const;

export const createOptimizerOption = (): Option =>
  createChoiceOption(
    "--optimizer <name>",
    "Muon for the layers' matrices and AdamW for the rest, or AdamW alone, with its recipe",
    Object.keys(pretrainingRecipes),
  ).default("muon" satisfies OptimizerName);

export const createTokensOption = (text: string): Option => {
  const { muon, adamw } = pretrainingRecipes;
  return new Option(
    "--tokens <n>",
    `${text} (default: ${muon.tokens}; with --optimizer adamw ${adamw.tokens})`,
  ).argParser(parseWholeNumber(1));
};

const MODEL_TEXT = "folder of a model that tessera or transformers saved";

/** The folder of a model. */
export const createModelArgument = (): Argument => new Argument("<model>", MODEL_TEXT);

/** The folder of a model, which a run that goes on knows. */
export const createKnownModelArgument = (): Argument => new Argument("[model]", `${MODEL_TEXT}; not with --resume`);

/** Where labelled texts come from: WordNet's glosses, or two files. */
export interface LabelledTextOptions {
  train?: string;
  test?: string;
  classes?: readonly string[];
  labelsPerClass?: number;
}

export const createTestOption = (): Option => new Option("--test <file>", "texts to test on, label<TAB>text a line");

export const createLabelledTextOptions = (): Option[] => [
  new Option("--train <file>", "texts to learn from, label<TAB>text a line (default: WordNet's glosses)"),
  createTestOption(),
  new Option("--classes <names>", "labels with commas between; for glosses noun supersenses").argParser(parseNames),
  new Option(
    "--labels-per-class <n>",
    "learn from so many texts of each class (default: all; of glosses 50)",
  ).argParser(parseWholeNumber(1)),
];

/** How long and how fast a classifier is fine-tuned. */
export interface FinetuneOptions {
  steps: number;
  lr: number;
  batchSize: number;
  length: number;
}

export const createFinetuneOptions = (): Option[] => [
  new Option("--steps <n>", "steps of fine-tuning").argParser(parseWholeNumber(1)).default(finetuning.steps),
  new Option("--lr <rate>", "largest learning rate").argParser(parsePositiveNumber).default(finetuning.lr),
  new Option("--batch-size <n>", "texts a step").argParser(parseWholeNumber(1)).default(finetuning.batchSize),
  new Option("--length <n>", "most tokens of a text").argParser(parseWholeNumber(3)).default(finetuning.length),
];

/** Which layers become sparse, and how. */
export interface PatchOptions {
  pattern?: RegExp[];
  density: number;
  blockSize: number;
  criterion: CriterionName;
}

export const createPatchOptions = (): Option[] => [
  new Option(
    "--pattern <regex>",
    "full name of the layers to patch; may be repeated (default: the three of the README)",
  ).argParser((text: string, before: RegExp[] | undefined) => [...(before ?? []), parsePattern(text)]),
  new Option("--density <d>", "share of the blocks to keep").argParser(parseShare).default(patching.density),
  createBlockSizeOption(),
  createCriterionOption(),
];

export const createCriterionOption = (): Option =>
  createChoiceOption("--criterion <name>", "which blocks stay", Object.keys(criteria)).default("magnitude");

export const createBlockSizeOption = (): Option =>
  new Option("--block-size <n>", "rows and columns of a block: 4, 8, … 64")
    .argParser(parseWholeNumber(4))
    .default(patching.blockSize);

export const createFreshOption = (): Option => new Option("--fresh", "remove what is in --out, and start over");

/** How long Redis may be away. */
export const createPatienceOption = (): Option =>
  new Option("--patience <seconds>", "wait so long for a Redis that was lost or is full, before giving up")
    .argParser(parsePositiveNumber)
    .default(60);
