import { showJson } from "@tessera/tensor/files";
import { FileStoreError, type FileStore, type Folder } from "./hub/file-store.ts";
import type { HubOptions } from "./hub/hub-folder.ts";
import { openModel } from "./hub/open-model.ts";
import { readJsonObject, readText, refuseAnswer } from "./hub/read-text.ts";
import { ByteLevelBpeTokenizer } from "./tokenizers/byte-level-bpe-tokenizer.ts";
import type { SpecialTokens } from "./tokenizers/special-tokens.ts";
import { hasType, parseJson } from "./tokenizers/tokenizer-json.ts";
import { TokenizerError } from "./tokenizers/tokenizer-error.ts";
import { Tokenizer, type TokenizerOptions } from "./tokenizers/tokenizer.ts";
import { WordPieceTokenizer, type BertTokenizerOptions } from "./tokenizers/word-piece-tokenizer.ts";

/** Every kind of tokenizer, by `model.type` in `tokenizer.json`: how it is read from there, or else from its own files. */
export const tokenizers = {
  BPE: {
    fromJSON: (json: unknown, options: TokenizerOptions = {}): Tokenizer => {
      const parsed = parseJson("tokenizer.json", json);
      const { pre_tokenizer: preTokenizer, decoder } = parsed as Readonly<Record<string, unknown>>;
      const isByteLevel = hasType(preTokenizer, "ByteLevel") && hasType(decoder, "ByteLevel");
      return isByteLevel ? ByteLevelBpeTokenizer.fromJSON(parsed, options) : Tokenizer.fromJSON(parsed, options);
    },
    files: ["vocab.json", "merges.txt"],
    fromFiles: ([vocab, merges]: readonly string[], options: BertTokenizerOptions = {}): Tokenizer =>
      ByteLevelBpeTokenizer.fromFiles(vocab!, merges!, options),
  },
  WordPiece: {
    fromJSON: (json: unknown, options: TokenizerOptions = {}): Tokenizer => WordPieceTokenizer.fromJSON(json, options),
    files: ["vocab.txt"],
    fromFiles: ([vocab]: readonly string[], options: BertTokenizerOptions = {}): Tokenizer =>
      WordPieceTokenizer.fromFiles(vocab!, options),
  },
  WordLevel: {
    fromJSON: (json: unknown, options: TokenizerOptions = {}): Tokenizer => Tokenizer.fromJSON(json, options),
    files: [],
    fromFiles: (): never => {
      throw new TokenizerError("tokenizer: expected tokenizer.json, got none; a tokenizer of words has no other files");
    },
  },
} as const satisfies { readonly [type: string]: TokenizerKind };

interface TokenizerKind {
  readonly fromJSON: (json: unknown, options?: TokenizerOptions) => Tokenizer;
  /** What it needs beside no `tokenizer.json`. */
  readonly files: readonly string[];
  readonly fromFiles: (texts: readonly string[], options?: BertTokenizerOptions) => Tokenizer;
}

/** A tokenizer of any kind. */
export type AnyTokenizer = Tokenizer;

const kinds: readonly (readonly [string, TokenizerKind])[] = /* @__PURE__ */ Object.entries(tokenizers);

/** The kind that a `tokenizer.json` says it is. Old files of byte-level BPE do not say. */
const kindOf = (json: unknown, folder: FileStore): TokenizerKind => {
  const { model } = (json ?? {}) as { readonly model?: { readonly type?: unknown } | null };
  const type = model?.type ?? "BPE";
  const found = kinds.find(([name]) => name === type);
  if (found) return found[1];
  const names = kinds.map(([name]) => name).join(", ");
  throw new TokenizerError(
    `AutoTokenizer: expected a tokenizer of type ${names}, got ${showJson(type)} in ${folder.name}/tokenizer.json; give the model ids that another tokenizer made`,
  );
};

const CONFIG = "tokenizer_config.json";
const ROLES: readonly (readonly [role: keyof SpecialTokens, keys: readonly string[]])[] = [
  ["bos", ["bos_token", "cls_token"]],
  ["eos", ["eos_token", "sep_token"]],
  ["pad", ["pad_token"]],
  ["unk", ["unk_token"]],
  ["mask", ["mask_token"]],
];

/** A token's text, where a configuration has it as a string or as an object with flags. */
const contentOf = (value: unknown): string | undefined => {
  if (typeof value === "string") return value;
  const { content } = (value ?? {}) as { readonly content?: unknown };
  return typeof content === "string" ? content : undefined;
};

/** What `tokenizer_config.json` says of the tokens with a role, and of how BERT's text is brought into form. */
const readOptions = async (folder: FileStore): Promise<BertTokenizerOptions> => {
  if (!(await folder.exists(CONFIG))) return {};
  const config = await readJsonObject(folder, CONFIG);
  const specialTokens: Partial<SpecialTokens> = {};
  for (const [role, keys] of ROLES) {
    const name = keys.map((key) => contentOf(config[key])).find((content) => content !== undefined);
    if (name !== undefined) specialTokens[role] = name;
  }
  const flag = (key: string): boolean | undefined => (typeof config[key] === "boolean" ? config[key] : undefined);
  return {
    specialTokens,
    lowercase: flag("do_lower_case"),
    stripAccents: flag("strip_accents"),
    handleChineseChars: flag("tokenize_chinese_chars"),
  };
};

/**
 * The tokenizer of whatever kind lies in a folder: from `tokenizer.json`, or else from the files that its kind has.
 * `tokenizer_config.json` says which tokens have a role, where it is there.
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
  fromPretrained: async (where: Folder, { hub }: { hub?: HubOptions | undefined } = {}): Promise<AnyTokenizer> => {
    const folder = await openModel(where, hub);
    const options = await readOptions(folder);
    if (await folder.exists("tokenizer.json")) {
      const json = parseJson("tokenizer.json", await readText(folder, "tokenizer.json"));
      refuseAnswer(`${folder.name}/tokenizer.json`, json);
      return kindOf(json, folder).fromJSON(json, options);
    }
    const names = await folder.list();
    for (const [, { files, fromFiles }] of kinds)
      if (files.length > 0 && files.every((file) => names.includes(file)))
        return fromFiles(await Promise.all(files.map((file) => readText(folder, file))), options);
    const wanted = kinds.flatMap(([, { files }]) => (files.length > 0 ? [files.join(" and ")] : []));
    throw new FileStoreError(
      `${folder.name}: expected ${["tokenizer.json", ...wanted].join(", or ")}, got ${names.join(", ") || "no files"}; save them beside the model`,
    );
  },
};
