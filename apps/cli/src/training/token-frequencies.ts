import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import type { PackedCorpus } from "./pretrain-model.ts";

/** What knowing how frequent each token is, and nothing else, is worth on held-out texts. */
export interface TokenFrequencies {
  /** Mean of −ln p over the held-out tokens, in nats: what a masked language model has to beat. */
  loss: number;
  /** The share of the most frequent token in the held-out texts. */
  accuracy: number;
  /** The most frequent tokens: its guess for every gap. */
  guesses: { token: string; probability: number }[];
}

/** Counts the tokens of a corpus, special ones left out, each once more than it occurs, and tests the counts on the held-out part. */
export const measureFrequencies = (
  { train, heldOut }: PackedCorpus,
  tokenizer: ByteLevelBpeTokenizer,
  top: number,
): TokenFrequencies => {
  const { vocabSize, specialTokenIds } = tokenizer;
  const counts = new Float64Array(vocabSize).fill(1);
  for (const id of specialTokenIds) counts[id] = 0;
  for (const id of train.ids) if (!specialTokenIds.has(id)) counts[id]!++;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const ranked = Array.from(counts, (count, id) => ({ id, probability: count / total })).sort(
    (a, b) => b.probability - a.probability || a.id - b.id,
  );
  let [loss, right, tokens] = [0, 0, 0];
  for (const id of heldOut.ids) {
    if (specialTokenIds.has(id)) continue;
    loss -= Math.log(counts[id]! / total);
    right += Number(id === ranked[0]!.id);
    tokens++;
  }
  const guesses = ranked.slice(0, top).map(({ id, probability }) => ({ token: tokenizer.decode([id]), probability }));
  return { loss: loss / tokens, accuracy: right / tokens, guesses };
};
