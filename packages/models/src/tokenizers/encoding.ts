/** How a text becomes ids. */
export interface EncodeOptions {
  /** Puts the model's tokens around the text: `<s> … </s>`. Default true. */
  addSpecialTokens?: boolean;
  /** A second text: `<s> A </s></s> B </s>`. */
  pair?: string;
  /** The most ids, added tokens included. */
  maxLength?: number;
  /** Which text is cut when there are too many ids. Default `"longestFirst"` with a `maxLength`, else none. */
  truncation?: boolean | "longestFirst" | "onlyFirst" | "onlySecond";
}

/** One encoded text. */
export interface Encoding {
  ids: number[];
  /** The vocabulary's name of each id: `<mask>`, also where it took a space from the text. */
  tokens: string[];
  /** 1 for each id: nothing is padded yet. */
  attentionMask: number[];
  /** 1 where a token was put around the text, 0 where it comes from the text. */
  specialTokensMask: number[];
}

/** How texts become one array. */
export interface EncodeBatchOptions extends Omit<EncodeOptions, "pair"> {
  /** Up to the longest text of the batch (default), or always to `maxLength`. */
  padding?: "longest" | "maxLength";
  /** Rounds the length up. Default 1. */
  padToMultipleOf?: number;
}

/** Encoded texts of one length, ready for a tensor. Shape: `[texts, length]`, row by row. */
export interface BatchEncoding {
  inputIds: Int32Array;
  /** 1 on a token, 0 on padding. */
  attentionMask: Int32Array;
  shape: [batch: number, length: number];
}
