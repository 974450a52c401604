import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { ByteLevelBpeTokenizer, Tokenizer, trainBpe } from "@tessera/models/tokenizers";
import type { CaseResult } from "./result.ts";

/** What Hugging Face's tokenizers made of a text. */
interface GoldenEncoding {
  readonly text: string;
  readonly pair?: string;
  readonly ids: readonly number[];
  readonly tokens?: readonly string[];
  readonly type_ids?: readonly number[];
  readonly special_tokens_mask?: readonly number[];
  /** In characters of the text that the token is of. */
  readonly offsets?: readonly (readonly [start: number, end: number])[];
  readonly word_ids?: readonly (number | null)[];
  readonly decoded: string;
}

/** The folders inside of `path` that hold a tokenizer and its goldens: `tokenizer`, and those of `tokenizers`. */
export const tokenizerFolders = (path: string): string[] =>
  [path, join(path, "tokenizers")]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { withFileTypes: true }).map(({ name }) => join(folder, name)))
    .filter((folder) => existsSync(join(folder, "encodings.json")))
    .sort();

/**
 * Each test string, encoded and decoded again. Where they have `type_ids`, they were encoded with added specials, and as a
 * transformers user would; without, the text alone. Where there is a corpus, the merges that training on it gives.
 */
export function* checkTokenizer(path: string): Generator<CaseResult> {
  const name = basename(path);
  const read = (file: string): string => readFileSync(join(path, file), "utf8");
  const has = (file: string): boolean => existsSync(join(path, file));
  const tokenizer = has("tokenizer.json")
    ? Tokenizer.fromJSON(read("tokenizer.json"))
    : ByteLevelBpeTokenizer.fromFiles(read("vocab.json"), read("merges.txt"));
  for (const [i, golden] of (JSON.parse(read("encodings.json")) as GoldenEncoding[]).entries())
    yield { id: `${name}/${i} ${JSON.stringify(golden.text.slice(0, 40))}`, failures: compare(tokenizer, golden) };
  if (!has("corpus.txt") || !has("merges.txt")) return;
  const vocabSize = Object.keys(JSON.parse(read("vocab.json")) as object).length;
  const trained = ByteLevelBpeTokenizer.fromModel(trainBpe(read("corpus.txt").split("\n"), { vocabSize }));
  yield { id: `${name}/merges`, failures: unequal("merges.txt", trained.toFiles()["merges.txt"], read("merges.txt")) };
}

const compare = (tokenizer: Tokenizer, golden: GoldenEncoding): string[] => {
  const { text, pair } = golden;
  const encoding = tokenizer.encode(text, { addSpecialTokens: golden.type_ids !== undefined, pair });
  const units = [text, pair ?? ""].map(unitsOfCharacters);
  const offsets = golden.offsets?.map((range, i) => {
    const sequence = encoding.sequenceIds[i];
    return sequence === null || sequence === undefined ? range : range.map((at) => units[sequence]![at]);
  });
  const alone = golden.ids.filter((_, i) => golden.special_tokens_mask?.[i] !== 1);
  const pairs: (readonly [what: string, got: unknown, want: unknown])[] = [
    ["ids", encoding.ids, golden.ids],
    ["tokens", encoding.tokens, golden.tokens],
    ["type ids", encoding.tokenTypeIds, golden.type_ids],
    ["special tokens", encoding.specialTokensMask, golden.special_tokens_mask],
    ["offsets", encoding.offsets, offsets],
    ["words", encoding.wordIds, golden.word_ids],
    ["encodeToIds", pair === undefined ? [...tokenizer.encodeToIds(text)] : undefined, pair === undefined ? alone : undefined],
    ["decoded", tokenizer.decode(golden.ids, { skipSpecialTokens: golden.type_ids === undefined }), golden.decoded],
  ];
  return pairs.flatMap(([what, got, want]) => (want === undefined ? [] : unequal(what, got, want)));
};

/** Where each character begins in UTF-16 units, and where the text ends. */
const unitsOfCharacters = (text: string): number[] => {
  const starts = [0];
  for (const character of text) starts.push(starts.at(-1)! + character.length);
  return starts;
};

const unequal = (what: string, got: unknown, want: unknown): string[] =>
  JSON.stringify(got) === JSON.stringify(want) ? [] : [`${what}: got ${short(got)}, expected ${short(want)}`];

const short = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};
