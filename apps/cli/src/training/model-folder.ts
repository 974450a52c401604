import { loadTokenizer, openFolder } from "@tessera/models";
import {
  RobertaConfig,
  RobertaForMaskedLM,
  RobertaForSequenceClassification,
  type RobertaPreTrained,
} from "@tessera/models/roberta";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import type { LabelSource } from "../data/classification-data.ts";
import { readWordNetLicence } from "../data/wordnet-folder.ts";
import { CommandError } from "../terminal/command-error.ts";
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

const readText = async (folder: string, file: string): Promise<string | undefined> => {
  const store = await openFolder(folder);
  return (await store.exists(file)) ? new TextDecoder().decode(await store.read(file)) : undefined;
};

/** Reads the configuration of a model. @throws {CommandError} if the folder has none */
export const readConfig = async (folder: string): Promise<RobertaConfig> => {
  const text = await readText(folder, "config.json");
  if (text === undefined) {
    throw new CommandError(`${folder}: expected the folder of a model, got one without config.json; check the path`);
  }
  return RobertaConfig.fromJSON(text);
};

/** Whether a folder has a classifier, by the name of its class. @throws {CommandError} if it has no model */
export const isClassifier = async (folder: string): Promise<boolean> => {
  const { architectures } = (await readConfig(folder)).extra as { architectures?: string[] };
  return architectures?.[0] === RobertaForSequenceClassification.architecture;
};

/** Reads the notes of a model. A model that another program saved has none. */
export const readNotes = async (folder: string): Promise<ModelNotes | undefined> => {
  const text = await readText(folder, NOTES_FILE);
  return text === undefined ? undefined : (JSON.parse(text) as ModelNotes);
};

/** Saves a model with its tokenizer and notes, and with WordNet's licence if its texts are WordNet's: all files or none. */
export const saveModel = async (
  model: RobertaPreTrained,
  tokenizer: ByteLevelBpeTokenizer,
  folder: string,
  notes: ModelNotes,
): Promise<void> => {
  const notice = notes.source.kind === "wordnet" ? { "LICENSE-WordNet": await readWordNetLicence() } : {};
  const files = { ...tokenizer.toFiles(), [NOTES_FILE]: `${JSON.stringify(notes, null, 2)}\n`, ...notice };
  await model.savePretrained(folder, { files });
};

/** Loads a masked language model. */
export const loadMaskedLM = async (folder: string): Promise<LoadedModel<RobertaForMaskedLM>> => {
  await readConfig(folder);
  const [tokenizer, notes] = await Promise.all([loadTokenizer(folder), readNotes(folder)]);
  const { model, missingKeys } = await RobertaForMaskedLM.fromPretrained(folder);
  if (missingKeys.length === 0) return { model, tokenizer, notes: notes ?? createDefaultNotes(model.config) };
  model.dispose();
  throw new CommandError(
    `${folder}: expected a masked language model, got a model without ${missingKeys[0]}; give the one it was made from`,
  );
};

const labelsByIndex = (labels: readonly string[]): Record<number, string> => Object.fromEntries(labels.entries());

/** Loads a classifier. */
export const loadClassifier = async (folder: string): Promise<LoadedModel<RobertaForSequenceClassification>> => {
  await readConfig(folder);
  const [tokenizer, notes] = await Promise.all([loadTokenizer(folder), readNotes(folder)]);
  const { model, missingKeys } = await RobertaForSequenceClassification.fromPretrained(folder);
  if (missingKeys.length === 0) return { model, tokenizer, notes: notes ?? createDefaultNotes(model.config) };
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
  return model;
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
