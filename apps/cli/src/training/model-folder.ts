import { join } from "node:path";
import { loadTokenizer, openFolder } from "@tessera/models";
import {
  RobertaConfig,
  RobertaForMaskedLM,
  RobertaForSequenceClassification,
  type RobertaPreTrained,
} from "@tessera/models/roberta";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import { decodeUtf8 } from "@tessera/tensor/files";
import * as v from "valibot";
import type { LabelSource } from "../data/classification-data.ts";
import { readWordNetLicence } from "../data/wordnet-folder.ts";
import { readCheckedJson, shapes } from "../run-folder/read-checked-json.ts";
import { CommandError } from "../terminal/command-error.ts";
import { formatModelCard } from "../logs/model-card.ts";
import { checkFinite } from "./check-finite.ts";
import { describeModel, type CardFacts } from "./describe-model.ts";
import { finetuning } from "./recipes.ts";

/** The file of the weights. */
export const WEIGHTS_FILE = "model.safetensors";
/** Names a model's texts, so that the model is tested on texts that it has not read. */
const NOTES_FILE = "texts.json";

/** Where a model's texts came from, and their length in tokens. */
export interface ModelNotes {
  source: LabelSource;
  /** Texts to classify are cut off after so many tokens. */
  length: number;
}

/** A model of either kind, with its tokenizer and notes. */
export interface LoadedModel<M extends RobertaPreTrained = RobertaForMaskedLM | RobertaForSequenceClassification> {
  model: M;
  tokenizer: ByteLevelBpeTokenizer;
  notes: ModelNotes;
}

const { count, list, object, text } = shapes;

const configSchema = object({ architectures: v.optional(list(text)) });

const readText = async (folder: string, file: string): Promise<string | undefined> => {
  const store = await openFolder(folder);
  return (await store.exists(file)) ? decodeUtf8(await store.read(file), join(folder, file)) : undefined;
};

const RESTORE = "copy the model again, or make it anew";

/** Reads the configuration of a model. @throws {CommandError} if the folder has none, or something else */
export const readConfig = async (folder: string): Promise<RobertaConfig> => {
  const written = await readText(folder, "config.json");
  if (written === undefined) {
    throw new CommandError(`${folder}: expected the folder of a model, got one without config.json; check the path`);
  }
  const place = join(folder, "config.json");
  readCheckedJson(configSchema, written, { place, what: "the configuration of a model", advice: RESTORE });
  return RobertaConfig.fromJSON(written);
};

/** Whether a folder has a classifier, by the name of its class. @throws {CommandError} if it has no model */
export const isClassifier = async (folder: string): Promise<boolean> => {
  const { architectures } = (await readConfig(folder)).extra as { architectures?: string[] };
  return architectures?.[0] === RobertaForSequenceClassification.architecture;
};

const notesSchema = object({
  source: v.variant(
    "kind",
    [object({ kind: v.literal("files") }), object({ kind: v.literal("wordnet"), seed: count, classes: list(text) })],
    'an object with kind "files" or "wordnet"',
  ),
  length: v.pipe(count, v.minValue(3, "a whole number from 3")),
});

/** Reads the notes of a model. A model that another program saved has none. @throws {CommandError} if they are something else */
export const readNotes = async (folder: string): Promise<ModelNotes | undefined> => {
  const written = await readText(folder, NOTES_FILE);
  if (written === undefined) return undefined;
  const place = join(folder, NOTES_FILE);
  return readCheckedJson(notesSchema, written, { place, what: "the notes of a model", advice: RESTORE });
};

/** Saves a model with its tokenizer, notes and card, and with WordNet's licence if its texts are WordNet's: all files or none. */
export const saveModel = async (
  model: RobertaPreTrained,
  tokenizer: ByteLevelBpeTokenizer,
  folder: string,
  notes: ModelNotes,
  facts: CardFacts,
): Promise<void> => {
  const notice = notes.source.kind === "wordnet" ? { "LICENSE-WordNet": await readWordNetLicence() } : {};
  const files = {
    ...tokenizer.toFiles(),
    [NOTES_FILE]: `${JSON.stringify(notes, null, 2)}\n`,
    "README.md": formatModelCard(describeModel(model, notes, facts)),
    ...notice,
  };
  await model.savePretrained(folder, { files });
};

/** Refuses a model that has lost its numbers, and frees it. */
const requireFinite = async <M extends RobertaPreTrained>(model: M, folder: string): Promise<M> => {
  try {
    for (const [name, parameter] of model.namedParameters())
      checkFinite(await parameter.data(), name, join(folder, WEIGHTS_FILE), RESTORE);
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
};

/** Loads a masked language model. @throws {CommandError} if it is none, or damaged */
export const loadMaskedLM = async (folder: string): Promise<LoadedModel<RobertaForMaskedLM>> => {
  await readConfig(folder);
  const [tokenizer, notes] = await Promise.all([loadTokenizer(folder), readNotes(folder)]);
  const { model, missingKeys } = await RobertaForMaskedLM.fromPretrained(folder);
  if (missingKeys.length === 0) {
    return {
      model: await requireFinite(model, folder),
      tokenizer,
      notes: notes ?? createDefaultNotes(model.config),
    };
  }
  model.dispose();
  throw new CommandError(
    `${folder}: expected a masked language model, got a model without ${missingKeys[0]}; give the one it was made from`,
  );
};

const labelsByIndex = (labels: readonly string[]): Record<number, string> => Object.fromEntries(labels.entries());

/** Loads a classifier. @throws {CommandError} if it is none, or damaged */
export const loadClassifier = async (folder: string): Promise<LoadedModel<RobertaForSequenceClassification>> => {
  await readConfig(folder);
  const [tokenizer, notes] = await Promise.all([loadTokenizer(folder), readNotes(folder)]);
  const { model, missingKeys } = await RobertaForSequenceClassification.fromPretrained(folder);
  if (missingKeys.length === 0) {
    return {
      model: await requireFinite(model, folder),
      tokenizer,
      notes: notes ?? createDefaultNotes(model.config),
    };
  }
  model.dispose();
  throw new CommandError(`${folder}: expected a classifier, got a model without ${missingKeys[0]}; fine-tune it first`);
};

/** Loads the body of a saved model, sparse layers included, below a new classification head. */
export const loadWithNewHead = async (
  folder: string,
  labels: readonly string[],
): Promise<RobertaForSequenceClassification> => {
  await readConfig(folder);
  const { model } = await RobertaForSequenceClassification.fromPretrained(folder, { id2label: labelsByIndex(labels) });
  return requireFinite(model, folder);
};

/** Makes a classifier of the shape of a saved model, with new weights throughout. */
export const createClassifier = async (
  folder: string,
  labels: readonly string[],
): Promise<RobertaForSequenceClassification> =>
  new RobertaForSequenceClassification((await readConfig(folder)).with({ id2label: labelsByIndex(labels) }));

/** The number of tokens of the longest text that a model has positions for. */
export const maxTextLength = ({ maxPositionEmbeddings, padTokenId }: RobertaConfig): number =>
  maxPositionEmbeddings - padTokenId - 1;

const createDefaultNotes = (config: RobertaConfig): ModelNotes => ({
  source: { kind: "files" },
  length: Math.min(finetuning.length, maxTextLength(config)),
});
