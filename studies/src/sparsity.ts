import { patching } from "@tessera/cli/internal/training/recipes";
import type { SparseRecipe, SparseTarget } from "@tessera/cli/internal/training/make-sparse";
import type { LayerPlan } from "@tessera/sparse";
import type { LayerSet, Sparsity } from "./cell.ts";

const exactly = (name: string): RegExp => new RegExp(name.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));

/** Every linear layer of the encoder: query, key, value, output of attention, and both of the feed-forward part. */
export const ENCODER_LAYERS = /roberta\.encoder\.layer\.[0-9]+\..*(?:query|key|value|dense)/;

export const patternsOf = (layers: LayerSet): readonly RegExp[] =>
  layers === "article" ? patching.patterns : layers === "all" ? [ENCODER_LAYERS] : [exactly(layers.layer)];

/** Steps before the first change, and after the last one in which what is left recovers, as shares of a training. */
const WARMUP = 0.1;
const RECOVERY = 0.4;
/** Changes of layouts in a training. */
const PRUNINGS = 20;
const REWIRINGS = 10;

export interface RecipeOptions {
  readonly steps: number;
  readonly seed: number;
  /** Batches for a criterion. */
  readonly calibration: number;
  /** Densities of single layers, in place of one for all. */
  readonly plans?: readonly LayerPlan[] | undefined;
}

/** A sparsity as the command line's recipe. */
export const recipeOf = (sparsity: Sparsity, { steps, seed, calibration, plans }: RecipeOptions): SparseRecipe => {
  const { layers, density, blockSize, by, layout = "best", when, scope = "layer", dynamic } = sparsity;
  const targets: SparseTarget[] = plans
    ? plans.map((plan) => ({ patterns: plan.layers.map(exactly), density: plan.density, blockSize, layout }))
    : [{ patterns: patternsOf(layers), density, blockSize, layout }];
  const share = (part: number): number => Math.round(part * steps);
  const changes = dynamic === "set" || dynamic === "rigl" ? REWIRINGS : PRUNINGS;
  return {
    targets,
    criterion: by,
    criterionBatches: calibration,
    schedule:
      when === "cubic" || when === "oneShot"
        ? { schedule: when, warmup: share(WARMUP), recovery: share(RECOVERY), scope }
        : undefined,
    dynamic,
    every: Math.max(1, Math.round(steps / changes)),
    seed,
  };
};
