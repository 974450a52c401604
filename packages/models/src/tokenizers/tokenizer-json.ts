import type { AddedToken } from "./added-tokens.ts";
import { checkDepth, parseStrictJson, showJson } from "@tessera/tensor/files";
import { TokenizerError } from "./tokenizer-error.ts";

/** A merge: the two tokens that become one. Their order in a list is their rank. */
export type Merge = readonly [left: string, right: string];

/** `pre_tokenizer`, `decoder` or `post_processor` of type `ByteLevel`. */
export interface ByteLevelSection {
  type: "ByteLevel";
  add_prefix_space: boolean;
  trim_offsets: boolean;
  use_regex: boolean;
}

/** `post_processor` of RoBERTa: `<s> A </s>`, and for pairs `<s> A </s></s> B </s>`. */
export interface RobertaProcessingSection {
  type: "RobertaProcessing";
  sep: [token: string, id: number];
  cls: [token: string, id: number];
  trim_offsets: boolean;
  add_prefix_space: boolean;
}

/** `tokenizer.json` of a byte-level BPE, as Hugging Face's tokenizers write it. */
export interface TokenizerJson {
  version: "1.0";
  truncation: null;
  padding: null;
  added_tokens: AddedToken[];
  normalizer: null;
  pre_tokenizer: ByteLevelSection;
  post_processor: RobertaProcessingSection | ByteLevelSection | null;
  decoder: ByteLevelSection;
  model: {
    type: "BPE";
    dropout: null;
    unk_token: string | null;
    continuing_subword_prefix: null;
    end_of_word_suffix: null;
    fuse_unk: false;
    byte_fallback: false;
    ignore_merges: false;
    vocab: Record<string, number>;
    merges: Merge[];
  };
}

/** The parts of `tokenizer.json` that vary between tokenizers. */
export interface TokenizerParts {
  vocab: ReadonlyMap<string, number>;
  merges: readonly Merge[];
  addedTokens: readonly AddedToken[];
  preTokenizer: ByteLevelSection;
  postProcessor: RobertaProcessingSection | ByteLevelSection | null;
  decoder: ByteLevelSection;
  unkToken: string | null;
}

const show = (value: unknown): string => showJson(value, 78);

const fail = (path: string, expected: string, value: unknown, advice: string): never => {
  throw new TokenizerError(`${path}: expected ${expected}, got ${show(value)}; ${advice}`);
};

const DAMAGED = "the file is damaged or of another kind";
const OTHER_KIND = "only byte-level BPE (GPT-2, RoBERTa) is read here";

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const readObject = (path: string, value: unknown): Record<string, unknown> =>
  isObject(value) ? value : fail(path, "an object", value, DAMAGED);

const readFlag = (path: string, value: unknown, absent?: boolean): boolean => {
  if (value === undefined && absent !== undefined) return absent;
  return typeof value === "boolean" ? value : fail(path, "true or false", value, DAMAGED);
};

const readId = (path: string, value: unknown): number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 31
    ? value
    : fail(path, "an integer ≥ 0", value, DAMAGED);

const readString = (path: string, value: unknown): string =>
  typeof value === "string" ? value : fail(path, "a string", value, DAMAGED);

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
    vocab.set(token, readId(`${path}[${show(token)}]`, id));
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

/** Reads `merges.txt`: a line `#version: …`, then one merge a line. */
export const readMergesText = (path: string, text: string): Merge[] => {
  if (typeof text !== "string") return fail(path, "the text of the file", text, "read it as UTF-8");
  const lines = withoutMark(text)
    .split("\n")
    .map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  if (lines.at(-1) === "") lines.pop();
  const merges: Merge[] = [];
  lines.forEach((line, i) => {
    if (line.startsWith("#version")) return;
    const [left, right, ...rest] = line.split(" ");
    if (!left || !right || rest.length > 0) fail(`${path}: line ${i + 1}`, `two tokens, "a b"`, line, DAMAGED);
    else merges.push([left, right]);
  });
  return merges;
};

const readByteLevel = (path: string, value: unknown): ByteLevelSection => {
  if (!isObject(value) || value.type !== "ByteLevel") return fail(path, `type "ByteLevel"`, value, OTHER_KIND);
  const useRegex = readFlag(`${path}.use_regex`, value.use_regex, true);
  return {
    type: "ByteLevel",
    add_prefix_space: readFlag(`${path}.add_prefix_space`, value.add_prefix_space),
    trim_offsets: readFlag(`${path}.trim_offsets`, value.trim_offsets, true),
    use_regex: useRegex,
  };
};

const readTokenAndId = (path: string, value: unknown): [string, number] =>
  Array.isArray(value) && value.length === 2
    ? [readString(`${path}[0]`, value[0]), readId(`${path}[1]`, value[1])]
    : fail(path, "[token, id]", value, DAMAGED);

