import { sumOverBlocks, type BlockCriterion } from "./block-criterion.ts";
import { sumsOf, type Statistics } from "./statistics.ts";

/**
 * Σ_block |W[o, i]| · ‖x_i‖₂: weights count by how strong the inputs are that they see, over all tokens that were collected.
 *
 * {@link https://arxiv.org/abs/2306.11695 Sun et al. 2023} (Wanda), summed over blocks
 *
 * @throws ArgumentError, when it is asked, for a layer that is not in the statistics.
 */
export const activationWeighted = (statistics: Statistics): BlockCriterion => ({
  name: "activationWeighted",
  scores: (layer) => {
    const norms = sumsOf("activationWeighted", statistics, layer, "inputSquares").map(Math.sqrt);
    return sumOverBlocks(layer, (at, _, i) => Math.abs(layer.weight[at]!) * norms[i]!);
  },
});
