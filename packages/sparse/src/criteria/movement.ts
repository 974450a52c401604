import { sumOverBlocks, measuredOf, type BlockCriterion, type Measured } from "./block-criterion.ts";

/**
 * −Σ_block Σ_t W ⊙ dL/dW: blocks whose weights training drives away from zero stay, those that it drives towards zero go.
 *
 * {@link https://arxiv.org/abs/2005.07683 Sanh, Wolf and Rush 2020}
 *
 * @param sums Σ_t W ⊙ dL/dW over some training steps, by parameter name (`encoder.layer.0.dense.weight`), `[out, in]` each
 * @throws ArgumentError, when it is asked, for a layer that is not in `sums`.
 */
export const movement = (sums: Measured): BlockCriterion => ({
  name: "movement",
  scores: (layer) => {
    const moved = measuredOf("movement", sums, `${layer.name}.weight`, [layer.outFeatures, layer.inFeatures]);
    return sumOverBlocks(layer, (at) => -moved[at]!);
  },
});

/**
 * |Σ_block Σ_t W ⊙ dL/dW|: how much the loss would change, to first order, without the block.
 *
 * {@link https://arxiv.org/abs/1906.10771 Molchanov et al. 2019}
 *
 * @param sums as for `movement`
 */
export const saliency = (sums: Measured): BlockCriterion => ({
  name: "saliency",
  scores: (layer) => {
    const moved = measuredOf("saliency", sums, `${layer.name}.weight`, [layer.outFeatures, layer.inFeatures]);
    return sumOverBlocks(layer, (at) => moved[at]!).map(Math.abs);
  },
});
