import { checkDepth, parseStrictJson } from "@tessera/tensor/files";
import type { AddedToken } from "./added-tokens.ts";
import {
  DAMAGED,
  fail,
  isObject,
  readFlag,
  readId,
  readObject,
  readOneOf,
  readString,
  show,
  type Section,
} from "./section.ts";
import { TokenizerError } from "./tokenizer-error.ts";

/** A merge: the two tokens that become one. Their order in a list is their rank. */
export type Merge = readonly [left: string, right: string];

/** `model` of byte-pair encoding. */
export interface BpeParts {
  readonly type: "BPE";
  readonly vocab: ReadonlyMap<string, number>;
  readonly merges: readonly Merge[];
  readonly dropout: number | null;
  readonly unkToken: string | null;
  readonly continuingSubwordPrefix: string | null;
  readonly endOfWordSuffix: string | null;
  readonly fuseUnk: boolean;
  readonly byteFallback: boolean;
  readonly ignoreMerges: boolean;
}

/** `model` of WordPiece. */
export interface WordPieceParts {
  readonly type: "WordPiece";
  readonly vocab: ReadonlyMap<string, number>;
  readonly unkToken: string;
  readonly continuingSubwordPrefix: string;
  readonly maxInputCharsPerWord: number;
}

/** `model` of whole words. */
export interface WordLevelParts {
  readonly type: "WordLevel";
  readonly vocab: ReadonlyMap<string, number>;
  readonly unkToken: string;
}

export type ModelParts = BpeParts | WordPieceParts | WordLevelParts;

/** What `tokenizer.json` says. Sections are as the file has them; `null` where it has none. */
export interface TokenizerParts {
  readonly model: ModelParts;
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: Section | null;
  readonly preTokenizer: Section | null;
  readonly postProcessor: Section | null;
  readonly decoder: Section | null;
}

/** `model` of `tokenizer.json`. */
export interface ModelJson {
  type: "BPE" | "WordPiece" | "WordLevel";
  vocab: Record<string, number>;
  merges?: Merge[];
  [key: string]: unknown;
}

/** `tokenizer.json`, as Hugging Face's tokenizers write it. */
export interface TokenizerJson {
  version: "1.0";
  truncation: null;
  padding: null;
  added_tokens: AddedToken[];
  normalizer: Section | null;
  pre_tokenizer: Section | null;
  post_processor: Section | null;
  decoder: Section | null;
  model: ModelJson;
}

/** A text without the byte order mark that some editors put before it. */
const withoutMark = (text: string): string => (text.startsWith("\ufeff") ? text.slice(1) : text);

/** Parses JSON text, in which no key of an object stands twice; an object goes through. */
export const parseJson = (path: string, source: unknown): unknown => {
  try {
    if (typeof source === "string") return parseStrictJson(withoutMark(source));
    checkDepth(source);
    return source;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TokenizerError(`${path}: expected JSON, got ${show(source)} (${reason}); ${DAMAGED}`, { cause });
  }
};

/** Reads `{ token: id }`. */
export const readVocab = (path: string, value: unknown): Map<string, number> => {
  const vocab = new Map<string, number>();
  for (const [token, id] of Object.entries(readObject(path, value))) {
    vocab.set(
      token,
      typeof id === "number" && id >>> 0 === id && id < 2 ** 31 ? id : readId(`${path}[${show(token)}]`, id),
    );
  }
  return vocab;
};

/** Reads merges as `"a b"` strings (before tokenizers 0.20) or as `["a", "b"]` pairs. */
export const readMerges = (path: string, value: unknown): Merge[] => {
  if (!Array.isArray(value)) return fail(path, "an array", value, DAMAGED);
  return value.map((merge: unknown, i): Merge => {
    const parts: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    if (Array.isArray(parts) && parts.length === 2) {
      const [left, right] = parts as unknown[];
      if (typeof left === "string" && typeof right === "string" && left !== "" && right !== "") return [left, right];
    }
    return fail(`${path}[${i}]`, `two tokens, "a b" or ["a", "b"]`, merge, DAMAGED);
  });
};

/** The lines of a text, without the last where it is empty. */
const linesOf = (path: string, text: string): string[] => {
  if (typeof text !== "string") return fail(path, "the text of the file", text, "read it as UTF-8");
  const lines = withoutMark(text)
    .split("\n")
    .map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  if (lines.at(-1) === "") lines.pop();
  return lines;
};

/** Reads `merges.txt`: a line `#version: …`, then one merge a line. */
export const readMergesText = (path: string, text: string): Merge[] => {
  const merges: Merge[] = [];
  linesOf(path, text).forEach((line, i) => {
    if (line.startsWith("#version")) return;
    const [left, right, ...rest] = line.split(" ");
    if (!left || !right || rest.length > 0) fail(`${path}: line ${i + 1}`, `two tokens, "a b"`, line, DAMAGED);
    else merges.push([left, right]);
  });
  return merges;
};

