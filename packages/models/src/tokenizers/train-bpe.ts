import { byteToChar, bytesByChar, writeUtf8 } from "./byte-alphabet.ts";
import { countWords } from "./count-words.ts";
import {
  learnMerges,
  runTraining,
  runTrainingAsync,
  type BpeProgress,
  type VocabTrainingOptions,
  type WordLayout,
} from "./learn-merges.ts";
import { ROBERTA_SPECIAL_TOKENS } from "./special-tokens.ts";
import type { Merge } from "./tokenizer-json.ts";
import { TokenizerError } from "./tokenizer-error.ts";

export interface TrainBpeOptions extends VocabTrainingOptions {
  /** Take the first ids, in this order. Default RoBERTa's five. */
  specialTokens?: readonly string[] | undefined;
  /** Puts a space before each text that has none. Default false. */
  addPrefixSpace?: boolean | undefined;
}

/** A trained model: `ByteLevelBpeTokenizer.fromModel` makes a tokenizer of it. */
export interface BpeModel {
  vocab: Map<string, number>;
  merges: Merge[];
}

/**
 * Trains a byte-level BPE: starting from bytes, the most frequent pair of neighbours inside words becomes a token, until
 * the vocabulary is full. Merges are those of Hugging Face's tokenizers, one for one.
 *
 * @param texts lines or documents; words do not cross from one to the next
 * @throws {TokenizerError} if there is no text, or `vocabSize` has no room for the special tokens and the 256 bytes
 *
 * @example
 * const { vocab, merges } = trainBpe(["the cat", "the hat"], { vocabSize: 265 });
 *
 * Source: Sennrich et al. 2016, <https://arxiv.org/abs/1508.07909>;
 * <https://huggingface.co/docs/tokenizers/api/trainers>.
 */
export const trainBpe = (texts: Iterable<string>, options: TrainBpeOptions): BpeModel => {
  const counts = new Map<string, number>();
  for (const text of texts) countWords(text, counts, options.addPrefixSpace);
  return runTraining("trainBpe", learn(counts, options), options);
};

/** {@link trainBpe} that lets the event loop run every few milliseconds, and takes texts that are still being read. */
export const trainBpeAsync = async (
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainBpeOptions,
): Promise<BpeModel> => {
  const counts = new Map<string, number>();
  const count = (text: string): void => countWords(text, counts, options.addPrefixSpace);
  return runTrainingAsync("trainBpe", texts, { count, learn: () => learn(counts, options) }, options);
};

/** Special tokens, then the bytes in the order of their characters. */
const initialVocab = (specialTokens: readonly string[]): string[] => [
  ...new Set([...specialTokens, ...bytesByChar.map((byte) => byteToChar[byte]!)]),
];

/** All words as the ids of their bytes. */
const layOutWords = (counts: ReadonlyMap<string, number>, ids: ReadonlyMap<string, number>): WordLayout => {
  const byteIds = byteToChar.map((char) => ids.get(char)!);
  let room = 0;
  for (const word of counts.keys()) room += 3 * word.length;
  const bytes = new Uint8Array(room);
  const starts = new Int32Array(counts.size);
  const lengths = new Int32Array(counts.size);
  let total = 0;
  let w = 0;
  for (const word of counts.keys()) {
    starts[w] = total;
    lengths[w] = writeUtf8(word, 0, word.length, bytes.subarray(total));
    total += lengths[w]!;
    w++;
  }
  const symbols = Int32Array.from(bytes.subarray(0, total), (byte) => byteIds[byte]!);
  return { symbols, starts, lengths, frequencies: Float64Array.from(counts.values()) };
};

function* learn(
  counts: ReadonlyMap<string, number>,
  { specialTokens = Object.values(ROBERTA_SPECIAL_TOKENS), ...options }: TrainBpeOptions,
): Generator<BpeProgress, BpeModel> {
  if (counts.size === 0) {
    throw new TokenizerError(
      "trainBpe: expected text to learn from, got an empty corpus; check the path or the filter",
    );
  }
  const tokens = initialVocab(specialTokens);
  const { vocabSize } = options;
  if (!Number.isInteger(vocabSize) || vocabSize < tokens.length) {
    throw new TokenizerError(
      `trainBpe: expected a whole vocabSize ≥ ${tokens.length} (special tokens and 256 bytes), got ${vocabSize}; change it`,
    );
  }
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const words = layOutWords(counts, ids);
  const learned = yield* learnMerges({ tokens, prefix: "", words }, options);
  return {
    vocab: new Map(learned.tokens.map((token, id) => [token, id])),
    merges: learned.merges.map(([left, right]) => [learned.tokens[left]!, learned.tokens[right]!]),
  };
}