const readPostProcessor = (path: string, value: unknown): TokenizerParts["postProcessor"] => {
  if (value === null || value === undefined) return null;
  if (isObject(value) && value.type === "RobertaProcessing") {
    return {
      type: "RobertaProcessing",
      sep: readTokenAndId(`${path}.sep`, value.sep),
      cls: readTokenAndId(`${path}.cls`, value.cls),
      trim_offsets: readFlag(`${path}.trim_offsets`, value.trim_offsets, true),
      add_prefix_space: readFlag(`${path}.add_prefix_space`, value.add_prefix_space, true),
    };
  }
  if (isObject(value) && value.type === "ByteLevel") return readByteLevel(path, value);
  return fail(path, `type "RobertaProcessing", "ByteLevel" or null`, value, OTHER_KIND);
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

/** Parts of a BPE that would change tokens and are not read: a file that sets one is refused, not misread. */
const MODEL_EXPECTS: Record<string, readonly unknown[]> = {
  type: ["BPE", undefined],
  dropout: [null, undefined, 0],
  continuing_subword_prefix: [null, undefined, ""],
  end_of_word_suffix: [null, undefined, ""],
  fuse_unk: [false, undefined],
  byte_fallback: [false, undefined],
  ignore_merges: [false, undefined],
};

/**
 * Reads `tokenizer.json`. `truncation` and `padding` are left aside: they are the last call's settings, and
 * transformers set them anew as well.
 *
 * @throws {TokenizerError} naming the place in the file
 */
export const readTokenizerJson = (source: unknown): TokenizerParts => {
  const json = readObject("tokenizer.json", parseJson("tokenizer.json", source));
  const model = readObject("tokenizer.json: model", json.model);
  for (const [key, allowed] of Object.entries(MODEL_EXPECTS)) {
    if (!allowed.includes(model[key])) fail(`tokenizer.json: model.${key}`, show(allowed[0]), model[key], OTHER_KIND);
  }
  if (json.normalizer !== null && json.normalizer !== undefined) {
    fail("tokenizer.json: normalizer", "null", json.normalizer, OTHER_KIND);
  }
  const preTokenizer = readByteLevel("tokenizer.json: pre_tokenizer", json.pre_tokenizer);
  if (!preTokenizer.use_regex) fail("tokenizer.json: pre_tokenizer.use_regex", "true", false, OTHER_KIND);
  return {
    vocab: readVocab("tokenizer.json: model.vocab", model.vocab),
    merges: readMerges("tokenizer.json: model.merges", model.merges),
    addedTokens: readAddedTokens("tokenizer.json: added_tokens", json.added_tokens),
    preTokenizer,
    postProcessor: readPostProcessor("tokenizer.json: post_processor", json.post_processor),
    decoder: readByteLevel("tokenizer.json: decoder", json.decoder),
    unkToken:
      model.unk_token === null || model.unk_token === undefined
        ? null
        : readString("tokenizer.json: model.unk_token", model.unk_token),
  };
};

/** `{ token: id }` in the order of the ids. */
const vocabEntries = (vocab: ReadonlyMap<string, number>): [string, number][] => [...vocab].sort((a, b) => a[1] - b[1]);

/** The object that `tokenizer.json` holds. */
export const makeTokenizerJson = (parts: TokenizerParts): TokenizerJson => ({
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: parts.addedTokens.map((token) => ({ ...token })),
  normalizer: null,
  pre_tokenizer: { ...parts.preTokenizer },
  post_processor: parts.postProcessor && structuredClone(parts.postProcessor),
  decoder: { ...parts.decoder },
  model: {
    type: "BPE",
    dropout: null,
    unk_token: parts.unkToken,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    // Object.fromEntries, because a token may be called "__proto__".
    vocab: Object.fromEntries(vocabEntries(parts.vocab)),
    merges: parts.merges.map(([left, right]): Merge => [left, right]),
  },
});

const vocabText = (vocab: ReadonlyMap<string, number>, open: string, between: string, close: string): string =>
  `{${open}${vocabEntries(vocab)
    .map(([token, id]) => `${JSON.stringify(token)}:${between === "," ? "" : " "}${id}`)
    .join(between)}${close}}`;

/** The three files of a saved tokenizer, to the letter as Hugging Face write them: tokens in the order of their ids. */
export const tokenizerFiles = (
  parts: TokenizerParts,
): Record<"tokenizer.json" | "vocab.json" | "merges.txt", string> => {
  const json = makeTokenizerJson(parts);
  const text = JSON.stringify({ ...json, model: { ...json.model, vocab: null } }, null, 2);
  // An object lists integer-like keys first ("0" … "9"), so the vocabulary is written by hand. The line is unique: a string
  // in JSON has no line break, and `vocab` stands at this depth only in the model.
  const vocab = vocabText(parts.vocab, "\n      ", ",\n      ", "\n    ");
  return {
    "tokenizer.json": text.replace('\n    "vocab": null', () => `\n    "vocab": ${vocab}`),
    "vocab.json": vocabText(parts.vocab, "", ",", ""),
    "merges.txt": `#version: 0.2\n${parts.merges.map(([left, right]) => `${left} ${right}\n`).join("")}`,
  };
};
