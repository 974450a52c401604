import { ByteLevelBpeTokenizer } from "../tokenizers/byte-level-bpe-tokenizer.ts";
import { FileStoreError, type Folder } from "./file-store.ts";
import { openFolder } from "./open-folder.ts";

/**
 * The tokenizer of a folder, from `tokenizer.json`, or else from `vocab.json` and `merges.txt`.
 *
 * @throws FileStoreError when the folder has neither
 * @throws TokenizerError naming the place, where a file is damaged
 * @example
 * const tokenizer = await loadTokenizer("runs/pretrain");
 */
export const loadTokenizer = async (where: Folder): Promise<ByteLevelBpeTokenizer> => {
  const folder = await openFolder(where);
  const text = async (file: string): Promise<string> => new TextDecoder().decode(await folder.read(file));
  if (await folder.exists("tokenizer.json")) return ByteLevelBpeTokenizer.fromJSON(await text("tokenizer.json"));
  if (!(await folder.exists("vocab.json")))
    throw new FileStoreError(
      `${folder.name}: expected tokenizer.json, or vocab.json and merges.txt, got ${(await folder.list()).join(", ") || "no files"}; save them beside the model`,
    );
  return ByteLevelBpeTokenizer.fromFiles(await text("vocab.json"), await text("merges.txt"));
};
