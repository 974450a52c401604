import { excerpt } from "@tessera/tensor/files";
import { byteToChar } from "./byte-alphabet.ts";
import type { MergeTable } from "./merge-symbols.ts";
import { PairTable } from "./pair-table.ts";
import type { Merge, TokenizerParts } from "./tokenizer-json.ts";
import { TokenizerError } from "./tokenizer-error.ts";

/** Vocabulary and added tokens in one map. */
export const collectTokens = ({ vocab, addedTokens, postProcessor }: TokenizerParts): Map<string, number> => {
  const ids = new Map(vocab);
  for (const { content, id } of addedTokens) {
    const known = ids.get(content);
    if (known !== undefined && known !== id) {
      throw new TokenizerError(
        `added_tokens: expected ${excerpt(content)} to have the vocabulary's id ${known}, got ${id}; the files do not belong together`,
      );
    }
    ids.set(content, id);
  }
  if (postProcessor?.type === "RobertaProcessing") {
    for (const [token, id] of [postProcessor.sep, postProcessor.cls]) {
      if (ids.get(token) !== id) {
        throw new TokenizerError(
          `post_processor: expected the id of ${excerpt(token)} to be ${ids.get(token) ?? "in the vocabulary"}, got ${id}; the files do not belong together`,
        );
      }
    }
  }
  return ids;
};

/**
 * The ids of added tokens that the model itself never makes. They are found in the text as they are written, so they stand for
 * their own characters; what merges make stands for bytes, in GPT-2's alphabet.
 */
export const literalTokens = ({ merges, addedTokens }: TokenizerParts): Set<number> => {
  const added = new Map(addedTokens.map(({ content, id }) => [content, id]));
  for (const char of byteToChar) added.delete(char);
  for (const [left, right] of merges) added.delete(left + right);
  return new Set(added.values());
};

/** Ids must be 0 … n − 1: they are rows of an embedding. */
export const tokensInOrder = (ids: ReadonlyMap<string, number>): string[] => {
  const tokens: string[] = new Array<string>(ids.size);
  for (const [token, id] of ids) {
    const other = tokens[id];
    if (id >= ids.size || other !== undefined) {
      const found = other === undefined ? `${id}` : `${id} twice, for ${excerpt(other)} too`;
      throw new TokenizerError(
        `vocab: expected the ids of ${ids.size} tokens to be 0 … ${ids.size - 1}, got ${found} (${excerpt(token)}); the file is damaged or tokens are missing`,
      );
    }
    tokens[id] = token;
  }
  return tokens;
};

/** The rank of each pair of ids, and the id that it makes. */
export const rankMerges = ({ vocab, merges }: TokenizerParts): MergeTable => {
  const ranks = new PairTable(merges.length);
  const results = new Int32Array(merges.length);
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
    results[rank] = idOf(left + right);
  });
  return { ranks, results };
};
