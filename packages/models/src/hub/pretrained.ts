import type { Module } from "@tessera/nn";
import { applySparseLayouts, denseStateDict, sparseLayoutsOf, type SparseLayouts } from "@tessera/sparse";
import { FormatError, readSafetensors, scope, writeSafetensors, type HostTensor, type Tensor } from "@tessera/tensor";
import { alignCheckpointKeys, type CheckpointNames } from "./checkpoint-keys.ts";
import type { FileStore, Folder } from "./file-store.ts";
import { openFolder } from "./open-folder.ts";

const CONFIG = "config.json";
const WEIGHTS = "model.safetensors";
/** Files of a tokenizer, which travel beside the model. */
const TOKENIZER_FILES = [
  "tokenizer.json",
  "vocab.json",
  "merges.txt",
  "vocab.txt",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
];
/** The key of `config.json` that holds what Hugging Face has no word for: `{ sparseLayouts }`. */
const OURS = "tessera";

/** Where Hugging Face's transformers say the weights' type: version 5, and those before. */
const TYPE_KEYS = ["dtype", "torch_dtype"];

const encoder = new TextEncoder();

/** A model as it came out of its folder. */
export interface Pretrained<M> {
  readonly model: M;
  /** Parameters that the checkpoint does not have: those of a new head, which must be trained first. */
  readonly missingKeys: readonly string[];
  /** What the checkpoint has and this model has no place for: another head. */
  readonly unexpectedKeys: readonly string[];
  /** The tokenizer's files, to be saved with the model again. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface SavePretrainedOptions {
  /** `"sparse"` (default) saves layers as they are; `"dense"` writes block-sparse weights out, for Hugging Face's transformers. */
  format?: "sparse" | "dense";
  /** More files, such as a tokenizer's `toFiles()`; text or bytes by name. */
  files?: Readonly<Record<string, string | Uint8Array>> | ReadonlyMap<string, string | Uint8Array>;
}

/** How a model is made from its `config.json`. */
export interface PretrainedRecipe<M extends Module> extends CheckpointNames {
  readonly create: (config: Readonly<Record<string, unknown>>) => M;
}

/** The `config.json` of a folder. */
export const readConfigFile = async (folder: FileStore): Promise<Readonly<Record<string, unknown>>> =>
  readJson(folder, CONFIG);

const readJson = async (folder: FileStore, file: string): Promise<Readonly<Record<string, unknown>>> => {
  const text = new TextDecoder().decode(await folder.read(file));
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below, with the name of the file.
  }
  throw new FormatError(`${folder.name}/${file}: expected a JSON object, got something else; is the file damaged?`);
};

const readWeights = async (folder: FileStore): Promise<ReadonlyMap<string, HostTensor>> => {
  if (!(await folder.exists(WEIGHTS)) && (await folder.exists("pytorch_model.bin")))
    throw new FormatError(
      `${folder.name}: expected ${WEIGHTS}, got pytorch_model.bin; save it with transformers' save_pretrained(dir, safe_serialization=True)`,
    );
  try {
    return readSafetensors(await folder.read(WEIGHTS)).tensors;
  } catch (error) {
    if (error instanceof FormatError) error.message = `${folder.name}/${WEIGHTS}: ${error.message}`;
    throw error;
  }
};

/** Makes a model from a folder of Hugging Face's form, dense or block-sparse. */
export const loadPretrained = async <M extends Module>(
  where: Folder,
  { create, ...names }: PretrainedRecipe<M>,
): Promise<Pretrained<M>> => {
  const folder = await openFolder(where);
  const { [OURS]: ours, ...config } = await readConfigFile(folder);
  const { sparseLayouts: layouts = {} } = (ours ?? {}) as { sparseLayouts?: SparseLayouts };
  const tensors = await readWeights(folder);
  const model = create(config);
  try {
    // Sparse layers first: they change which keys the model has.
    const described = alignCheckpointKeys(model, names, { tensors, layouts });
    applySparseLayouts(model, described.layouts, described.state);
    const { state, missingKeys, unexpectedKeys } = alignCheckpointKeys(model, names, { tensors, layouts });
    model.loadStateDict(state);
    return { model: model.eval(), missingKeys, unexpectedKeys, files: await readTokenizerFiles(folder) };
  } catch (error) {
    model.dispose();
    throw error;
  }
};

const readTokenizerFiles = async (folder: FileStore): Promise<ReadonlyMap<string, Uint8Array>> => {
  const files = new Map<string, Uint8Array>();
  for (const name of await folder.list()) if (TOKENIZER_FILES.includes(name)) files.set(name, await folder.read(name));
  return files;
};

/** Writes a folder of Hugging Face's form: all files become new, or none does. */
export const savePretrained = async (
  where: Folder,
  model: Module,
  config: Readonly<Record<string, unknown>>,
  { format = "sparse", files = {} }: SavePretrainedOptions = {},
): Promise<void> => {
  const folder = await openFolder(where);
  const sparseLayouts = format === "sparse" ? sparseLayoutsOf(model) : {};
  const described = {
    ...withOwnType(config),
    ...(Object.keys(sparseLayouts).length > 0 ? { [OURS]: { sparseLayouts } } : {}),
  };
  const reads = scope(() =>
    [...(format === "dense" ? denseStateDict(model) : model.stateDict())].map(([name, x]) => read(name, x)),
  );
  // "pt": transformers refuses files that do not say whose names and layouts they have.
  const weights = writeSafetensors(new Map(await Promise.all(reads)), { format: "pt" });
  const more = [...(files instanceof Map ? files : Object.entries(files))].map(
    ([name, content]) =>
      [name, typeof content === "string" ? encoder.encode(content) : content] as [string, Uint8Array],
  );
  await folder.write(
    new Map([...more, [CONFIG, encoder.encode(`${JSON.stringify(described, null, 2)}\n`)], [WEIGHTS, weights]]),
  );
};

/** The configuration with the weights' actual dtype, if it states one. */
const withOwnType = (config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, TYPE_KEYS.includes(key) && value !== null ? "float32" : value]),
  );

/** The values as they are now: the tensor may be freed before they come. */
const read = async (name: string, x: Tensor): Promise<[string, HostTensor]> => {
  const { shape, dtype } = x;
  return [name, { shape, dtype, data: await x.data() }];
};
