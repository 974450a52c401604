import { ArgumentError } from "@tessera/tensor";
import type { CriterionName } from "../criteria/criteria.ts";
import type { LayoutName } from "../layouts/layouts.ts";
import { suggestName } from "../nearest-name.ts";
import type { SensitivityRow } from "../sensitivity/sensitivity-row.ts";
import { curvesOf, type Choice, type Curve, type Curves, type RowChoice } from "./curves.ts";
import { allocationMethods, meets, type AllocationMethod, type Problem } from "./methods.ts";
import type { LayerPlan, Patterns } from "./patterns.ts";

/** What a model may have or take at most: one of these. */
export interface Budget {
  /** Parameters of the whole model. */
  readonly parameters?: number | undefined;
  /** Milliseconds of a training step, as the sweep measured them. */
  readonly stepTime?: number | undefined;
  /** How much of the accuracy may be lost, in [0, 1]; parameters become as few as that allows. */
  readonly accuracyDrop?: number | undefined;
}

export interface AllocateOptions extends Budget, RowChoice {
  /** "dynamic" unless given. */
  readonly method?: AllocationMethod | undefined;
  /** Of criteria that draw, in the patterns; 0 unless given. */
  readonly seed?: number | undefined;
}

/** Numbers of a whole model. */
export interface WholeModel {
  readonly loss: number;
  /** `null` where none was measured. */
  readonly accuracy: number | null;
  readonly parameters: number;
  /** `null` where no time was taken. */
  readonly stepMs: number | null;
}

/** A density for each group, and what is expected of it. */
export interface Allocation extends Patterns {
  readonly method: string;
  readonly groups: readonly {
    readonly group: string;
    readonly layers: readonly string[];
    /** As it was asked for in the sweep; 1 is dense. */
    readonly density: number;
    readonly realisedDensity: number;
  }[];
  readonly dense: WholeModel;
  /** As if what single groups add came to the same together. Train the model to know. */
  readonly expected: WholeModel;
}

const OP = "allocate";

/** The budget as a knapsack. @throws ArgumentError unless there is one, which was measured */
export const problemOf = ({ curves, dense }: Curves, budget: Budget): Problem => {
  const { parameters, stepTime, accuracyDrop } = budget;
  const given = Object.entries({ parameters, stepTime, accuracyDrop }).filter(([, value]) => value !== undefined);
  if (given.length !== 1)
    throw new ArgumentError(
      `${OP}: expected one of parameters, stepTime or accuracyDrop, got ${given.map(([name]) => name).join(" and ") || "none"}`,
    );
  const [[name, value]] = given as [[string, number]];
  if (!(Number.isFinite(value) && value >= 0))
    throw new ArgumentError(`${OP}: expected ${name} to be a finite number from 0, got ${value}`);
  const all = curves.flatMap(({ choices }) => choices);
  const costOf = ({ loss }: Choice): number => loss;
  if (parameters !== undefined)
    return { curves, costOf, gainOf: (choice) => choice.parameters, goal: { gain: dense.parameters - parameters } };
  if (stepTime !== undefined) {
    if (dense.stepMs === null || all.some(({ stepMs }) => stepMs === null))
      throw new ArgumentError(`${OP}: expected rows with step times, got some without; run sensitivity with times`);
    return { curves, costOf, gainOf: (choice) => choice.stepMs!, goal: { gain: dense.stepMs - stepTime } };
  }
  if (all.some(({ drop }) => drop === null))
    throw new ArgumentError(`${OP}: expected rows with an accuracy, got some without; give parameters or stepTime`);
  // A gain by chance is no licence to lose more elsewhere.
  return {
    curves,
    costOf: ({ drop }) => Math.max(0, drop!),
    gainOf: (choice) => choice.parameters,
    goal: { cost: accuracyDrop! },
  };
};

/** An allocation of choices, and what is expected of it. */
export const allocationOf = (
  method: string,
  { curves, dense, ...recipe }: Curves,
  picks: readonly number[],
  seed: number,
): Allocation => {
  const chosen = curves.map((curve, i) => ({ curve, choice: curve.choices[picks[i]!]! }));
  const sum = (of: (choice: Choice) => number | null): number | null =>
    chosen.reduce<number | null>((total, { choice }) => {
      const one = of(choice);
      return total === null || one === null ? null : total + one;
    }, 0);
  const minus = (whole: number | null, part: number | null): number | null =>
    whole === null || part === null ? null : whole - part;
  return {
    method,
    groups: chosen.map(({ curve: { group, layers }, choice: { density, realisedDensity } }) => ({
      group,
      layers,
      density,
      realisedDensity,
    })),
    patterns: chosen.flatMap(({ curve, choice }, i) => (picks[i] === 0 ? [] : [planOf(curve, choice, recipe, seed)])),
    dense,
    expected: {
      loss: dense.loss + sum(({ loss }) => loss)!,
      accuracy: minus(
        dense.accuracy,
        sum(({ drop }) => drop),
      ),
      parameters: dense.parameters - sum(({ parameters }) => parameters)!,
      stepMs: minus(
        dense.stepMs,
        sum(({ stepMs }) => stepMs),
      ),
    },
  };
};

const planOf = (
  { layers }: Curve,
  { density }: Choice,
  { blockSize, criterion, layout }: Pick<Curves, "blockSize" | "criterion" | "layout">,
  seed: number,
): LayerPlan => ({
  layers,
  density,
  blockSize,
  criterion: criterion as CriterionName,
  layout: layout as LayoutName,
  seed,
});

/** The error of a budget that no measured density meets. */
export const unreachable = (problem: Problem, { dense }: Curves, budget: Budget): ArgumentError => {
  const max = problem.curves.reduce((total, { choices }) => total + Math.max(...choices.map(problem.gainOf)), 0);
  const [name, whole] =
    budget.parameters === undefined ? ["stepTime", dense.stepMs!] : ["parameters", dense.parameters];
  return new ArgumentError(
    `${OP}: expected ${name} that the measured densities reach, got ${budget.parameters ?? budget.stepTime}; the least is ${whole - max}: measure lower densities, or give more`,
  );
};

/**
 * Shares a budget out among the layers of a model, by what each one was measured to cost alone: rows of `sensitivity` in mode leave-one-out, one
 * group a curve, averaged over seeds.
 *
 * @param rows of one model under one set of conditions
 * @throws ArgumentError when there is not one budget, or the measured densities do not reach it
 * @example
 * const { rows } = await sensitivity({ …, densities: [0.75, 0.5, 0.25, 0.1] });
 * const allocation = allocate(rows, { parameters: 60e6 });
 * allocation.expected.loss; // if costs are additive
 * patcherOf(allocation).patchModel(model);
 */
export const allocate = (rows: readonly SensitivityRow[], options: AllocateOptions): Allocation => {
  const { method = "dynamic", seed = 0 } = options;
  if (!Object.hasOwn(allocationMethods, method))
    throw new ArgumentError(
      `${OP}: expected a method, got "${String(method)}"; ${suggestName(String(method), Object.keys(allocationMethods))}`,
    );
  const curves = curvesOf(rows, options);
  const problem = problemOf(curves, options);
  const picks = allocationMethods[method].choose(problem);
  if (!picks || !meets(problem, picks)) throw unreachable(problem, curves, options);
  return allocationOf(method, curves, picks, seed);
};
