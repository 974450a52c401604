import { excerpt } from "@tessera/tensor/files";
import { BpeWordModel } from "./bpe-word-model.ts";
import type { ModelParts } from "./tokenizer-json.ts";
import { TokenizerError } from "./tokenizer-error.ts";
import { rankMerges } from "./tokenizer-tables.ts";
import type { WordModel } from "./word-model.ts";
import { WordLevelModel, WordPieceModel } from "./word-piece-model.ts";

export interface WordModelContext {
  /** Whether pieces come as text whose bytes are the symbols, instead of in GPT-2's alphabet. */
  readonly bytes: boolean;
  readonly random: () => number;
  /** All tokens, added ones among them. */
  readonly ids: ReadonlyMap<string, number>;
}

/** The model that a file describes. */
export const makeWordModel = (parts: ModelParts, { bytes, random, ids }: WordModelContext): WordModel => {
  const unkTokenId = parts.unkToken === null ? undefined : ids.get(parts.unkToken);
  if (parts.type !== "BPE") {
    const { vocab } = parts;
    return parts.type === "WordLevel"
      ? new WordLevelModel({ vocab, unkTokenId: vocab.get(parts.unkToken) })
      : new WordPieceModel({ ...parts, unkTokenId: vocab.get(parts.unkToken) });
  }
  if (parts.unkToken !== null && unkTokenId === undefined) {
    throw new TokenizerError(
      `tokenizer: expected an unk token ${excerpt(parts.unkToken)}, got a vocabulary without it; name yours in specialTokens`,
    );
  }
  return new BpeWordModel({
    vocab: parts.vocab,
    merges: rankMerges(parts),
    unkTokenId,
    fuseUnk: parts.fuseUnk,
    byteFallback: parts.byteFallback,
    ignoreMerges: parts.ignoreMerges,
    continuingSubwordPrefix: parts.continuingSubwordPrefix ?? "",
    endOfWordSuffix: parts.endOfWordSuffix ?? "",
    dropout: parts.dropout ?? 0,
    random,
    bytes,
  });
};

/** Whether symbols are written as they are: then bytes need not be written at all. */
export const isPlainBpe = (parts: ModelParts): boolean =>
  parts.type === "BPE" && !parts.byteFallback && !parts.continuingSubwordPrefix && !parts.endOfWordSuffix;
