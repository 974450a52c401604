import "./vjps.ts";

export { blockIndex, type BlockIndex, type BlockSparse } from "./block-index.ts";
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
export { sumOverBlocks, type BlockCriterion, type JudgedLayer, type Measured } from "./criteria/block-criterion.ts";
export { magnitude } from "./criteria/magnitude.ts";
export { movement, saliency } from "./criteria/movement.ts";
export { random } from "./criteria/random.ts";
export { criteria, type CriterionName } from "./criteria/criteria.ts";
export type { LayerPattern } from "./layer-pattern.ts";
export type { LayoutOptions } from "./layout-options.ts";
export { BlockSparseModelPatcher, type PatchableLayer, type PatchOptions } from "./model-patcher.ts";
export { gatherBlocks, scatterBlocks } from "./ops/block-copy/block-copy.ts";
export { blockSparseLinear, dds, dsd, sdd } from "./ops/block-matmul/block-matmul.ts";
export { PatchError } from "./patch-error.ts";
export { PatchPlan, type Change, type KeptLayer, type PlannedLayer } from "./patch-plan.ts";
export { PatchReport } from "./patch-report.ts";
export { balancedMask } from "./patterns/balanced-mask.ts";
export { selectBlocks, type Selection } from "./patterns/select-blocks.ts";
export { regrow, type Regrown, type RegrowOptions } from "./regrow.ts";
export type { Replacement } from "./replace-layers.ts";
export { cubicDensity, type CubicDensityOptions } from "./schedules/cubic-density.ts";
export {
  applySparseLayouts,
  denseStateDict,
  sparseLayoutsOf,
  type SparseLayerDescription,
  type SparseLayouts,
} from "./sparse-checkpoint.ts";
