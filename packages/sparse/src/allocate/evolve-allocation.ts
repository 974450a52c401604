import { ArgumentError } from "@tessera/tensor";
import { checkCount, checkSeed } from "@tessera/tensor/extend";
import { LayoutRandom } from "../layout-random.ts";
import type { SensitivityRow } from "../sensitivity/sensitivity-row.ts";
import { allocationOf, problemOf, unreachable, type AllocateOptions, type Allocation } from "./allocate.ts";
import { curvesOf } from "./curves.ts";
import { allocationMethods, meets, type Problem } from "./methods.ts";

export interface EvolveOptions extends Omit<AllocateOptions, "accuracyDrop"> {
  /** The loss of the whole model with an allocation: patch it by its patterns, train it if you like, evaluate it. Finite. */
  evaluate(allocation: Allocation): Promise<number>;
  /** 20 unless given. */
  readonly generations?: number | undefined;
  /** Children of a generation; 8 unless given. */
  readonly offspring?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?:
    | ((progress: { readonly generation: number; readonly generations: number; readonly loss: number }) => void)
    | undefined;
}

/** An allocation whose loss was measured. */
export interface EvolvedAllocation extends Allocation {
  readonly loss: number;
  /** Different models that were evaluated. */
  readonly evaluations: number;
}

/** Tries to make a child that still meets the budget. */
const ATTEMPTS = 100;

/**
 * A neighbour within the budget: some groups get denser by a step, then random ones get sparser until the budget is met again. EvoPress calls it a
 * level switch.
 */
const mutate = (problem: Problem, parent: readonly number[], random: LayoutRandom): readonly number[] | null => {
  const { curves } = problem;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const picks = [...parent];
    const raised = new Set<number>();
    for (let switches = 1 + Math.min(random.below(3), random.below(3)); switches > 0; switches--) {
      const i = random.below(curves.length);
      if (picks[i]! === 0) continue;
      picks[i]!--;
      raised.add(i);
    }
    const open = random
      .permutation(curves.length)
      .filter((i) => !raised.has(i) && picks[i]! < curves[i]!.choices.length - 1);
    while (!meets(problem, picks) && open.length > 0) {
      const at = random.below(open.length);
      const i = open[at]!;
      picks[i]!++;
      if (picks[i]! === curves[i]!.choices.length - 1) open.splice(at, 1);
    }
    if (meets(problem, picks) && picks.some((pick, i) => pick !== parent[i])) return picks;
  }
  return null;
};

/**
 * Searches the densities of all layers by evaluating whole models, because layers are not independent: each generation mutates the best allocation so far, within
 * the budget, and the best of all goes on. It begins with the optimum of the measured curves.
 *
 * {@link https://arxiv.org/abs/2410.14649 EvoPress}
 *
 * @throws ArgumentError as `allocate` does, and when `evaluate` gives no finite number
 * @throws what `evaluate` throws, and the reason of the signal
 * @example
 * const found = await evolveAllocation(rows, {
 *   parameters: 60e6,
 *   evaluate: async (allocation) => {
 *     const model = await load();
 *     patcherOf(allocation).patchModel(model);
 *     const { loss } = await evaluateMaskedLM(model, epoch());
 *     model.dispose();
 *     return loss;
 *   },
 * });
 */
export const evolveAllocation = async (
  rows: readonly SensitivityRow[],
  options: EvolveOptions,
): Promise<EvolvedAllocation> => {
  const { generations = 20, offspring = 8, seed = 0, method = "dynamic", signal, onProgress } = options;
  checkCount("evolveAllocation", "generations", generations, 0);
  checkCount("evolveAllocation", "offspring", offspring, 1);
  checkSeed("evolveAllocation", seed);
  const curves = curvesOf(rows, options);
  const problem = problemOf(curves, { parameters: options.parameters, stepTime: options.stepTime });
  const start = allocationMethods[method].choose(problem);
  if (!start) throw unreachable(problem, curves, options);
  const random = new LayoutRandom(seed);
  const losses = new Map<string, number>();
  const evaluate = async (picks: readonly number[]): Promise<number> => {
    const known = losses.get(picks.join());
    if (known !== undefined) return known;
    signal?.throwIfAborted();
    const loss = await options.evaluate(allocationOf("evolutionary", curves, picks, seed));
    if (!Number.isFinite(loss))
      throw new ArgumentError(`evolveAllocation: expected evaluate to give a finite loss, got ${loss}`);
    losses.set(picks.join(), loss);
    return loss;
  };
  let best = { picks: start, loss: await evaluate(start) };
  for (let generation = 1; generation <= generations; generation++) {
    const parent = best.picks;
    for (let child = 0; child < offspring; child++) {
      const picks = mutate(problem, parent, random);
      if (!picks) continue;
      const loss = await evaluate(picks);
      if (loss < best.loss) best = { picks, loss };
    }
    onProgress?.({ generation, generations, loss: best.loss });
  }
  return { ...allocationOf("evolutionary", curves, best.picks, seed), loss: best.loss, evaluations: losses.size };
};
