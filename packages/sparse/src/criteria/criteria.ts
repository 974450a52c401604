import { ArgumentError } from "@tessera/tensor";
import { activationWeighted } from "./activation-weighted.ts";
import type { BlockCriterion } from "./block-criterion.ts";
import { fisher, movement, taylor } from "./gradient-criteria.ts";
import { magnitude, magnitudeL1 } from "./magnitude.ts";
import { random } from "./random.ts";
import type { StatisticName, Statistics } from "./statistics.ts";

/** A way to judge blocks, as a row of `criteria`. */
export interface CriterionDefinition {
  /** In a few words, for help texts. */
  readonly summary: string;
  /** What `collect` has to sum for it; nothing, for one that looks at the weights alone. */
  readonly needs: readonly StatisticName[];
  /** Whether it draws, so that another seed gives other scores. */
  readonly draws: boolean;
  /** @param statistics for one that needs none, they are not looked at */
  readonly create: (statistics: Statistics) => BlockCriterion;
}

/**
 * All criteria, by the names that `addPattern`, `collect`, the callbacks of sparse training and the command line take. One of your own is a
 * `BlockCriterion`, passed as a value.
 *
 * @example
 * const statistics = await collect(model, batches, "taylor");
 * const scores = criteria.taylor.create(statistics).scores(layer);
 */
export const criteria = {
  magnitude: { summary: "largest weights, ‖W‖₂", needs: [], draws: false, create: magnitude },
  magnitudeL1: { summary: "largest weights, ‖W‖₁", needs: [], draws: false, create: magnitudeL1 },
  random: { summary: "any, by the seed", needs: [], draws: true, create: random },
  taylor: {
    summary: "largest first-order change of the loss, |Σ W ⊙ dL/dW|",
    needs: ["absGradientTimesWeight"],
    draws: false,
    create: taylor,
  },
  movement: {
    summary: "weights that training drives away from zero, −Σ W ⊙ dL/dW",
    needs: ["gradientTimesWeight"],
    draws: false,
    create: movement,
  },
  activationWeighted: {
    summary: "weights by the strength of their inputs, Σ |W| ‖x‖ (Wanda)",
    needs: ["inputSquares"],
    draws: false,
    create: activationWeighted,
  },
  fisher: {
    summary: "largest second-order change of the loss, ½ Σ F W² with the diagonal Fisher",
    needs: ["squaredGradientTimesWeight"],
    draws: false,
    create: fisher,
  },
} as const satisfies { readonly [name: string]: CriterionDefinition };

export type CriterionName = keyof typeof criteria;

const nothing: Statistics = { batches: 0, layers: new Map() };

/**
 * A criterion by its name, or as it is.
 *
 * @throws ArgumentError with the names that exist, for any other, and for one that needs statistics and gets none.
 */
export const criterionOf = (
  op: string,
  criterion: BlockCriterion | CriterionName,
  statistics?: Statistics,
): BlockCriterion => {
  if (typeof criterion !== "string") return criterion;
  const { needs, create } = definitionOf(op, criterion);
  if (needs.length > 0 && !statistics)
    throw new ArgumentError(
      `${op}: expected statistics beside the criterion "${criterion}", got none; gather them with await collect(model, batches, "${criterion}")`,
    );
  return create(statistics ?? nothing);
};

/** The row of a criterion. @throws ArgumentError with the names that exist, for any other. */
export const definitionOf = (op: string, name: string): CriterionDefinition => {
  if (Object.hasOwn(criteria, name)) return criteria[name as CriterionName];
  const names = Object.keys(criteria).map((known) => `"${known}"`);
  throw new ArgumentError(
    `${op}: expected the criterion ${names.join(" or ")}, got "${String(name)}"; pass any other as a value`,
  );
};
