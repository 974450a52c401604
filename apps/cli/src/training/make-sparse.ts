import type { Module, TrainingCallback } from "@tessera/nn";
import {
  BlockSparseModelPatcher,
  gradualPruning,
  movementPruning,
  sparseTrainings,
  type CriterionName,
  type DensityScheduleName,
  type LayoutName,
  type SparseTrainingName,
} from "@tessera/sparse";
import { collectFor, type JudgedLayers } from "./collect-for.ts";
import { planOnHost } from "./patch-model.ts";

/** Layers that become sparse, and how sparse. */
export interface SparseTarget {
  patterns: readonly RegExp[];
  density: number;
  blockSize: number;
  layout: LayoutName;
  /** Those of the recipe, unless a file of patterns has its own. */
  criterion?: CriterionName;
  seed?: number;
}

/** How a model becomes sparse before or while it trains. */
export interface SparseRecipe {
  targets: readonly SparseTarget[];
  criterion: CriterionName;
  /** Batches for a criterion that needs statistics. */
  criterionBatches: number;
  /** Without it layers are sparse from the first step. */
  schedule: { schedule: DensityScheduleName; warmup: number; recovery: number; scope: "layer" | "global" } | undefined;
  dynamic: Exclude<SparseTrainingName, "gradual"> | undefined;
  /** Steps between changes. */
  every: number;
  seed: number;
}

/** Whether a recipe leaves the model as it is. */
export const isPlain = ({ targets, dynamic }: SparseRecipe): boolean => targets.length === 0 && dynamic === undefined;

/** The step from which on a model is as sparse as it will be. */
export const lastChangeOf = ({ schedule }: SparseRecipe, steps: number): number => {
  if (!schedule) return 0;
  return schedule.schedule === "oneShot" ? schedule.warmup : steps - schedule.recovery;
};

/**
 * Makes layers of a model block-sparse, and makes the callbacks that change them while it trains. Equal models, batches and seeds give equal layouts.
 *
 * @param batches makes what a criterion looks at: the same ones each time
 */
export const makeSparse = async <Batch>(
  model: Module & { forward(batch: Batch): unknown },
  recipe: SparseRecipe,
  batches: () => Iterable<Batch>,
  signal?: AbortSignal,
): Promise<TrainingCallback[]> => {
  const { targets, schedule, dynamic, every, seed } = recipe;
  if (targets.length > 0) {
    const statistics = schedule ? undefined : await collectFor(model, judgedLayersOf(recipe), batches, signal);
    const patcher = new BlockSparseModelPatcher();
    for (const { patterns, density, blockSize, layout, criterion = recipe.criterion, ...own } of targets)
      for (const pattern of patterns)
        patcher.addPattern(
          pattern,
          // A schedule begins with every block.
          schedule
            ? { density: 1, blockSize }
            : { density, blockSize, layout, criterion, seed: own.seed ?? seed, statistics },
        );
    patcher.patchModel(model, await planOnHost(model, patcher));
  }
  if (schedule)
    return targets.map(({ patterns, density, criterion = recipe.criterion, ...own }, i) => {
      const name = `${dynamic === "movement" ? "movementPruning" : "gradualPruning"}${i === 0 ? "" : i + 1}`;
      const options = { ...schedule, density, every, seed: own.seed ?? seed, name, layers: patterns };
      return dynamic === "movement"
        ? movementPruning(options)
        : gradualPruning<Batch>({ ...options, criterion, batches });
    });
  return dynamic === undefined || dynamic === "movement" ? [] : [sparseTrainings[dynamic]({ every, seed })];
};

const judgedLayersOf = ({ targets, criterion }: SparseRecipe): JudgedLayers[] =>
  targets.map(({ patterns, blockSize, ...own }) => ({
    layers: patterns,
    blockSize,
    criterion: own.criterion ?? criterion,
  }));

/** Says in words what a recipe does. */
export const describeRecipe = ({ targets, schedule, dynamic, ...recipe }: SparseRecipe): string | undefined => {
  if (targets.length === 0) return dynamic && `moved by ${dynamic}`;
  const how = schedule ? `${schedule.schedule} schedule, ${schedule.scope} competition` : "from the first step";
  const names = new Set(targets.map(({ criterion = recipe.criterion }) => criterion));
  const by = dynamic === "movement" ? "learned scores (movement)" : [...names].join(", ");
  return `blocks by ${by}, ${how}${dynamic && dynamic !== "movement" ? `, moved by ${dynamic}` : ""}`;
};
