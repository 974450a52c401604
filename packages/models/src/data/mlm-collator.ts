import { DataError } from "./data-error.ts";
import { padSequences, type PaddedSequences, type PadOptions } from "./pad-sequences.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** What the loss leaves out: `ignoreIndex` of cross-entropy. */
export const IGNORE_INDEX = -100;

export interface MlmCollatorOptions extends PadOptions {
  maskTokenId: number;
  vocabSize: number;
  /** Never masked and never put in at random; padding is left alone without being listed. */
  specialTokenIds: ReadonlySet<number>;
  /** The part of the tokens that is to be told. Default 0.15. */
  maskProbability?: number | undefined;
  /**
   * For each id whether its token begins a word, as `wordStarts` gives it: whole words are drawn then, and what becomes of a word becomes of
   * all its tokens. Default: tokens are drawn one by one.
   *
   * Source: {@link https://github.com/google-research/bert#new-may-31st-2019-whole-word-masking-models Whole Word Masking}.
   */
  wordStarts?: ArrayLike<number> | undefined;
}

/** A batch for masked language modelling. */
export interface MlmBatch extends PaddedSequences {
  /** The id that stood there on a masked token, −100 elsewhere. Shape: `[batch, length]`. */
  labels: Int32Array;
  /**
   * Where the labels are, as indices into the flat `[batch · length]`, in ascending order; padded to
   * `batch · ⌈maskProbability · length⌉` with a position whose label is −100. Shape: `[positions]`.
   */
  labelPositions: Int32Array;
  /** The label at each of `labelPositions`: −100 on padding. Shape: `[positions]`. */
  positionLabels: Int32Array;
}

/**
 * Masks tokens for pre-training, as BERT and RoBERTa do. In a sequence with m ordinary tokens, `⌊m · maskProbability + u⌋` of them are drawn
 * (u uniform in [0, 1), so the mean is exact); of those 80 % become `<mask>`, 10 % another ordinary token and 10 % stay.
 * The bound on their number is what lets the head of the model run on a fixed count of positions. At least one token
 * of a batch is masked: a mean over none is not a number.
 *
 * @example
 * const collator = new MlmCollator({ maskTokenId: 4, padTokenId: 1, vocabSize: 4096, specialTokenIds: new Set([0, 1, 2, 3, 4]) });
 * const batch = collator.collate(takeBlocks(blocks, [0, 1, 2]), new SeededRandom(seed, "mask", step));
 *
 * Source: Devlin et al. 2018, section 3.1, <https://arxiv.org/abs/1810.04805>; Liu et al. 2019, section 4.1.
 */
export class MlmCollator {
  private readonly maskProbability: number;
  private readonly ordinary: Int32Array;
  private readonly isOrdinary: Uint8Array;

  /** @throws {DataError} if the probability is not in (0, 1], or no token is ordinary */
  constructor(private readonly options: MlmCollatorOptions) {
    const { maskProbability = 0.15, vocabSize, specialTokenIds, padTokenId, maskTokenId } = options;
    if (!(maskProbability > 0 && maskProbability <= 1)) {
      throw new DataError(`MlmCollator: expected maskProbability in (0, 1], got ${maskProbability}; use 0.15`);
    }
    this.maskProbability = maskProbability;
    this.isOrdinary = new Uint8Array(vocabSize).fill(1);
    for (const id of [...specialTokenIds, padTokenId, maskTokenId]) this.isOrdinary[id] = 0;
    this.ordinary = Int32Array.from({ length: vocabSize }, (_, id) => id).filter((id) => this.isOrdinary[id] === 1);
    if (this.ordinary.length === 0) {
      throw new DataError(
        `MlmCollator: expected ordinary tokens in a vocabulary of ${vocabSize}, got special ones alone; check vocabSize`,
      );
    }
  }

