import { ByteLevelBpeTokenizer } from "../tokenizers/byte-level-bpe-tokenizer.ts";
import { parseJson } from "../tokenizers/tokenizer-json.ts";
import { FileStoreError, type Folder } from "./file-store.ts";
import { openFolder } from "./open-folder.ts";
import { readText, refuseAnswer } from "./read-text.ts";

/**
 * The tokenizer of a folder, from `tokenizer.json`, or else from `vocab.json` and `merges.txt`.
 *
 * @throws FileStoreError when the folder has neither
 * @throws TokenizerError naming the place, where a file is damaged
 * @throws FormatError when a file is not UTF-8, or a web page, an archive or a pointer of Git LFS
 * @example
 * const tokenizer = await loadTokenizer("runs/pretrain");
 */
export const loadTokenizer = async (where: Folder): Promise<ByteLevelBpeTokenizer> => {
  const folder = await openFolder(where);
  const json = async (file: string): Promise<unknown> => {
    const value = parseJson(file, await readText(folder, file));
    refuseAnswer(`${folder.name}/${file}`, value);
    return value;
  };
  if (await folder.exists("tokenizer.json")) return ByteLevelBpeTokenizer.fromJSON(await json("tokenizer.json"));
  if (!(await folder.exists("vocab.json")))
    throw new FileStoreError(
      `${folder.name}: expected tokenizer.json, or vocab.json and merges.txt, got ${(await folder.list()).join(", ") || "no files"}; save them beside the model`,
    );
  return ByteLevelBpeTokenizer.fromFiles(await json("vocab.json"), await readText(folder, "merges.txt"));
};
