import { erdosRenyiDensities } from "../patterns/erdos-renyi.ts";
import type { Choice, Curve } from "./curves.ts";

/** What a choice costs and what it brings, for a budget. */
export interface Problem {
  readonly curves: readonly Curve[];
  readonly costOf: (choice: Choice) => number;
  readonly gainOf: (choice: Choice) => number;
  /** Whether the least cost with at least so much gain is asked for, or the largest gain at no more than such a cost. */
  readonly goal: { readonly gain: number } | { readonly cost: number };
}

/** For each curve the place of a choice; `null` when none meets the budget. */
export type Chosen = readonly number[] | null;

const EPSILON = 1e-9;

const total = (curves: readonly Curve[], picks: readonly number[], of: (choice: Choice) => number): number =>
  picks.reduce((sum, pick, i) => sum + of(curves[i]!.choices[pick]!), 0);

/** Whether picks meet the budget; what was added up in another order still does. */
export const meets = ({ curves, costOf, gainOf, goal }: Problem, picks: readonly number[]): boolean =>
  "gain" in goal
    ? total(curves, picks, gainOf) >= goal.gain - EPSILON * Math.max(1, Math.abs(goal.gain))
    : total(curves, picks, costOf) <= goal.cost + EPSILON;

/** One density for all, of those that were measured of all. With a goal of gain the densest that reaches it. */
const uniform = (problem: Problem): Chosen => {
  const { curves, goal } = problem;
  const densities = curves[0]!.choices.map(({ density }) => density);
  const candidates = densities
    .map((density) => curves.map(({ choices }) => choices.findIndex((choice) => choice.density === density)))
    .filter((picks) => picks.every((pick) => pick >= 0) && meets(problem, picks));
  return ("gain" in goal ? candidates[0] : candidates.at(-1)) ?? null;
};

/** Erdős and Rényi's densities of a common one, each rounded to the nearest that was measured: the densest that meets a goal of gain. */
const erdosRenyi = (problem: Problem): Chosen => {
  const { curves, goal } = problem;
  const layers = curves.flatMap(({ layers: names, shapes }) => names.map((name, i) => ({ name, shape: shapes[i]! })));
  const candidates = Array.from({ length: 100 }, (_, i) => 1 - i / 100)
    .map((density) => {
      const shared = erdosRenyiDensities(layers, density);
      return curves.map(({ layers: names, shapes, choices }) => {
        const sizes = shapes.map(([outputs, inputs]) => outputs * inputs);
        const all = sizes.reduce((sum, size) => sum + size, 0);
        const own = names.reduce((sum, name, at) => sum + shared.get(name)! * sizes[at]!, 0) / all;
        const distances = choices.map(({ realisedDensity }) => Math.abs(realisedDensity - own));
        return distances.indexOf(Math.min(...distances));
      });
    })
    .filter((picks) => meets(problem, picks));
  return ("gain" in goal ? candidates[0] : candidates.at(-1)) ?? null;
};

/** From dense on, again and again the move that costs least for what it gains. */
const greedy = (problem: Problem): Chosen => {
  const { curves, costOf, gainOf, goal } = problem;
  let picks = curves.map(() => 0);
  for (;;) {
    if ("gain" in goal && meets(problem, picks)) return picks;
    let best: { readonly ratio: number; readonly next: number[] } | null = null;
    for (const [i, { choices }] of curves.entries()) {
      const from = choices[picks[i]!]!;
      for (const [k, to] of choices.entries()) {
        const gain = gainOf(to) - gainOf(from);
        if (gain <= 0) continue;
        const ratio = (costOf(to) - costOf(from)) / gain;
        if (best && ratio >= best.ratio) continue;
        const next = picks.with(i, k);
        if ("gain" in goal || meets(problem, next)) best = { ratio, next };
      }
    }
    if (!best) return "gain" in goal ? null : picks;
    picks = best.next;
  }
};

interface State {
  readonly gain: number;
  readonly cost: number;
  readonly pick: number;
  readonly before: State | null;
}

/** States that are kept for each layer. More do not fit; the nearest in gain are then merged, the lower cost with the lower gain. */
const MAX_STATES = 100_000;

/**
 * Of states the ones that no other beats in both, by falling gain. Of so many that they must be merged, each bucket of gains keeps its cheapest, whose
 * gain is its own: what is chosen in the end is real, and perhaps no longer the optimum.
 */
const frontier = (states: State[]): State[] => {
  states.sort((a, b) => b.gain - a.gain || a.cost - b.cost);
  const front: State[] = [];
  for (const state of states) if (front.length === 0 || state.cost < front.at(-1)!.cost) front.push(state);
  if (front.length <= MAX_STATES) return front;
  const [low, high] = [front.at(-1)!.gain, front[0]!.gain];
  const width = (high - low) / MAX_STATES;
  return front.filter((state, i) => {
    const next = front[i + 1];
    return !next || Math.floor((state.gain - low) / width) !== Math.floor((next.gain - low) / width);
  });
};

/**
 * The optimum, by dynamic programming over the sums that can be reached: a knapsack with one choice for each group. Sums that another one
 * beats in cost and gain are left behind. Parameters and milliseconds are as measured, not rounded into buckets, so this is exact (up to 100,000 sums
 * that none beats).
 *
 * {@link https://arxiv.org/abs/2302.04089 ZipLM}, whose table of measured times this is
 */
const dynamic = (problem: Problem): Chosen => {
  const { curves, costOf, gainOf, goal } = problem;
  let states: State[] = [{ gain: 0, cost: 0, pick: 0, before: null }];
  for (const { choices } of curves)
    states = frontier(
      states.flatMap((before) =>
        choices.map((choice, pick) => ({
          gain: before.gain + gainOf(choice),
          cost: before.cost + costOf(choice),
          pick,
          before,
        })),
      ),
    );
  const ends =
    "gain" in goal
      ? states.filter(({ gain }) => gain >= goal.gain - EPSILON * Math.max(1, Math.abs(goal.gain))).at(-1)
      : states.find(({ cost }) => cost <= goal.cost + EPSILON);
  if (!ends) return null;
  const picks: number[] = [];
  for (let state: State = ends; state.before; state = state.before) picks.unshift(state.pick);
  return picks;
};

/** How densities are shared out among layers, by the names that `allocate` and the command line take. */
export const allocationMethods = {
  uniform: { summary: "one density for all layers", choose: uniform },
  erdosRenyi: { summary: "small layers denser, by Erdős and Rényi", choose: erdosRenyi },
  greedy: { summary: "again and again the cheapest move", choose: greedy },
  dynamic: { summary: "the optimum of the measured curves, by dynamic programming", choose: dynamic },
} as const satisfies {
  readonly [name: string]: { readonly summary: string; readonly choose: (problem: Problem) => Chosen };
};

export type AllocationMethod = keyof typeof allocationMethods;
