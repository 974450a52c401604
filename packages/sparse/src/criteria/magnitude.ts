import { sumOverBlocks, type BlockCriterion } from "./block-criterion.ts";

/** ‖W_block‖₂: the blocks with the largest weights stay. The default. */
export const magnitude = (): BlockCriterion => ({
  name: "magnitude",
  scores: (layer) => sumOverBlocks(layer, (at) => layer.weight[at]! ** 2).map(Math.sqrt),
});

/** ‖W_block‖₁, the sum of absolute weights: less swayed by single large ones. */
export const magnitudeL1 = (): BlockCriterion => ({
  name: "magnitudeL1",
  scores: (layer) => sumOverBlocks(layer, (at) => Math.abs(layer.weight[at]!)),
});
