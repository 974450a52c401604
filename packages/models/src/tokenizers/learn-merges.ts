import { MergeQueue } from "./merge-queue.ts";
import { PairTable } from "./pair-table.ts";
import { TokenizerError } from "./tokenizer-error.ts";

/** How a training goes on, and how it is watched. */
export interface VocabTrainingOptions {
  /** All tokens together: special ones, those of one character, merges. Fewer come out where the corpus has no more pairs. */
  vocabSize: number;
  /** A pair seen less often is not merged. Default 2. */
  minFrequency?: number | undefined;
  onProgress?: ((progress: BpeProgress) => void) | undefined;
  /** Asked between merges; true ends the training with an error. */
  shouldStop?: (() => boolean) | undefined;
}

export interface BpeProgress {
  /** Tokens so far, special tokens and those of one character included; 0 while words are counted. */
  tokens: number;
  vocabSize: number;
}

/** The distinct words of a corpus as ids, all in one array; a word only ever shrinks, in its own place. */
export interface WordLayout {
  readonly symbols: Int32Array;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** How often each word occurs. */
  readonly frequencies: Float64Array;
}

/** Where a training starts. */
export interface MergeStart {
  /** The tokens that words are made of, by their ids. */
  readonly tokens: readonly string[];
  /** What a token that continues a word begins with: it is dropped when the token is joined to the one before it. */
  readonly prefix: string;
  readonly words: WordLayout;
}

/** What was learned: all tokens by their ids, and the pairs in the order of their ranks. */
export interface LearnedMerges {
  readonly tokens: string[];
  readonly merges: [left: number, right: number][];
}

const report = (op: string, progress: BpeProgress, { onProgress, shouldStop }: VocabTrainingOptions): void => {
  onProgress?.(progress);
  if (shouldStop?.()) {
    throw new TokenizerError(
      `${op}: expected ${progress.vocabSize} tokens, stopped at ${progress.tokens}; start again, nothing is kept`,
    );
  }
};

/** Goes through a training at one go. */
export const runTraining = <T>(op: string, steps: Generator<BpeProgress, T>, options: VocabTrainingOptions): T => {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    report(op, step.value, options);
  }
};

/** Longest stretch without a pause, in milliseconds. */
const SLICE = 30;

/** Counts texts and goes through a training, and lets the event loop run every few milliseconds. */
export const runTrainingAsync = async <T>(
  op: string,
  texts: Iterable<string> | AsyncIterable<string>,
  { count, learn }: { count: (text: string) => void; learn: () => Generator<BpeProgress, T> },
  options: VocabTrainingOptions,
): Promise<T> => {
  let since = performance.now();
  const pause = async (progress: BpeProgress): Promise<void> => {
    if (performance.now() - since < SLICE) return;
    report(op, progress, options);
    await new Promise((resolve) => setTimeout(resolve));
    since = performance.now();
  };
  for await (const text of texts) {
    count(text);
    await pause({ tokens: 0, vocabSize: options.vocabSize });
  }
  const steps = learn();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await pause(step.value);
  }
};

const PROGRESS_EVERY = 32;

/**
 * Joins the most frequent pair of neighbours inside words, again and again, until the vocabulary is full or no pair is frequent
 * enough. Of equally frequent pairs the one of smaller ids is first.
 *
 * Source: Sennrich et al. 2016, <https://arxiv.org/abs/1508.07909>; the order of Hugging Face's tokenizers.
 */
export function* learnMerges(
  { tokens: first, prefix, words }: MergeStart,
  { vocabSize, minFrequency = 2 }: VocabTrainingOptions,
): Generator<BpeProgress, LearnedMerges> {
  const tokens = [...first];
  const { symbols, starts, lengths, frequencies } = words;
  const ids = new Map(tokens.map((token, id) => [token, id]));

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
    const right = tokens[top.right]!;
    const token = tokens[top.left]! + (right.startsWith(prefix) ? right.slice(prefix.length) : right);
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
  return { tokens, merges: rankedMerges(learned) };
}

/** A pair that was learned twice keeps its last rank, as it does in the reference. */
const rankedMerges = (learned: readonly [number, number][]): [number, number][] => {
  const last = new PairTable(learned.length);
  learned.forEach(([left, right], rank) => last.set(left, right, rank));
  return learned.filter(([left, right], rank) => last.get(left, right) === rank);
};