  /**
   * Pads sequences to one length and masks them. The generator decides everything: the same one gives the same batch.
   *
   * @throws {DataError} if an id is not in the vocabulary, or no token can be masked
   */
  collate(sequences: readonly ArrayLike<number>[], random: SeededRandom): MlmBatch {
    const { inputIds, attentionMask, shape } = padSequences(sequences, this.options);
    const [batch, length] = shape;
    const labels = new Int32Array(batch * length).fill(IGNORE_INDEX);
    const rows: number[][] = [];
    const drawn: number[][] = [];
    for (let row = 0; row < batch; row++) {
      const candidates = this.candidates(inputIds, attentionMask, row * length, length);
      const count = Math.floor(candidates.length * this.maskProbability + random.nextFloat());
      const { wordStarts } = this.options;
      if (wordStarts) drawn.push(drawWords(wordsOf(candidates, inputIds, wordStarts), count, random));
      else drawn.push(draw(candidates, count, random));
      rows.push(candidates);
    }
    // `flat` takes rows of any length; as arguments of a call, long ones would not fit on the stack.
    let chosen = drawn.flat();
    if (chosen.length === 0) {
      const everywhere = rows.flat();
      if (everywhere.length === 0) {
        throw new DataError(
          "MlmCollator: expected a token that can be masked, got special tokens alone; skip empty texts",
        );
      }
      chosen = draw(everywhere, 1, random);
    }
    let fate = 0;
    for (const [i, position] of chosen.entries()) {
      labels[position] = inputIds[position]!;
      // The tokens of a word follow one another.
      const goesOn = this.options.wordStarts?.[labels[position]] === 0 && chosen[i - 1] === position - 1;
      if (!goesOn) fate = random.nextFloat();
      if (fate < 0.8) inputIds[position] = this.options.maskTokenId;
      else if (fate < 0.9) inputIds[position] = this.ordinary[random.nextInt(this.ordinary.length)]!;
    }
    const labelPositions = new Int32Array(batch * Math.ceil(this.maskProbability * length));
    // With fewer labels than places some position has none; with as many there is nothing to pad.
    labelPositions.fill(Math.max(0, labels.indexOf(IGNORE_INDEX)));
    labelPositions.set(chosen);
    return {
      inputIds,
      attentionMask,
      shape,
      labels,
      labelPositions,
      positionLabels: labelPositions.map((position) => labels[position]!),
    };
  }

  /** The positions of one sequence that may be masked. */
  private candidates(inputIds: Int32Array, attentionMask: Int32Array, start: number, length: number): number[] {
    const positions: number[] = [];
    for (let i = start; i < start + length; i++) {
      if (attentionMask[i] === 0) continue;
      const id = inputIds[i]!;
      if (!(id >= 0 && id < this.isOrdinary.length)) {
        throw new DataError(
          `MlmCollator: expected ids in 0 … ${this.isOrdinary.length - 1}, got ${id}; is the tokenizer another model's?`,
        );
      }
      if (this.isOrdinary[id] === 1) positions.push(i);
    }
    return positions;
  }
}

/** `count` of the items, each set equally likely, in their order: the head of a Fisher–Yates shuffle. Reorders `items`. */
const draw = (items: number[], count: number, random: SeededRandom): number[] => {
  for (let i = 0; i < count; i++) {
    const j = i + random.nextInt(items.length - i);
    const item = items[i]!;
    items[i] = items[j]!;
    items[j] = item;
  }
  return items.slice(0, count).sort((a, b) => a - b);
};

/** Positions that belong together: a token that begins no word belongs to the one before it. */
const wordsOf = (positions: readonly number[], inputIds: Int32Array, wordStarts: ArrayLike<number>): number[][] => {
  const words: number[][] = [];
  for (const position of positions) {
    const last = words.at(-1);
    if (last && last.at(-1) === position - 1 && !wordStarts[inputIds[position]!]) last.push(position);
    else words.push([position]);
  }
  return words;
};

/** Words in a random order, as long as they fit into `count` tokens; those that are too long are passed over, as BERT does. */
const drawWords = (words: number[][], count: number, random: SeededRandom): number[] => {
  const chosen: number[] = [];
  for (const word of random.shuffle(words)) if (chosen.length + word.length <= count) chosen.push(...word);
  return chosen.sort((a, b) => a - b);
};

/** What {@link wordStarts} asks of a tokenizer. */
export interface TokenNames {
  readonly vocabSize: number;
  idToToken(id: number): string | undefined;
}

/**
 * For each id 1 if its token begins a word: in a vocabulary of WordPiece what does not begin with `##`, in one of byte-level or sentence
 * BPE what begins with its sign for white space.
 *
 * @throws {DataError} if no token has either, so that words cannot be told from their parts
 *
 * @example
 * new MlmCollator({ ...options, wordStarts: wordStarts(tokenizer) });
 */
export const wordStarts = (tokenizer: TokenNames): Uint8Array => {
  const names = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.idToToken(id) ?? "");
  // Space, tab, line feed and carriage return in GPT-2's alphabet, and SentencePiece's space.
  const begins = /^[ĠĉĊč▁]/;
  const isWordPiece = names.some((name) => /^##./.test(name));
  if (!isWordPiece && !names.some((name) => begins.test(name)))
    throw new DataError(
      `wordStarts: expected tokens that begin with "##", "Ġ" or "▁", got ${names.length} without; give your own list of starts`,
    );
  return Uint8Array.from(names, (name) => Number(isWordPiece ? !name.startsWith("##") : begins.test(name)));
};
