/** How a text becomes ids. */
export interface EncodeOptions {
  /** Puts the model's tokens around the text: `<s> … </s>`. Default true. */
  addSpecialTokens?: boolean | undefined;
  /** A second text: `<s> A </s></s> B </s>`. */
  pair?: string | undefined;
  /** The most ids, added tokens included. */
  maxLength?: number | undefined;
  /** Which text is cut when there are too many ids. Default `"longestFirst"` with a `maxLength`, else none. */
  truncation?: boolean | "longestFirst" | "onlyFirst" | "onlySecond" | undefined;
  /** The end at which a text is cut. Default `"right"`. */
  truncationSide?: "left" | "right" | undefined;
}

/** One encoded text, or pair of texts. All lists are as long as `ids`. */
export interface Encoding {
  ids: number[];
  /** The vocabulary's name of each id: `<mask>`, also where it took a space from the text. */
  tokens: string[];
  /** Which text a token is of, as the model is told: BERT has 1 for the second. */
  tokenTypeIds: number[];
  /** 1 for each id: nothing is padded yet. */
  attentionMask: number[];
  /** 1 where a token was put around the text, 0 where it comes from the text. */
  specialTokensMask: number[];
  /**
   * The part of its text that a token stands for, `text.slice(start, end)`, in UTF-16 units; `[0, 0]` where it stands for none.
   * Tokens that share a character all have the whole of it.
   */
  offsets: [start: number, end: number][];
  /** The word of its text that a token is of, counted from 0; `null` for a token that was put around the text. */
  wordIds: (number | null)[];
  /** 0 for the first text, 1 for the second, `null` for a token that was put around them. */
  sequenceIds: (0 | 1 | null)[];
}

/** How a text that is too long becomes several encodings. */
export interface EncodeWindowsOptions extends Pick<EncodeOptions, "addSpecialTokens" | "pair"> {
  /** The most ids of each. */
  maxLength: number;
  /** How many ids of the text that is cut each repeats of the one before. Default 0. */
  stride?: number | undefined;
  truncation?: "onlyFirst" | "onlySecond" | undefined;
}

/** How texts become one array. */
export interface EncodeBatchOptions extends Omit<EncodeOptions, "pair"> {
  /** Up to the longest text of the batch (default), or always to `maxLength`. */
  padding?: "longest" | "maxLength" | undefined;
  /** Rounds the length up. Default 1. */
  padToMultipleOf?: number | undefined;
  /** The end at which texts are padded. Default `"right"`; a model that writes on wants `"left"`. */
  paddingSide?: "left" | "right" | undefined;
}

/** Encoded texts of one length, ready for a tensor. Shape: `[texts, length]`, row by row. */
export interface BatchEncoding {
  inputIds: Int32Array;
  /** 1 on a token, 0 on padding. */
  attentionMask: Int32Array;
  /** 0, or 1 for the second text of a pair where the tokenizer tells them apart; 0 on padding. */
  tokenTypeIds: Int32Array;
  shape: [batch: number, length: number];
}