/** Reads `vocab.txt`: a token a line, whose number is its id. */
export const readVocabText = (path: string, text: string): Map<string, number> => {
  const vocab = new Map<string, number>();
  linesOf(path, text).forEach((token, id) => {
    const before = vocab.get(token);
    if (before !== undefined)
      fail(`${path}: line ${id + 1}`, `a token that is not there yet (see line ${before + 1})`, token, DAMAGED);
    vocab.set(token, id);
  });
  return vocab;
};

const readAddedTokens = (path: string, value: unknown): AddedToken[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return fail(path, "an array", value, DAMAGED);
  const contents = new Map<string, number>();
  return value.map((item: unknown, i): AddedToken => {
    const at = `${path}[${i}]`;
    const token = readObject(at, item);
    const content = readString(`${at}.content`, token.content);
    if (contents.has(content))
      fail(`${at}.content`, `a token that is not there yet (see ${path}[${contents.get(content)}])`, content, DAMAGED);
    contents.set(content, i);
    return {
      id: readId(`${at}.id`, token.id),
      content,
      single_word: readFlag(`${at}.single_word`, token.single_word, false),
      lstrip: readFlag(`${at}.lstrip`, token.lstrip, false),
      rstrip: readFlag(`${at}.rstrip`, token.rstrip, false),
      normalized: readFlag(`${at}.normalized`, token.normalized, true),
      special: readFlag(`${at}.special`, token.special, false),
    };
  });
};

const readSection = (path: string, value: unknown): Section | null => {
  if (value === null || value === undefined) return null;
  const section = readObject(path, value);
  readString(`${path}.type`, section.type);
  return section as unknown as Section;
};

const readNullable = (path: string, value: unknown): string | null =>
  value === null || value === undefined ? null : readString(path, value);

const readDropout = (path: string, value: unknown): number | null => {
  if (value === null || value === undefined) return null;
  return typeof value === "number" && value >= 0 && value <= 1
    ? value
    : fail(path, "a number in [0, 1]", value, DAMAGED);
};

const MODEL = "tokenizer.json: model";

const readBpe = (model: Readonly<Record<string, unknown>>): BpeParts => ({
  type: "BPE",
  vocab: readVocab(`${MODEL}.vocab`, model.vocab),
  merges: readMerges(`${MODEL}.merges`, model.merges),
  dropout: readDropout(`${MODEL}.dropout`, model.dropout),
  unkToken: readNullable(`${MODEL}.unk_token`, model.unk_token),
  continuingSubwordPrefix: readNullable(`${MODEL}.continuing_subword_prefix`, model.continuing_subword_prefix),
  endOfWordSuffix: readNullable(`${MODEL}.end_of_word_suffix`, model.end_of_word_suffix),
  fuseUnk: readFlag(`${MODEL}.fuse_unk`, model.fuse_unk, false),
  byteFallback: readFlag(`${MODEL}.byte_fallback`, model.byte_fallback, false),
  ignoreMerges: readFlag(`${MODEL}.ignore_merges`, model.ignore_merges, false),
});

const readWordPiece = (model: Readonly<Record<string, unknown>>): WordPieceParts => ({
  type: "WordPiece",
  vocab: readVocab(`${MODEL}.vocab`, model.vocab),
  unkToken: readString(`${MODEL}.unk_token`, model.unk_token, "[UNK]"),
  continuingSubwordPrefix: readString(`${MODEL}.continuing_subword_prefix`, model.continuing_subword_prefix, "##"),
  maxInputCharsPerWord:
    model.max_input_chars_per_word === undefined
      ? 100
      : readId(`${MODEL}.max_input_chars_per_word`, model.max_input_chars_per_word),
});

const readWordLevel = (model: Readonly<Record<string, unknown>>): WordLevelParts => ({
  type: "WordLevel",
  vocab: readVocab(`${MODEL}.vocab`, model.vocab),
  unkToken: readString(`${MODEL}.unk_token`, model.unk_token),
});

/** Files of before 2020 do not say what they are: they are told by what they have. */
const typeOf = (model: Readonly<Record<string, unknown>>): ModelParts["type"] =>
  readOneOf(
    `${MODEL}.type`,
    model.type,
    ["BPE", "WordPiece", "WordLevel"],
    "merges" in model ? "BPE" : "continuing_subword_prefix" in model ? "WordPiece" : "BPE",
  );

/**
 * Reads `tokenizer.json`. `truncation` and `padding` are left aside: they are the last call's settings, and
 * transformers set them anew as well.
 *
 * @throws {TokenizerError} naming the place in the file
 */
export const readTokenizerJson = (source: unknown): TokenizerParts => {
  const json = readObject("tokenizer.json", parseJson("tokenizer.json", source));
  const model = readObject(MODEL, json.model);
  const readers = { BPE: readBpe, WordPiece: readWordPiece, WordLevel: readWordLevel };
  return {
    model: readers[typeOf(model)](model),
    addedTokens: readAddedTokens("tokenizer.json: added_tokens", json.added_tokens),
    normalizer: readSection("tokenizer.json: normalizer", json.normalizer),
    preTokenizer: readSection("tokenizer.json: pre_tokenizer", json.pre_tokenizer),
    postProcessor: readSection("tokenizer.json: post_processor", json.post_processor),
    decoder: readSection("tokenizer.json: decoder", json.decoder),
  };
};

