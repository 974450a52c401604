import { byteToChar, bytesByChar, writeUtf8 } from "./byte-alphabet.ts";
import { countWords } from "./count-words.ts";
import { MergeQueue } from "./merge-queue.ts";
import { PairTable } from "./pair-table.ts";
import { ROBERTA_SPECIAL_TOKENS } from "./roberta-parts.ts";
import type { Merge } from "./tokenizer-json.ts";
import { TokenizerError } from "./tokenizer-error.ts";

export interface BpeProgress {
  /** Tokens so far, special tokens and the 256 bytes included; 0 while words are counted. */
  tokens: number;
  vocabSize: number;
}

export interface TrainBpeOptions {
  /** Special tokens, 256 bytes and merges together. Fewer come out where the corpus has no more pairs. */
  vocabSize: number;
  /** A pair seen less often is not merged. Default 2. */
  minFrequency?: number;
  /** Take the first ids, in this order. Default RoBERTa's five. */
  specialTokens?: readonly string[];
  /** Puts a space before each text that has none. Default false. */
  addPrefixSpace?: boolean;
  onProgress?: (progress: BpeProgress) => void;
  /** Asked between merges; true ends the training with an error. */
  shouldStop?: () => boolean;
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
  const steps = learnMerges(counts, options);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    report(step.value, options);
  }
};

/** Longest stretch without a pause, in milliseconds. */
const SLICE = 30;

/** {@link trainBpe} that lets the event loop run every few milliseconds, and takes texts that are still being read. */
export const trainBpeAsync = async (
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainBpeOptions,
): Promise<BpeModel> => {
  const counts = new Map<string, number>();
  let since = performance.now();
  const pause = async (progress: BpeProgress): Promise<void> => {
    if (performance.now() - since < SLICE) return;
    report(progress, options);
    await new Promise((resolve) => setTimeout(resolve));
    since = performance.now();
  };
  for await (const text of texts) {
    countWords(text, counts, options.addPrefixSpace);
    await pause({ tokens: 0, vocabSize: options.vocabSize });
  }
  const steps = learnMerges(counts, options);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await pause(step.value);
  }
};

const report = (progress: BpeProgress, { onProgress, shouldStop }: TrainBpeOptions): void => {
  onProgress?.(progress);
  if (shouldStop?.()) {
    throw new TokenizerError(
      `trainBpe: expected ${progress.vocabSize} tokens, stopped at ${progress.tokens}; start again, nothing is kept`,
    );
  }
};

/** Special tokens, then the bytes in the order of their characters. */
const initialVocab = (specialTokens: readonly string[]): string[] => [
  ...new Set([...specialTokens, ...bytesByChar.map((byte) => byteToChar[byte]!)]),
];

