import { StateDictError, type Module } from "@tessera/nn";
import { applySparseLayouts, denseStateDict, sparseLayoutsOf, type SparseLayouts } from "@tessera/sparse";
import { FormatError, Tensor, writeSafetensors, type HostTensor } from "@tessera/tensor";
import { showJson, type StoredTensor } from "@tessera/tensor/files";
import { alignCheckpointKeys, type CheckpointNames } from "./checkpoint-keys.ts";
import type { FileStore, Folder } from "./file-store.ts";
import { openFolder } from "./open-folder.ts";
import { openModel } from "./open-model.ts";
import { readJsonObject } from "./read-text.ts";
import { readWeights, WEIGHTS } from "./read-weights.ts";
import { readState } from "./state-file.ts";
import { transposeStored, transposeWeights } from "./transpose-weights.ts";

const CONFIG = "config.json";
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
  /** Parameters that kept their first values, because the checkpoint's have another shape; only with `ignoreMismatchedSizes`. */
  readonly mismatchedKeys: readonly string[];
  /** The tokenizer's files, to be saved with the model again. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface SavePretrainedOptions {
  /** `"sparse"` (default) saves layers as they are; `"dense"` writes block-sparse weights out, for Hugging Face's transformers. */
  format?: "sparse" | "dense" | undefined;
  /** More files, such as a tokenizer's `toFiles()`; text or bytes by name. */
  files?: Readonly<Record<string, string | Uint8Array>> | ReadonlyMap<string, string | Uint8Array> | undefined;
}

/** How a model is saved, beside what its user chooses. */
export interface SaveRecipe extends SavePretrainedOptions {
  /** Keys of the weights that files hold as `[in, out]`. */
  transposed?: RegExp | null;
}

/** How much of a checkpoint and a model must fit together. */
export interface LoadPolicy {
  /** Whether the keys must fit, but for heads that only one side has. Default true; where not, what does not fit is named in the result. */
  readonly strict?: boolean | undefined;
  /** Whether parameters of another shape than the checkpoint's keep their first values, instead of being an error. Default false. */
  readonly ignoreMismatchedSizes?: boolean | undefined;
}

/** How a model is made from its `config.json`. */
export interface PretrainedRecipe<M extends Module> extends CheckpointNames {
  /** Keys of the weights that files hold as `[in, out]`, with the body's prefix or without. */
  readonly transposed?: RegExp | null;
  readonly create: (config: Readonly<Record<string, unknown>>) => M;
  /** How many numbers the model has at least, so that sizes beyond reason are refused before it is made. */
  readonly minParameters?: (config: Readonly<Record<string, unknown>>) => number;
}

/** The `config.json` of a folder. @throws FormatError when it is no JSON object in UTF-8, naming what it is instead */
export const readConfigFile = async (folder: FileStore): Promise<Readonly<Record<string, unknown>>> =>
  readJsonObject(folder, CONFIG);

/** How many times as many numbers as its file a model may have before it is made: new heads, and blocks that are not stored. */
const MAX_TIMES = { dense: 2, sparse: 256 };
/** Models below are made in no time, and their own error says more. */
const SMALL = 1_000_000;

/** Refuses sizes that the weights cannot have, before memory is taken for them. */
const checkSize = (
  folder: FileStore,
  numbers: number,
  tensors: ReadonlyMap<string, StoredTensor>,
  layouts: SparseLayouts,
): void => {
  let stored = 0;
  for (const { shape } of tensors.values()) stored += shape.reduce((count, size) => count * size, 1);
  const times = Object.keys(layouts).length > 0 ? MAX_TIMES.sparse : MAX_TIMES.dense;
  if (numbers > times * stored + SMALL)
    throw new FormatError(
      `${folder.name}/${CONFIG}: expected the sizes of the weights, which have ${stored} numbers, got those of a model of ${numbers} or more; do the files belong together?`,
    );
};

/** The sparse layers as `config.json` describes them; each description is checked where it is used. */
const layoutsOf = (folder: FileStore, ours: unknown): SparseLayouts => {
  const isObject = (value: unknown): value is object =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const refuse = (key: string, got: unknown): never => {
    throw new FormatError(
      `${folder.name}/${CONFIG}: expected ${key} to be an object, got ${showJson(got)}; is the file damaged?`,
    );
  };
  if (ours === undefined || ours === null) return {};
  if (!isObject(ours)) return refuse(OURS, ours);
  const { sparseLayouts: layouts } = ours as { sparseLayouts?: unknown };
  if (layouts === undefined) return {};
  return isObject(layouts) ? (layouts as SparseLayouts) : refuse(`${OURS}.sparseLayouts`, layouts);
};

