import { TesseraError } from "@tessera/tensor";
import type { SeededRandom } from "../data/seeded-random.ts";
import { softmaxOf } from "./logits-processors.ts";

/** @throws TesseraError always: for scores from which no token can be chosen. */
export const refuseScores = (): never => {
  throw new TesseraError(
    "generate: expected a token that may come next, got scores that are all -∞ or NaN; is the model broken, or is every token forbidden?",
  );
};

/** The first of the tokens with the largest score. */
export const likeliest = (scores: Float32Array): number => {
  let best = -1;
  for (let i = 0; i < scores.length; i++) if (scores[i]! > (best < 0 ? -Infinity : scores[best]!)) best = i;
  return best < 0 || scores.some(Number.isNaN) ? refuseScores() : best;
};

/** A token, drawn by the probabilities that the scores stand for. */
export const drawn = (scores: Float32Array, random: SeededRandom): number => {
  const probabilities = softmaxOf(scores);
  const point = random.nextFloat();
  let [before, last] = [0, -1];
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i]!;
    if (Number.isNaN(p)) return refuseScores();
    if (p === 0) continue;
    last = i;
    before += p;
    if (point < before) return i;
  }
  // The sum rounds to just below 1.
  return last;
};
