import { sumOverBlocks, type BlockCriterion } from "./block-criterion.ts";

/** ‖W_block‖₂: the blocks with the largest weights stay. The default. */
export const magnitude = (): BlockCriterion => ({
  name: "magnitude",
  scores: (layer) => sumOverBlocks(layer, (at) => layer.weight[at]! ** 2).map(Math.sqrt),
});
