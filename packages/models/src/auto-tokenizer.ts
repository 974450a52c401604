import { showJson } from "@tessera/tensor/files";
import { FileStoreError, type FileStore, type Folder } from "./hub/file-store.ts";
import { openFolder } from "./hub/open-folder.ts";
import { readText, refuseAnswer } from "./hub/read-text.ts";
import { ByteLevelBpeTokenizer } from "./tokenizers/byte-level-bpe-tokenizer.ts";
import { parseJson } from "./tokenizers/tokenizer-json.ts";
import { TokenizerError } from "./tokenizers/tokenizer-error.ts";

/** Every kind of tokenizer, by `model.type` in `tokenizer.json`: how it is read from there, or else from its own files. */
export const tokenizers = {
  BPE: {
    fromJSON: (json: unknown) => ByteLevelBpeTokenizer.fromJSON(json),
    files: ["vocab.json", "merges.txt"],
    fromFiles: ([vocab, merges]: readonly string[]) => ByteLevelBpeTokenizer.fromFiles(vocab!, merges!),
  },
} as const satisfies { readonly [type: string]: TokenizerKind };

interface TokenizerKind {
  readonly fromJSON: (json: unknown) => unknown;
  readonly files: readonly string[];
  readonly fromFiles: (texts: readonly string[]) => unknown;
}

type Kinds = (typeof tokenizers)[keyof typeof tokenizers];
/** A tokenizer of any kind. */
export type AnyTokenizer = ReturnType<Kinds["fromJSON"]>;

const kinds: readonly (readonly [string, Kinds])[] = /* @__PURE__ */ Object.entries(tokenizers);

/** The kind that a `tokenizer.json` says it is. Old files of byte-level BPE do not say. */
const kindOf = (json: unknown, folder: FileStore): Kinds => {
  const { model } = (json ?? {}) as { readonly model?: { readonly type?: unknown } | null };
  const type = model?.type ?? "BPE";
  const found = kinds.find(([name]) => name === type);
  if (found) return found[1];
  const names = kinds.map(([name]) => name).join(", ");
  throw new TokenizerError(
    `AutoTokenizer: expected a tokenizer of type ${names}, got ${showJson(type)} in ${folder.name}/tokenizer.json; give the model ids that another tokenizer made`,
  );
};

/**
 * The tokenizer of whatever kind lies in a folder: from `tokenizer.json`, or else from the files that its kind has.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/auto#transformers.AutoTokenizer AutoTokenizer}.
 *
 * @example
 * const tokenizer = await AutoTokenizer.fromPretrained("runs/pretrain");
 */
export const AutoTokenizer = {
  /**
   * @throws FileStoreError when the folder has no tokenizer
   * @throws TokenizerError naming the kinds that exist, when it has another; naming the place, where a file is damaged
   */
  fromPretrained: async (where: Folder): Promise<AnyTokenizer> => {
    const folder = await openFolder(where);
    if (await folder.exists("tokenizer.json")) {
      const json = parseJson("tokenizer.json", await readText(folder, "tokenizer.json"));
      refuseAnswer(`${folder.name}/tokenizer.json`, json);
      return kindOf(json, folder).fromJSON(json);
    }
    const names = await folder.list();
    for (const [, { files, fromFiles }] of kinds)
      if (files.every((file) => names.includes(file)))
        return fromFiles(await Promise.all(files.map((file) => readText(folder, file))));
    const wanted = ["tokenizer.json", ...kinds.map(([, { files }]) => files.join(" and "))].join(", or ");
    throw new FileStoreError(
      `${folder.name}: expected ${wanted}, got ${names.join(", ") || "no files"}; save them beside the model`,
    );
  },
};