/** The places of the parts, for messages. */
export const PLACES = {
  normalizer: "tokenizer.json: normalizer",
  preTokenizer: "tokenizer.json: pre_tokenizer",
  postProcessor: "tokenizer.json: post_processor",
  decoder: "tokenizer.json: decoder",
} as const;

/** `{ token: id }` in the order of the ids. */
const vocabEntries = (vocab: ReadonlyMap<string, number>): [string, number][] => [...vocab].sort((a, b) => a[1] - b[1]);

const modelJson = (model: ModelParts): ModelJson => {
  // Object.fromEntries, because a token may be called "__proto__".
  const vocab = Object.fromEntries(vocabEntries(model.vocab));
  if (model.type === "WordLevel") return { type: model.type, vocab, unk_token: model.unkToken };
  if (model.type === "WordPiece")
    return {
      type: model.type,
      unk_token: model.unkToken,
      continuing_subword_prefix: model.continuingSubwordPrefix,
      max_input_chars_per_word: model.maxInputCharsPerWord,
      vocab,
    };
  return {
    type: model.type,
    dropout: model.dropout,
    unk_token: model.unkToken,
    continuing_subword_prefix: model.continuingSubwordPrefix,
    end_of_word_suffix: model.endOfWordSuffix,
    fuse_unk: model.fuseUnk,
    byte_fallback: model.byteFallback,
    ignore_merges: model.ignoreMerges,
    vocab,
    merges: model.merges.map(([left, right]): Merge => [left, right]),
  };
};

/** The object that `tokenizer.json` holds. */
export const makeTokenizerJson = (parts: TokenizerParts): TokenizerJson => ({
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: parts.addedTokens.map((token) => ({ ...token })),
  normalizer: structuredClone(parts.normalizer),
  pre_tokenizer: structuredClone(parts.preTokenizer),
  post_processor: structuredClone(parts.postProcessor),
  decoder: structuredClone(parts.decoder),
  model: modelJson(parts.model),
});

const vocabText = (vocab: ReadonlyMap<string, number>, open: string, between: string, close: string): string =>
  `{${open}${vocabEntries(vocab)
    .map(([token, id]) => `${JSON.stringify(token)}:${between === "," ? "" : " "}${id}`)
    .join(between)}${close}}`;

/** `tokenizer.json`, to the letter as Hugging Face write it: tokens in the order of their ids. */
const tokenizerText = (parts: TokenizerParts): string => {
  const json = makeTokenizerJson(parts);
  const text = JSON.stringify({ ...json, model: { ...json.model, vocab: null } }, null, 2);
  // An object lists integer-like keys first ("0" … "9"), so the vocabulary is written by hand. The line is the last one like it:
  // `model` comes last, a string in JSON has no line break, and `vocab` stands at this depth only there.
  const vocab = vocabText(parts.model.vocab, "\n      ", ",\n      ", "\n    ");
  const line = '\n    "vocab": null';
  const at = text.lastIndexOf(line);
  return `${text.slice(0, at)}\n    "vocab": ${vocab}${text.slice(at + line.length)}`;
};

const mergesText = (merges: readonly Merge[]): string =>
  `#version: 0.2\n${merges.map(([left, right]) => `${left} ${right}\n`).join("")}`;

/** The files of a tokenizer by their names. */
export type TokenizerFiles = Readonly<Record<string, string>> & { readonly "tokenizer.json": string };

/**
 * The files of a saved tokenizer: `tokenizer.json`, and what its kind has beside that. A vocabulary with holes, or with a line break
 * in a token, has no `vocab.txt`.
 */
export const tokenizerFiles = (parts: TokenizerParts): TokenizerFiles => {
  const { model } = parts;
  const files = { "tokenizer.json": tokenizerText(parts) };
  if (model.type === "BPE")
    return { ...files, "vocab.json": vocabText(model.vocab, "", ",", ""), "merges.txt": mergesText(model.merges) };
  const tokens = vocabEntries(model.vocab);
  const hasLines = tokens.every(([token, id], i) => id === i && !/[\r\n]/.test(token));
  if (!hasLines || model.type === "WordLevel") return files;
  return { ...files, "vocab.txt": tokens.map(([token]) => `${token}\n`).join("") };
};

/** Whether a section is of a type, or a `Sequence` with such a part. */
export const hasType = (section: unknown, type: string): boolean => {
  if (!isObject(section)) return false;
  if (section.type === type) return true;
  const lists = [section.normalizers, section.pretokenizers, section.processors, section.decoders];
  return lists.some((list) => Array.isArray(list) && list.some((part: unknown) => hasType(part, type)));
};
