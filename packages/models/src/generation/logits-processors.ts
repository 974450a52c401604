import { BestOf } from "./best-of.ts";
import type { GenerationPlan } from "./generation-options.ts";

/** Changes the scores of the next token in place: logits, or with beams log-probabilities. −∞ forbids a token. */
export type LogitsProcessor = (ids: readonly number[], scores: Float32Array) => void;

/** Divides positive scores of the tokens in the text by the penalty, and multiplies negative ones. {@link https://arxiv.org/abs/1909.05858 Keskar et al. 2019} */
const repetition =
  (penalty: number): LogitsProcessor =>
  (ids, scores) => {
    for (const id of new Set(ids)) {
      const score = scores[id]!;
      scores[id] = score < 0 ? score * penalty : score / penalty;
    }
  };

/** Forbids the token that would make a sequence of `size` tokens come twice. */
const noRepeatNgram =
  (size: number): LogitsProcessor =>
  (ids, scores) => {
    const prefix = size - 1;
    const start = ids.length - prefix;
    for (let i = 0; i + prefix < ids.length; i++) {
      let j = 0;
      while (j < prefix && ids[i + j] === ids[start + j]) j++;
      if (j === prefix) scores[ids[i + prefix]!] = -Infinity;
    }
  };

/** Forbids the end before the text has so many tokens. */
const minLength =
  (length: number, ends: readonly number[]): LogitsProcessor =>
  (ids, scores) => {
    if (ids.length < length) for (const id of ends) scores[id] = -Infinity;
  };

/** What changes logits, in Hugging Face's order. */
export const processorsOf = (plan: GenerationPlan, promptLength: number): LogitsProcessor[] => [
  ...(plan.repetitionPenalty === 1 ? [] : [repetition(plan.repetitionPenalty)]),
  ...(plan.noRepeatNgramSize === 0 ? [] : [noRepeatNgram(plan.noRepeatNgramSize)]),
  ...(plan.minNewTokens === 0 ? [] : [minLength(promptLength + plan.minNewTokens, plan.eosTokenIds)]),
  ...plan.logitsProcessors,
];

/** Numbers of the tokens that are not forbidden, from the likeliest down. */
const ranked = (scores: Float32Array): number[] =>
  [...scores.keys()].filter((id) => scores[id]! > -Infinity).sort((a, b) => scores[b]! - scores[a]! || a - b);

/** The k-th largest score. */
const kthLargest = (scores: Float32Array, k: number): number => {
  const best = new BestOf<number>(k);
  for (const score of scores) best.offer(score, score);
  return best.values.at(-1)!;
};

/** Probabilities of scores. */
export const softmaxOf = (scores: ArrayLike<number>): Float64Array => {
  let max = -Infinity;
  for (let i = 0; i < scores.length; i++) max = Math.max(max, scores[i]!);
  const out = new Float64Array(scores.length);
  let total = 0;
  for (let i = 0; i < out.length; i++) total += out[i] = Math.exp(scores[i]! - max);
  for (let i = 0; i < out.length; i++) out[i]! /= total;
  return out;
};

/** Divides scores by a temperature and forbids what topK, topP and minP leave out, in this order. */
export const warp = (
  { temperature, topK, topP, minP, numBeams, eosTokenIds }: GenerationPlan,
  scores: Float32Array,
): void => {
  // Beams need a token that ends a text and one that does not.
  const min = numBeams > 1 ? Math.max(eosTokenIds.length + 1, 2) : 1;
  if (temperature !== 1) for (let i = 0; i < scores.length; i++) scores[i]! /= temperature;
  if (topK > 0 && topK < scores.length) {
    const limit = kthLargest(scores, Math.min(Math.max(topK, min), scores.length));
    for (let i = 0; i < scores.length; i++) if (scores[i]! < limit) scores[i] = -Infinity;
  }
  if (topP < 1) {
    const order = ranked(scores);
    const probabilities = softmaxOf(scores);
    let before = 0;
    for (const [rank, id] of order.entries()) {
      if (before >= topP && rank >= min) scores[id] = -Infinity;
      before += probabilities[id]!;
    }
  }
  if (minP > 0) {
    const probabilities = softmaxOf(scores);
    const limit = minP * probabilities.reduce((a, b) => Math.max(a, b), 0);
    for (const [rank, id] of ranked(scores).entries())
      if (probabilities[id]! < limit && rank >= min) scores[id] = -Infinity;
  }
};
