import type { SeededRandom } from "../data/seeded-random.ts";
import { BestOf } from "./best-of.ts";
import { refuseScores } from "./choose-token.ts";
import type { GenerationPlan } from "./generation-options.ts";
import { processorsOf, warp } from "./logits-processors.ts";
import type { NextLogits } from "./next-logits.ts";

/** A text that is followed, or has ended, with the sum of its tokens' log-probabilities, or its final score. */
interface Beam {
  readonly ids: readonly number[];
  readonly score: number;
}

/** A continuation of a beam by one token. */
interface Candidate extends Beam {
  readonly parent: number;
  readonly ends: boolean;
}

/** The beams of one prompt. */
class Beams {
  running: readonly Beam[];
  finished: Beam[] = [];
  /** Whether nothing that goes on can still win. */
  done = false;
  private readonly plan: GenerationPlan;
  private readonly promptLength: number;

  constructor(prompt: readonly number[], plan: GenerationPlan) {
    this.plan = plan;
    this.promptLength = prompt.length;
    this.running = [{ ids: prompt, score: 0 }];
  }

  /** Takes the best continuations, and returns of which running beam each new one goes on. */
  advance(logProbabilities: readonly Float32Array[], random: SeededRandom): number[] {
    const { numBeams, eosTokenIds, doSample, maxNewTokens } = this.plan;
    const processors = processorsOf(this.plan, this.promptLength);
    // So many that numBeams of them go on, whichever tokens end a text.
    const best = new BestOf<{ beam: number; token: number; score: number }>(
      Math.max(2, 1 + eosTokenIds.length) * numBeams,
    );
    for (const [beam, { ids, score: before }] of this.running.entries()) {
      const scores = logProbabilities[beam]!;
      for (const process of processors) process(ids, scores);
      if (doSample) warp(this.plan, scores);
      for (let token = 0; token < scores.length; token++) {
        const score = before + scores[token]!;
        if (Number.isNaN(score)) refuseScores();
        if (score === -Infinity) continue;
        // The largest of scores with Gumbel noise are a sample without replacement.
        const key = doSample ? score - Math.log(-Math.log(uniform(random))) : score;
        if (best.takes(key)) best.offer(key, { beam, token, score });
      }
    }
    const kept = best.values;
    if (kept.length === 0) refuseScores();
    const length = this.running[0]!.ids.length + 1;
    const last = length - this.promptLength >= maxNewTokens;
    const candidates: Candidate[] = kept.map(({ beam, token, score }) => ({
      ids: [...this.running[beam]!.ids, token],
      score,
      parent: beam,
      ends: last || eosTokenIds.includes(token),
    }));
    this.finish(candidates.slice(0, numBeams), length - this.promptLength);
    const going = candidates.filter(({ ends }) => !ends).sort((a, b) => b.score - a.score);
    const next = going.slice(0, numBeams);
    this.running = next;
    this.done = next.length === 0 || this.cannotImprove(length - this.promptLength);
    return next.map(({ parent }) => parent);
  }

  /** Of the best continuations, those that end their texts join the finished ones, of which the best stay. */
  private finish(best: readonly Candidate[], added: number): void {
    const { numBeams, lengthPenalty, earlyStopping } = this.plan;
    if (earlyStopping === true && this.finished.length === numBeams) return;
    const ended = best
      .filter(({ ends }) => ends)
      .map(({ ids, score }) => ({ ids, score: score / added ** lengthPenalty }));
    this.finished = [...this.finished, ...ended].sort((a, b) => b.score - a.score).slice(0, numBeams);
  }

  private cannotImprove(added: number): boolean {
    const { numBeams, lengthPenalty, earlyStopping, maxNewTokens } = this.plan;
    if (this.finished.length < numBeams) return false;
    if (earlyStopping === true) return true;
    // With "never" the score of a text that would still grow to its full length; else as if it ended now.
    const length = earlyStopping === "never" && lengthPenalty > 0 ? maxNewTokens : added;
    return this.running[0]!.score / length ** lengthPenalty <= this.finished.at(-1)!.score;
  }
}

/** In (0, 1): neither has a logarithm that is finite twice. */
const uniform = (random: SeededRandom): number => (random.nextUint32() + 0.5) / 2 ** 32;

/** ln softmax, in place. */
const logSoftmax = (logits: Float32Array): Float32Array => {
  let max = -Infinity;
  for (const value of logits) max = Math.max(max, value);
  let total = 0;
  for (const value of logits) total += Math.exp(value - max);
  const shift = max + Math.log(total);
  return logits.map((value) => value - shift);
};

/**
 * Follows `numBeams` texts a prompt, and gives back for each the best `numReturnSequences` that ended.
 *
 * Source: `_beam_search` of {@link https://huggingface.co/docs/transformers/main_classes/text_generation transformers}, by its description.
 */
export const beamSearch = async (
  next: NextLogits,
  prompts: readonly (readonly number[])[],
  plan: GenerationPlan,
  random: SeededRandom,
): Promise<number[][][]> => {
  const all = prompts.map((prompt) => new Beams(prompt, plan));
  let open = all;
  while (open.length > 0) {
    plan.signal?.throwIfAborted();
    const logits = await next.of(open.flatMap(({ running }) => running.map(({ ids }) => ids)));
    const scores = logits.map(logSoftmax);
    const rows: number[] = [];
    let first = 0;
    for (const beams of open) {
      const size = beams.running.length;
      const parents = beams.advance(scores.slice(first, first + size), random);
      if (!beams.done) rows.push(...parents.map((parent) => first + parent));
      first += size;
    }
    open = open.filter(({ done }) => !done);
    if (open.length > 0) next.reorder(rows);
  }
  return all.map(({ finished }) => finished.slice(0, plan.numReturnSequences).map(({ ids }) => [...ids]));
};
