import { DataError } from "./data-error.ts";

export interface TokenBlockOptions {
  /** Ids in a block, the two around it included. */
  length: number;
  bosTokenId: number;
  eosTokenId: number;
}

/** A corpus in blocks of one length. Shape of `ids`: `[count, length]`, row by row. */
export interface TokenBlocks {
  ids: Int32Array;
  count: number;
  length: number;
  /** Ids at the end of the corpus that did not fill a block. */
  dropped: number;
}

/**
 * Packs tokenised texts into blocks without padding, so that no step computes unused outputs:
 *
 * ```
 * stream   a a a </s> b b </s> c c c c c </s> …       every text, then </s>
 * block    <s> [length − 2 ids of the stream] </s>    texts run on from one block to the next
 * ```
 * This is RoBERTa's FULL-SENTENCES over document borders. The last ids, fewer than `length − 2`, are dropped.
 *
 * @param texts ids of each text, without special tokens around it
 * @throws {DataError} if the texts do not fill one block
 *
 * @example
 * packTokenBlocks([tokenizer.encodeToIds("a text"), tokenizer.encodeToIds("another")], { length: 64, bosTokenId: 0, eosTokenId: 2 });
 *
 * Source: Liu et al. 2019, section 4.2, <https://arxiv.org/abs/1907.11692>.
 */
export const packTokenBlocks = (
  texts: Iterable<ArrayLike<number>>,
  { length, bosTokenId, eosTokenId }: TokenBlockOptions,
): TokenBlocks => {
  if (!Number.isInteger(length) || length < 3) {
    throw new DataError(`packTokenBlocks: expected a length ≥ 3 (one id between two), got ${length}; use 64`);
  }
  const blocks: Int32Array[] = [];
  let block = new Int32Array(length);
  let filled = 1;
  const put = (id: number): void => {
    block[filled++] = id;
    if (filled < length - 1) return;
    block[0] = bosTokenId;
    block[filled] = eosTokenId;
    blocks.push(block);
    block = new Int32Array(length);
    filled = 1;
  };
  for (const ids of texts) {
    for (let i = 0; i < ids.length; i++) put(ids[i]!);
    if (ids.length > 0) put(eosTokenId);
  }
  if (blocks.length === 0) {
    throw new DataError(
      `packTokenBlocks: expected at least ${length - 2} ids for a block of ${length}, got ${filled - 1}; give more text or shorter blocks`,
    );
  }
  const ids = new Int32Array(blocks.length * length);
  blocks.forEach((own, i) => ids.set(own, i * length));
  return { ids, count: blocks.length, length, dropped: filled - 1 };
};

export interface CausalBlockOptions {
  /** Ids in a block. */
  length: number;
  /** Stands behind each text. Without it texts run into one another. */
  eosTokenId?: number | undefined;
}

/**
 * Packs tokenised texts into blocks for a causal language model: all texts one behind the other, cut every `length` ids. The inputs of such
 * a model are its labels, which it moves by one itself. The last ids, fewer than `length`, are dropped.
 *
 * @throws {DataError} if the texts do not fill one block
 *
 * @example
 * packCausalBlocks([tokenizer.encodeToIds("a text")], { length: 2, eosTokenId: tokenizer.eosTokenId });
 *
 * Source: `group_texts` of Hugging Face's
 * {@link https://huggingface.co/docs/transformers/tasks/language_modeling causal language modelling guide}.
 */
export const packCausalBlocks = (
  texts: Iterable<ArrayLike<number>>,
  { length, eosTokenId }: CausalBlockOptions,
): TokenBlocks => {
  if (!Number.isInteger(length) || length < 2)
    throw new DataError(`packCausalBlocks: expected a length ≥ 2, got ${length}; use what the model attends to`);
  const blocks: Int32Array[] = [];
  let block = new Int32Array(length);
  let filled = 0;
  const put = (id: number): void => {
    block[filled++] = id;
    if (filled < length) return;
    blocks.push(block);
    block = new Int32Array(length);
    filled = 0;
  };
  for (const ids of texts) {
    for (let i = 0; i < ids.length; i++) put(ids[i]!);
    if (ids.length > 0 && eosTokenId !== undefined) put(eosTokenId);
  }
  if (blocks.length === 0)
    throw new DataError(
      `packCausalBlocks: expected at least ${length} ids for a block, got ${filled}; give more text or shorter blocks`,
    );
  const ids = new Int32Array(blocks.length * length);
  blocks.forEach((own, i) => ids.set(own, i * length));
  return { ids, count: blocks.length, length, dropped: filled };
};

/** The rows of some blocks, for a collator. */
export const takeBlocks = ({ ids, count, length }: TokenBlocks, indices: ArrayLike<number>): Int32Array[] =>
  Array.from(indices, (index) => {
    if (!(Number.isInteger(index) && index >= 0 && index < count)) {
      throw new DataError(
        `takeBlocks: expected whole indices in 0 … ${count - 1}, got ${index}; is the sampler another corpus's?`,
      );
    }
    return ids.subarray(index * length, (index + 1) * length);
  });