/** In place of a tensor that the model has no place for: it is not read. */
const NOT_READ: HostTensor = { shape: [], dtype: "float32", data: new Float32Array(1) };

type Stored = StoredTensor | Tensor;
type Loaded = HostTensor | Tensor;

/** What a model takes of a checkpoint, tensor by tensor: what it has no place for may have any dtype. */
const loadNeeded = async (
  model: Module,
  state: ReadonlyMap<string, Stored>,
  isNeeded: (key: string) => boolean,
  loaded: Map<StoredTensor, HostTensor>,
): Promise<Map<string, Loaded>> => {
  const own = model.stateDict();
  const aliases = new Set([...model.aliases().values()].flat());
  const out = new Map<string, Loaded>();
  for (const [key, value] of state) {
    if (value instanceof Tensor) out.set(key, value);
    else if (own.has(key) || aliases.has(key) || isNeeded(key)) {
      const host = loaded.get(value) ?? (await value.load());
      loaded.set(value, host);
      out.set(key, host);
    } else out.set(key, NOT_READ);
  }
  return out;
};

/** Takes the parameters out that have another shape than the checkpoint's, and names them. */
const withoutMismatches = (model: Module, state: Map<string, Loaded>): string[] => {
  const own = model.stateDict();
  const mismatched = [...state].filter(([key, value]) => {
    const shape = own.get(key)?.shape;
    return shape !== undefined && `${shape.join()}` !== `${value.shape.join()}`;
  });
  for (const [key] of mismatched) state.set(key, own.get(key)!);
  return mismatched.map(([key]) => key);
};

/** Makes a model from a folder of Hugging Face's form, dense or block-sparse. */
export const loadPretrained = async <M extends Module>(
  where: Folder,
  { create, minParameters = () => 0, transposed, ...names }: PretrainedRecipe<M>,
  { strict = true, ignoreMismatchedSizes = false }: LoadPolicy = {},
): Promise<Pretrained<M>> => {
  const folder = await openModel(where);
  const { [OURS]: ours, ...config } = await readConfigFile(folder);
  const layouts = layoutsOf(folder, ours);
  const min = minParameters(config);
  const tensors = transposeStored(await readWeights(folder), transposed);
  checkSize(folder, min, tensors, layouts);
  const model = create(config);
  try {
    const loaded = new Map<StoredTensor, HostTensor>();
    // Sparse layers first: they change which keys the model has.
    const described = alignCheckpointKeys<StoredTensor>(model, names, { tensors, layouts });
    const paths = Object.keys(described.layouts).map((path) => `${path}.`);
    const isOfSparse = (key: string): boolean => paths.some((path) => key.startsWith(path));
    applySparseLayouts(model, described.layouts, await loadNeeded(model, described.state, isOfSparse, loaded));
    const aligned = alignCheckpointKeys<StoredTensor>(model, names, { tensors, layouts });
    const state = await loadNeeded(model, aligned.state, () => false, loaded);
    const mismatchedKeys = ignoreMismatchedSizes ? withoutMismatches(model, state) : [];
    const report = model.loadStateDict(state, { strict });
    return {
      model: model.eval(),
      missingKeys: [...aligned.missingKeys, ...report.missingKeys],
      unexpectedKeys: [...aligned.unexpectedKeys, ...report.unexpectedKeys],
      mismatchedKeys,
      files: await readTokenizerFiles(folder),
    };
  } catch (error) {
    model.dispose();
    if (!(error instanceof StateDictError)) throw error;
    throw new StateDictError(
      `${folder.name}/${WEIGHTS}: expected the keys and shapes that ${CONFIG} describes`,
      error,
      "do the two files belong together, and is this the class that they are for?",
    );
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
  { format = "sparse", files = {}, transposed }: SaveRecipe = {},
): Promise<void> => {
  const folder = await openFolder(where);
  const sparseLayouts = format === "sparse" ? sparseLayoutsOf(model) : {};
  const described = {
    ...withOwnType(config),
    ...(Object.keys(sparseLayouts).length > 0 ? { [OURS]: { sparseLayouts } } : {}),
  };
  const state = await readState(() => (format === "dense" ? denseStateDict(model) : model.stateDict()));
  // "pt": transformers refuses files that do not say whose names and layouts they have.
  const weights = writeSafetensors(transposeWeights(state, transposed), { format: "pt" });
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
