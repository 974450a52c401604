import type { WordModel, WordTokens } from "./word-model.ts";
import { TokenizerError } from "./tokenizer-error.ts";

export interface WordPieceModelOptions {
  readonly vocab: ReadonlyMap<string, number>;
  /** What a word becomes that cannot be put together. */
  readonly unkTokenId: number | undefined;
  /** Written before each token but the first of a word. */
  readonly continuingSubwordPrefix: string;
  /** A longer word is unknown. */
  readonly maxInputCharsPerWord: number;
}

const refuseWord = (word: string): never => {
  throw new TokenizerError(
    `encode: expected words that the vocabulary can write, got ${JSON.stringify(word)} and a vocabulary without the unk_token; add it to the vocabulary`,
  );
};

/**
 * WordPiece: of each word the longest token that it begins with, then of the rest, and so on; a word that does not come out even is
 * unknown as a whole.
 *
 * Source: Devlin et al. 2019, <https://arxiv.org/abs/1810.04805>.
 */
export class WordPieceModel implements WordModel {
  readonly isRandom = false;
  private readonly longest: number;

  constructor(private readonly options: WordPieceModelOptions) {
    let longest = 0;
    for (const token of options.vocab.keys()) longest = Math.max(longest, token.length);
    this.longest = longest;
  }

  encode(text: string, start: number, end: number): WordTokens {
    const { vocab, continuingSubwordPrefix: prefix, maxInputCharsPerWord, unkTokenId } = this.options;
    const word = text.slice(start, end);
    const unknown = (): WordTokens => Int32Array.of(unkTokenId ?? refuseWord(word), 0, word.length);
    if (word.length > maxInputCharsPerWord && [...word].length > maxInputCharsPerWord) return unknown();
    const ids: number[] = [];
    const ends: number[] = [];
    for (let at = 0; at < word.length;) {
      let stop = Math.min(word.length, at + this.longest);
      let id: number | undefined;
      for (; stop > at; stop--) {
        // A surrogate pair is not cut: no token of a file has half of one.
        const piece = word.slice(at, stop);
        id = vocab.get(at === 0 ? piece : prefix + piece);
        if (id !== undefined) break;
      }
      if (id === undefined) return unknown();
      ids.push(id);
      ends.push(stop);
      at = stop;
    }
    return Int32Array.from([...ids, ...ends.map((_, i) => (i === 0 ? 0 : ends[i - 1]!)), ...ends]);
  }
}

/** A word is a token, or unknown. */
export class WordLevelModel implements WordModel {
  readonly isRandom = false;

  constructor(private readonly options: Pick<WordPieceModelOptions, "vocab" | "unkTokenId">) {}

  encode(text: string, start: number, end: number): WordTokens {
    const word = text.slice(start, end);
    const id = this.options.vocab.get(word) ?? this.options.unkTokenId ?? refuseWord(word);
    return Int32Array.of(id, 0, word.length);
  }
}
