import { AlignedText } from "./aligned-text.ts";
import {
  learnMerges,
  runTraining,
  runTrainingAsync,
  type BpeProgress,
  type VocabTrainingOptions,
  type WordLayout,
} from "./learn-merges.ts";
import { readNormalizer } from "./normalizers.ts";
import { ownString } from "./own-string.ts";
import { readPreTokenizer } from "./pre-tokenizers.ts";
import { BERT_SPECIAL_TOKENS } from "./special-tokens.ts";
import { TokenizerError } from "./tokenizer-error.ts";

export interface TrainWordPieceOptions extends VocabTrainingOptions {
  /** Take the first ids, in this order. Default BERT's five. */
  specialTokens?: readonly string[] | undefined;
  /** Characters that are in the vocabulary whether the corpus has them or not. Default none. */
  initialAlphabet?: Iterable<string> | undefined;
  /** Only so many characters, the most frequent ones, are tokens; words have no others. Default 1000. */
  limitAlphabet?: number | undefined;
  /** As the tokenizer will: see `BertTokenizerOptions`. Default true. */
  lowercase?: boolean | undefined;
  stripAccents?: boolean | undefined;
  handleChineseChars?: boolean | undefined;
}

const PREFIX = "##";

/**
 * Trains a WordPiece vocabulary as Hugging Face's tokenizers do: like BPE, by the most frequent pair of neighbours inside words; what
 * continues a word begins with `##`. Equally frequent pairs, which the reference takes in an order that varies from run to run, are
 * taken by their ids, so that a corpus always gives the same vocabulary.
 *
 * @param texts lines or documents; words do not cross from one to the next
 * @throws {TokenizerError} if there is no text, or `vocabSize` has no room for the special tokens and the characters
 *
 * @example
 * const tokenizer = WordPieceTokenizer.fromVocab(trainWordPiece(["low lower lowest"], { vocabSize: 40 }));
 *
 * Source: Devlin et al. 2019, <https://arxiv.org/abs/1810.04805>; <https://huggingface.co/docs/tokenizers/api/trainers>.
 */
export const trainWordPiece = (texts: Iterable<string>, options: TrainWordPieceOptions): Map<string, number> => {
  const counter = new StretchCounter(options);
  for (const text of texts) counter.add(text);
  return runTraining("trainWordPiece", learn(counter, options), options);
};

/** {@link trainWordPiece} that lets the event loop run every few milliseconds, and takes texts that are still being read. */
export const trainWordPieceAsync = async (
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainWordPieceOptions,
): Promise<Map<string, number>> => {
  const counter = new StretchCounter(options);
  const steps = { count: (text: string) => counter.add(text), learn: () => learn(counter, options) };
  return runTrainingAsync("trainWordPiece", texts, steps, options);
};

/** Counts what stands between spaces, and cuts each such stretch into BERT's words once. */
class StretchCounter {
  private readonly stretches = new Map<string, number>();

  constructor(private readonly options: TrainWordPieceOptions) {}

  add(text: string): void {
    const { stretches } = this;
    for (const { 0: stretch, index } of text.matchAll(/[^ \t\r\n]+/g)) {
      const count = stretches.get(stretch);
      if (count === undefined) stretches.set(ownString(text, index, index + stretch.length), 1);
      else stretches.set(stretch, count + 1);
    }
  }

  words(): Map<string, number> {
    const { lowercase = true, stripAccents, handleChineseChars = true } = this.options;
    const normalizer = readNormalizer("trainWordPiece", {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: handleChineseChars,
      strip_accents: stripAccents ?? null,
      lowercase,
    })!;
    const preTokenizer = readPreTokenizer("trainWordPiece", { type: "BertPreTokenizer" })!;
    const words = new Map<string, number>();
    for (const [stretch, count] of this.stretches)
      for (const { text } of preTokenizer.split(normalizer.apply(AlignedText.plain(stretch))))
        words.set(text, (words.get(text) ?? 0) + count);
    return words;
  }
}

/** The characters that are tokens, in the order of their codes. */
const alphabetOf = (
  words: ReadonlyMap<string, number>,
  { initialAlphabet = [], limitAlphabet = 1000 }: TrainWordPieceOptions,
): string[] => {
  const counts = new Map<string, number>();
  for (const [word, count] of words) for (const char of word) counts.set(char, (counts.get(char) ?? 0) + count);
  for (const text of initialAlphabet) for (const char of text) counts.set(char, Infinity);
  const byCode = (a: string, b: string): number => a.codePointAt(0)! - b.codePointAt(0)!;
  return [...counts]
    .sort(([a, m], [b, n]) => (m === n ? byCode(a, b) : n - m))
    .slice(0, Math.max(0, limitAlphabet))
    .map(([char]) => char)
    .sort(byCode);
};

/** All words as the ids of their characters; those that are no tokens are left out. */
const layOutWords = (words: ReadonlyMap<string, number>, ids: ReadonlyMap<string, number>): WordLayout => {
  const symbols: number[] = [];
  const starts = new Int32Array(words.size);
  const lengths = new Int32Array(words.size);
  let w = 0;
  for (const word of words.keys()) {
    starts[w] = symbols.length;
    let isFirst = true;
    for (const char of word) {
      if (ids.has(char)) symbols.push(ids.get(isFirst ? char : PREFIX + char)!);
      isFirst = false;
    }
    lengths[w] = symbols.length - starts[w]!;
    w++;
  }
  return { symbols: Int32Array.from(symbols), starts, lengths, frequencies: Float64Array.from(words.values()) };
};

function* learn(counter: StretchCounter, options: TrainWordPieceOptions): Generator<BpeProgress, Map<string, number>> {
  const { vocabSize, specialTokens = Object.values(BERT_SPECIAL_TOKENS) } = options;
  const words = counter.words();
  if (words.size === 0) {
    throw new TokenizerError(
      "trainWordPiece: expected text to learn from, got an empty corpus; check the path or the filter",
    );
  }
  const alphabet = alphabetOf(words, options);
  const inside = new Set<string>();
  for (const word of words.keys()) for (const char of [...word].slice(1)) inside.add(char);
  const continuing = alphabet.filter((char) => inside.has(char)).map((char) => PREFIX + char);
  const tokens = [...new Set([...specialTokens, ...alphabet, ...continuing])];
  if (!Number.isInteger(vocabSize) || vocabSize < tokens.length) {
    throw new TokenizerError(
      `trainWordPiece: expected a whole vocabSize ≥ ${tokens.length} (special tokens and characters), got ${vocabSize}; change it, or lower limitAlphabet`,
    );
  }
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const learned = yield* learnMerges({ tokens, prefix: PREFIX, words: layOutWords(words, ids) }, options);
  return new Map(learned.tokens.map((token, id) => [token, id]));
}
