import { excerpt } from "@tessera/tensor/files";
import type { AddedToken } from "./added-tokens.ts";
import { byteToChar } from "./byte-alphabet.ts";
import type { MergeTable } from "./merge-symbols.ts";
import { PairTable } from "./pair-table.ts";
import type { PostProcessor } from "./post-processors.ts";
import type { BpeParts, Merge, TokenizerParts } from "./tokenizer-json.ts";
import { TokenizerError } from "./tokenizer-error.ts";

/** Vocabulary and added tokens in one map. */
export const collectTokens = (
  { model, addedTokens }: TokenizerParts,
  { named }: PostProcessor,
): Map<string, number> => {
  const ids = new Map(model.vocab);
  for (const { content, id } of addedTokens) {
    const known = ids.get(content);
    if (known !== undefined && known !== id) {
      throw new TokenizerError(
        `added_tokens: expected ${excerpt(content)} to have the vocabulary's id ${known}, got ${id}; the files do not belong together`,
      );
    }
    ids.set(content, id);
  }
  for (const [token, id] of named) {
    if (ids.get(token) !== id) {
      throw new TokenizerError(
        `post_processor: expected the id of ${excerpt(token)} to be ${ids.get(token) ?? "in the vocabulary"}, got ${id}; the files do not belong together`,
      );
    }
  }
  return ids;
};

/**
 * The ids of added tokens that the model itself never makes. They are found in the text as they are written, so they stand for
 * their own characters; what merges make stands for bytes, in GPT-2's alphabet.
 */
export const literalTokens = ({ model, addedTokens }: TokenizerParts): Set<number> => {
  const added = new Map(addedTokens.map(({ content, id }) => [content, id]));
  for (const char of byteToChar) added.delete(char);
  if (model.type === "BPE") for (const [left, right] of model.merges) added.delete(left + right);
  return new Set(added.values());
};

/** The token of each id. Ids may have holes, where tokens were taken out; no two tokens have one. */
export const tokensById = (ids: ReadonlyMap<string, number>): Map<number, string> => {
  const tokens = new Map<number, string>();
  for (const [token, id] of ids) {
    const other = tokens.get(id);
    if (other !== undefined) {
      throw new TokenizerError(
        `vocab: expected an id for each token, got ${id} twice, for ${excerpt(other)} and ${excerpt(token)}; the file is damaged`,
      );
    }
    tokens.set(id, token);
  }
  return tokens;
};

/** The added tokens in the order of their ids, as a file lists them. */
export const byId = (tokens: readonly AddedToken[]): AddedToken[] => [...tokens].sort((a, b) => a.id - b.id);

/** The rank of each pair of ids, and the id that it makes. */
export const rankMerges = ({ vocab, merges, continuingSubwordPrefix }: BpeParts): MergeTable => {
  const ranks = new PairTable(merges.length);
  const results = new Int32Array(merges.length);
  const prefixLength = continuingSubwordPrefix?.length ?? 0;
  merges.forEach(([left, right]: Merge, rank) => {
    const idOf = (token: string): number => {
      const id = vocab.get(token);
      if (id !== undefined) return id;
      throw new TokenizerError(
        `merges[${rank}]: expected tokens of the vocabulary, got ${excerpt(token)} in ${excerpt(`${left} ${right}`)}; do the files belong together?`,
      );
    };
    if (ranks.get(idOf(left), idOf(right)) >= 0) {
      throw new TokenizerError(
        `merges[${rank}]: expected each pair once, got ${excerpt(`${left} ${right}`)} again; the file is damaged`,
      );
    }
    ranks.set(idOf(left), idOf(right), rank);
    results[rank] = idOf(left + right.slice(prefixLength));
  });
  return { ranks, results };
};
