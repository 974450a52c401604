import "./vjps.ts";

export { allocate, type AllocateOptions, type Allocation, type Budget, type WholeModel } from "./allocate/allocate.ts";
export type { RowChoice } from "./allocate/curves.ts";
export { evolveAllocation, type EvolvedAllocation, type EvolveOptions } from "./allocate/evolve-allocation.ts";
export { allocationMethods, type AllocationMethod } from "./allocate/methods.ts";
export { checkPatterns, patchByPatterns, patcherOf, type LayerPlan, type Patterns } from "./allocate/patterns.ts";
export { blockIndex, type BlockIndex, type BlockSparse } from "./block-index.ts";
export { blockGradientNorms, type GradientNormOptions } from "./block-gradient-norms.ts";
export { BlockLayout, type BalancedOptions, type BlockIndices, type BlockMask } from "./block-layout.ts";
export {
  BlockSparseLinear,
  type BlockSparseLinearOptions,
  type FromLinearOptions,
  type FromStateDictOptions,
  type PatchRecipe,
} from "./block-sparse-linear.ts";
export { BlockSparseMatrix, type BlockSparseMatrixOptions } from "./block-sparse-matrix.ts";
export { breakEvenShare } from "./break-even.ts";
export { activationWeighted } from "./criteria/activation-weighted.ts";
export { sumOverBlocks, type BlockCriterion, type JudgedLayer } from "./criteria/block-criterion.ts";
export { collect, type CollectOptions } from "./criteria/collect.ts";
export { criteria, type CriterionDefinition, type CriterionName } from "./criteria/criteria.ts";
export { fisher, movement, taylor } from "./criteria/gradient-criteria.ts";
export { magnitude, magnitudeL1 } from "./criteria/magnitude.ts";
export { random } from "./criteria/random.ts";
export { statisticNames, type LayerStatistics, type StatisticName, type Statistics } from "./criteria/statistics.ts";
export { densify } from "./densify.ts";
export type { LayerPattern } from "./layer-pattern.ts";
export type { LayoutOptions } from "./layout-options.ts";
export { balanced } from "./layouts/balanced.ts";
export { banded } from "./layouts/banded.ts";
export { best } from "./layouts/best.ts";
export { butterfly } from "./layouts/butterfly.ts";
export type { LayoutRequest, LayoutRule } from "./layouts/layout-rule.ts";
export { layouts, type LayoutName } from "./layouts/layouts.ts";
export { localGlobal } from "./layouts/local-global.ts";
export { nOfM } from "./layouts/n-of-m.ts";
export { ownMask, readMasks, type GivenMask, type Masks } from "./layouts/own-mask.ts";
export { perHead, type PerHeadOptions } from "./layouts/per-head.ts";
export { BlockSparseModelPatcher, type PatchableLayer, type PatchOptions } from "./model-patcher.ts";
export { gatherBlocks, scatterBlocks } from "./ops/block-copy/block-copy.ts";
export { blockSparseLinear, dds, dsd, sdd } from "./ops/block-matmul/block-matmul.ts";
export { PatchError } from "./patch-error.ts";
export { PatchPlan, type Change, type KeptLayer, type PlannedLayer } from "./patch-plan.ts";
export { PatchReport } from "./patch-report.ts";
export { balancedMask } from "./patterns/balanced-mask.ts";
export { dropWeakest, type Competitor } from "./patterns/drop-weakest.ts";
export { erdosRenyiDensities, type SharedLayer } from "./patterns/erdos-renyi.ts";
export { selectBlocks, type Selection } from "./patterns/select-blocks.ts";
export { regrow, type Regrown, type RegrowOptions } from "./regrow.ts";
export type { Replacement } from "./replace-layers.ts";
export { cubicDensity, type CubicDensityOptions } from "./schedules/cubic-density.ts";
export {
  densitySchedules,
  linearDensity,
  oneShotDensity,
  type DensityOptions,
  type DensityScheduleName,
} from "./schedules/density-schedules.ts";
export type { LayerChoice } from "./sparse-layers.ts";
export {
  applySparseLayouts,
  denseStateDict,
  sparseLayoutsOf,
  type SparseLayerDescription,
  type SparseLayouts,
} from "./sparse-checkpoint.ts";
export { planSensitivity, type SensitivityPlan } from "./sensitivity/plan-sensitivity.ts";
export { sensitivity, type SensitivityResult } from "./sensitivity/sensitivity.ts";
export type {
  CellContext,
  Evaluation,
  Recovery,
  RecoveryContext,
  SensitivityOptions,
  SensitivityProgress,
  TimedRuns,
} from "./sensitivity/sensitivity-options.ts";
export {
  sensitivityModes,
  type SensitivityCell,
  type SensitivityMode,
  type SensitivityRow,
  type Spread,
} from "./sensitivity/sensitivity-row.ts";
export { SensitivityError, SensitivityRunner } from "./sensitivity/sensitivity-runner.ts";
export { memoryStore, type SensitivityStore } from "./sensitivity/sensitivity-store.ts";
export { gradualPruning, type GradualPruningOptions, type PruningSchedule } from "./training/gradual-pruning.ts";
export { movementPruning, type MovementPruningOptions } from "./training/movement-pruning.ts";
export { rigl, sparseEvolution, type RewiringOptions } from "./training/rewiring.ts";
export type { SparseTrainingOptions } from "./training/sparse-training.ts";
export { sparseTrainings, type SparseTrainingName } from "./training/sparse-trainings.ts";