/** All words as ids in one array; a word only ever shrinks, in its own place. */
const layOutWords = (counts: ReadonlyMap<string, number>, ids: ReadonlyMap<string, number>) => {
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

const PROGRESS_EVERY = 32;

function* learnMerges(
  counts: ReadonlyMap<string, number>,
  { vocabSize, minFrequency = 2, specialTokens = Object.values(ROBERTA_SPECIAL_TOKENS) }: TrainBpeOptions,
): Generator<BpeProgress, BpeModel> {
  if (counts.size === 0) {
    throw new TokenizerError(
      "trainBpe: expected text to learn from, got an empty corpus; check the path or the filter",
    );
  }
  const tokens = initialVocab(specialTokens);
  if (!Number.isInteger(vocabSize) || vocabSize < tokens.length) {
    throw new TokenizerError(
      `trainBpe: expected a whole vocabSize ≥ ${tokens.length} (special tokens and 256 bytes), got ${vocabSize}; change it`,
    );
  }
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const { symbols, starts, lengths, frequencies } = layOutWords(counts, ids);

  // A pair has an index; pairs[index] is how often it occurs now, and `seen[index]` the words it was seen in since the last round.
  const indices = new PairTable(1 << 14);
  const lefts: number[] = [];
  const rights: number[] = [];
  const pairs: number[] = [];
  const seen: (number[] | undefined)[] = [];
  let touched: number[] = [];
  const queue = new MergeQueue();

  const add = (left: number, right: number, change: number, word: number): void => {
    let pair = indices.get(left, right);
    if (pair < 0) {
      pair = pairs.length;
      indices.set(left, right, pair);
      lefts.push(left);
      rights.push(right);
      pairs.push(0);
      seen.push(undefined);
    }
    pairs[pair] = pairs[pair]! + change;
    if (change < 0) return;
    const words = seen[pair];
    if (words === undefined) {
      seen[pair] = [word];
      touched.push(pair);
    } else if (words[words.length - 1] !== word) {
      words.push(word);
    }
  };
  const enqueueTouched = (): void => {
    for (const pair of touched) {
      const words = seen[pair]!;
      seen[pair] = undefined;
      const count = pairs[pair]!;
      if (count > 0) queue.push({ left: lefts[pair]!, right: rights[pair]!, pair, count, words });
    }
    touched = [];
  };

  for (let w = 0; w < starts.length; w++) {
    const start = starts[w]!;
    const last = start + lengths[w]! - 1;
    for (let i = start; i < last; i++) add(symbols[i]!, symbols[i + 1]!, frequencies[w]!, w);
  }
  enqueueTouched();

  /** Replaces (left, right) by `joined` in word `w`, and moves the counts of the pairs around it. */
  const mergeInWord = (w: number, left: number, right: number, joined: number): void => {
    const frequency = frequencies[w]!;
    const start = starts[w]!;
    let end = start + lengths[w]!;
    let to = start;
    for (let i = start; i < end; i++) {
      const symbol = symbols[i]!;
      if (symbol !== left || i + 1 >= end || symbols[i + 1] !== right) {
        symbols[to++] = symbol;
        continue;
      }
      if (to > start) {
        const previous = symbols[to - 1]!;
        add(previous, left, -frequency, w);
        add(previous, joined, frequency, w);
      }
      if (i + 2 < end) {
        const next = symbols[i + 2]!;
        add(right, next, -frequency, w);
        add(joined, next, frequency, w);
      }
      symbols[to++] = joined;
      i++;
    }
    end = to;
    lengths[w] = end - start;
  };

  const learned: [left: number, right: number][] = [];
  while (tokens.length < vocabSize) {
    const top = queue.pop();
    if (top === undefined) break;
    const count = pairs[top.pair]!;
    if (top.count !== count) {
      // The count is old: other merges have taken some of the pairs away, or made more.
      top.count = count;
      queue.push(top);
      continue;
    }
    if (count < 1 || count < minFrequency) break;
    const token = tokens[top.left]! + tokens[top.right]!;
    // Two ways may lead to one token: "ab" + "c" after "a" + "bc".
    let joined = ids.get(token);
    if (joined === undefined) {
      joined = tokens.length;
      tokens.push(token);
      ids.set(token, joined);
    }
    learned.push([top.left, top.right]);
    for (const w of top.words) mergeInWord(w, top.left, top.right, joined);
    enqueueTouched();
    if (learned.length % PROGRESS_EVERY === 0) yield { tokens: tokens.length, vocabSize };
  }
  yield { tokens: tokens.length, vocabSize };
  return { vocab: ids, merges: rankedMerges(learned, tokens) };
}

/** A pair that was learned twice keeps its last rank, as it does in the reference. */
const rankedMerges = (learned: readonly [number, number][], tokens: readonly string[]): Merge[] => {
  const last = new PairTable(learned.length);
  learned.forEach(([left, right], rank) => last.set(left, right, rank));
  return learned
    .filter(([left, right], rank) => last.get(left, right) === rank)
    .map(([left, right]) => [tokens[left]!, tokens[right]!]);
};
