import { sumOverBlocks, measuredOf, type BlockCriterion, type Measured } from "./block-criterion.ts";

/**
 * Σ_block |W[o, i]| · ‖x_i‖₂: weights count by how strong the inputs are that they see.
 *
 * {@link https://arxiv.org/abs/2306.11695 Sun et al. 2023} (Wanda), summed over blocks
 *
 * @param norms ‖x_i‖₂ of each input feature over some data, by layer path, `[in]` each
 * @throws ArgumentError, when it is asked, for a layer that is not in `norms`.
 */
export const activationWeighted = (norms: Measured): BlockCriterion => ({
  name: "activationWeighted",
  scores: (layer) => {
    const strength = measuredOf("activationWeighted", norms, layer.name, [layer.inFeatures]);
    return sumOverBlocks(layer, (at, _, i) => Math.abs(layer.weight[at]!) * strength[i]!);
  },
});
