import { ownString } from "./own-string.ts";

/** What a model makes of a piece of text: its ids, then where each token begins, then where it ends, in UTF-16 units of the piece. */
export type WordTokens = Int32Array;

/** The part of a tokenizer that has learned: pieces of text become tokens, each piece for itself. */
export interface WordModel {
  /** The tokens of `text[start, end)`, in memory of their own. */
  encode(text: string, start: number, end: number): WordTokens;
  /** Whether equal pieces may have other tokens the next time. */
  readonly isRandom: boolean;
}

/** How many tokens there are in the result of {@link WordModel.encode}. */
export const tokenCount = (tokens: WordTokens): number => tokens.length / 3;

/** Text repeats its words: with them remembered, most words cost one look-up. Longer ones are rare and not worth a place. */
const CACHED_WORDS = 1 << 16;
const CACHED_WORD_LENGTH = 48;
const SLOTS = 2 * CACHED_WORDS;
const EMPTY = -1;

/**
 * Remembers what a function made of the pieces of a text: a hash table whose keys are looked up where they stand. A `Map` would need
 * a string for each piece, and hash it: half of the time of an encoder.
 */
export class WordCache {
  private slots: Int32Array | null = null;
  private readonly hashes = new Int32Array(CACHED_WORDS);
  private words: string[] = [];
  private tokens: WordTokens[] = [];

  constructor(private readonly encode: WordModel["encode"]) {}

  get(text: string, start: number, end: number): WordTokens {
    if (end - start > CACHED_WORD_LENGTH) return this.encode(text, start, end);
    // Memory for the first word, not for a tokenizer that encodes none.
    const slots = (this.slots ??= new Int32Array(SLOTS).fill(EMPTY));
    let hash = end - start;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 15;
    let slot = hash & (SLOTS - 1);
    for (let word = slots[slot]!; word !== EMPTY; word = slots[slot]!) {
      if (this.hashes[word] === hash && isAt(this.words[word]!, text, start, end)) return this.tokens[word]!;
      slot = (slot + 1) & (SLOTS - 1);
    }
    const tokens = this.encode(text, start, end);
    if (this.words.length >= CACHED_WORDS) {
      slots.fill(EMPTY);
      this.words = [];
      this.tokens = [];
      slot = hash & (SLOTS - 1);
    }
    slots[slot] = this.words.length;
    this.hashes[this.words.length] = hash;
    this.words.push(ownString(text, start, end));
    this.tokens.push(tokens);
    return tokens;
  }
}

/** Whether a word is what stands in `text[start, end)`. */
const isAt = (word: string, text: string, start: number, end: number): boolean => {
  if (word.length !== end - start) return false;
  for (let i = 0; i < word.length; i++) if (word.charCodeAt(i) !== text.charCodeAt(start + i)) return false;
  return true;
};
