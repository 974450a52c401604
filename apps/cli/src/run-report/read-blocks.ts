import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openFolder } from "@tessera/models";
import { readSafetensors } from "@tessera/tensor";
import { decodeUtf8 } from "@tessera/tensor/files";
import * as v from "valibot";
import type { BlockMosaicData } from "../report/render-block-mosaic.ts";
import { readCheckedJson, shapes } from "../run-folder/read-checked-json.ts";
import { writeFileAtomic } from "../run-folder/write-file-atomic.ts";
import { WEIGHTS_FILE } from "../training/model-folder.ts";

/** The blocks before the first step, beside the log. */
const BEFORE = "blocks-before.json";

const { count, list, number, object, record, text } = shapes;

const configSchema = object({
  tessera: v.optional(
    object({
      sparseLayouts: v.optional(record(object({ outFeatures: count, inFeatures: count, blockSize: count }))),
    }),
  ),
});

const advice = "copy the model again, or make it anew";

/** The block-sparse layers of a saved model of whatever architecture, and how many numbers it has. */
export const readSavedBlocks = async (
  folder: string,
): Promise<{ layers: BlockMosaicData[]; parameters: number; bytes: number } | undefined> => {
  const store = await openFolder(folder);
  if (!(await store.exists("config.json")) || !(await store.exists(WEIGHTS_FILE))) return undefined;
  const place = join(folder, "config.json");
  const config = readCheckedJson(configSchema, decodeUtf8(await store.read("config.json"), place), {
    place,
    what: "the configuration of a model",
    advice,
  });
  const content = await store.read(WEIGHTS_FILE);
  const { tensors } = readSafetensors(content);
  let parameters = 0;
  for (const { dtype, data } of tensors.values()) if (dtype === "float32") parameters += data.length;
  const layers = Object.entries(config.tessera?.sparseLayouts ?? {}).flatMap(([name, layout]): BlockMosaicData[] => {
    const part = (key: string): ArrayLike<number> | undefined => tensors.get(`${name}.${key}`)?.data;
    const [values, crowIndices, colIndices] = [part("values"), part("crowIndices"), part("colIndices")];
    if (!values || !crowIndices || !colIndices) return [];
    const { outFeatures, inFeatures, blockSize } = layout;
    const norms = new Float64Array(colIndices.length);
    for (let i = 0; i < values.length; i++) norms[Math.floor(i / blockSize ** 2)]! += values[i]! ** 2;
    return [
      { name, shape: [outFeatures, inFeatures], blockSize, crowIndices, colIndices, norms: norms.map(Math.sqrt) },
    ];
  });
  return { layers, parameters, bytes: content.length };
};

const blocksSchema = list(
  object({
    name: text,
    shape: v.strictTuple([count, count], "two sizes"),
    blockSize: count,
    crowIndices: list(count),
    colIndices: list(count),
    norms: list(number),
  }),
);

/** Keeps the blocks as they were before the first step, once. */
export const keepBlocksBefore = async (folder: string, layers: readonly BlockMosaicData[]): Promise<void> => {
  if (await (await openFolder(folder)).exists(BEFORE)) return;
  const plain = layers.map(({ crowIndices, colIndices, norms, ...layer }) => ({
    ...layer,
    crowIndices: Array.from(crowIndices),
    colIndices: Array.from(colIndices),
    norms: Array.from(norms, (norm) => Number(norm.toPrecision(4))),
  }));
  await writeFileAtomic(join(folder, BEFORE), `${JSON.stringify(plain)}\n`);
};

/** The blocks as they were before the first step; none of runs that kept none. */
export const readBlocksBefore = async (folder: string): Promise<BlockMosaicData[]> => {
  if (!(await (await openFolder(folder)).exists(BEFORE))) return [];
  const place = join(folder, BEFORE);
  return readCheckedJson(blocksSchema, await readFile(place, "utf8"), {
    place,
    what: "the blocks of layers",
    advice: "delete the file, it is only shown",
  });
};
