import { FormatError } from "@tessera/tensor";
import { openSafetensors, showJson, type ByteSource, type StoredTensor } from "@tessera/tensor/files";
import { FileStoreError, type FileStore } from "./file-store.ts";
import { readJsonObject } from "./read-text.ts";

/** The file of the weights. */
export const WEIGHTS = "model.safetensors";
/** Says which shard has which tensor, where the weights are in several files. */
const INDEX = "model.safetensors.index.json";
/** Weights of other formats, by what is to be done with them. */
const OTHERS = ["pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack"];

/**
 * The weights of a folder: of `model.safetensors`, or else of the shards that its index names. Headers are read now, a tensor when
 * it is loaded; where the store reads ranges, no file is ever in memory as a whole.
 *
 * @throws FormatError when a file is damaged or of another kind, or shards and index do not belong together
 * @throws FileStoreError when there are none, or a shard is not there
 */
export const readWeights = async (folder: FileStore): Promise<ReadonlyMap<string, StoredTensor>> => {
  if (await folder.exists(WEIGHTS)) return readFile(folder, WEIGHTS);
  if (await folder.exists(INDEX)) return readShards(folder);
  for (const other of OTHERS)
    if (await folder.exists(other))
      throw new FormatError(
        `${folder.name}: expected ${WEIGHTS}, got ${other}; save it with transformers' save_pretrained(dir, safe_serialization=True)`,
      );
  // The store's own error says what there is.
  return readFile(folder, WEIGHTS);
};

/** A file by ranges, or, where the store has none, in memory until its last tensor is loaded. */
const openSource = async (folder: FileStore, file: string): Promise<ByteSource> => {
  if (folder.size && folder.readRange)
    return { size: await folder.size(file), read: (from, to) => folder.readRange!(file, from, to) };
  const bytes = await folder.read(file);
  return { size: bytes.length, read: async (from, to) => Uint8Array.prototype.slice.call(bytes, from, to) };
};

/** The tensors of one file. */
export const readFile = async (folder: FileStore, file: string): Promise<ReadonlyMap<string, StoredTensor>> => {
  const inFile = (error: unknown): never => {
    if (error instanceof FormatError) error.message = `${folder.name}/${file}: ${error.message}`;
    throw error;
  };
  const { tensors } = await openSafetensors(await openSource(folder, file)).catch(inFile);
  return new Map([...tensors].map(([name, stored]) => [name, { ...stored, load: () => stored.load().catch(inFile) }]));
};

/** The index's map from tensors to shards, checked: its names come out of a file and go to a disk. */
const readIndex = async (folder: FileStore): Promise<ReadonlyMap<string, string>> => {
  const { weight_map: map } = await readJsonObject(folder, INDEX);
  const refuse = (expected: string, got: unknown): never => {
    throw new FormatError(`${folder.name}/${INDEX}: expected ${expected}, got ${showJson(got)}; is the file damaged?`);
  };
  if (typeof map !== "object" || map === null || Array.isArray(map))
    return refuse("weight_map to be an object from tensors to shards", map);
  const entries = Object.entries(map as Readonly<Record<string, unknown>>);
  if (entries.length === 0) refuse("weight_map to name a tensor", map);
  return new Map(
    entries.map(([name, shard]) =>
      typeof shard === "string" && /^[^/\\]+\.safetensors$/.test(shard)
        ? [name, shard]
        : refuse(
            `weight_map to name a shard of this folder for ${showJson(name)}, such as model-00001-of-00002.safetensors`,
            shard,
          ),
    ),
  );
};

const readShards = async (folder: FileStore): Promise<ReadonlyMap<string, StoredTensor>> => {
  const index = await readIndex(folder);
  const shards = [...new Set(index.values())].sort();
  const missing: string[] = [];
  for (const shard of shards) if (!(await folder.exists(shard))) missing.push(shard);
  if (missing.length > 0)
    throw new FileStoreError(
      `${folder.name}: expected the ${shards.length} shards that ${INDEX} names, got none called ${missing.join(", ")}; download what is missing`,
    );
  const tensors = new Map<string, StoredTensor>();
  const refuse = (shard: string, why: string): never => {
    throw new FormatError(`${folder.name}/${shard}: ${why}; do the shards and ${INDEX} belong together?`);
  };
  for (const shard of shards)
    for (const [name, tensor] of await readFile(folder, shard)) {
      const home = index.get(name);
      if (home !== shard)
        refuse(
          shard,
          `expected the tensors that ${INDEX} puts into this shard, got ${showJson(name)}, which belongs to ${home ?? "none"}`,
        );
      tensors.set(name, tensor);
    }
  for (const [name, shard] of index)
    if (!tensors.has(name)) refuse(shard, `expected the tensor ${showJson(name)}, which ${INDEX} puts here, got none`);
  return tensors;
};
