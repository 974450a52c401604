import type { BlockCriterion } from "./block-criterion.ts";
import { sumsOf, type Statistics } from "./statistics.ts";

/**
 * −Σ_t Σ_block W ⊙ dL/dW: blocks whose weights training drives away from zero stay, those that it drives towards zero go. By block:
 * {@link https://arxiv.org/abs/2109.04838 Lagunas et al. 2021}. `movementPruning` sums it over the steps of a training.
 *
 * {@link https://arxiv.org/abs/2005.07683 Sanh, Wolf and Rush 2020}
 *
 * @throws ArgumentError, when it is asked, for a layer that is not in the statistics.
 */
export const movement = (statistics: Statistics): BlockCriterion => ({
  name: "movement",
  scores: (layer) => sumsOf("movement", statistics, layer, "gradientTimesWeight").map((sum) => (sum === 0 ? 0 : -sum)),
});

/**
 * The mean over batches of |Σ_block W ⊙ dL/dW|: how much the loss of a batch would change, to first order, without the block.
 *
 * {@link https://arxiv.org/abs/1611.06440 Molchanov et al. 2017}, {@link https://arxiv.org/abs/1906.10771 2019}
 *
 * @throws ArgumentError, when it is asked, for a layer that is not in the statistics.
 */
export const taylor = (statistics: Statistics): BlockCriterion => ({
  name: "taylor",
  scores: (layer) =>
    sumsOf("taylor", statistics, layer, "absGradientTimesWeight").map((sum) => sum / statistics.batches),
});

/**
 * ½ Σ_block F W² with the diagonal of the empirical Fisher information, F = the mean over batches of (dL/dW)²: how much the loss rises, to second
 * order, without the block, where the gradient is zero on average. With batches of one text F is the usual one; larger ones make it
 * smaller and rougher. It holds where it was taken: collect anew between steps of pruning.
 *
 * {@link https://arxiv.org/abs/2203.07259 Kurtic et al. 2022} (oBERT, whose blocks of the Fisher matrix are whole; here its diagonal)
 *
 * @throws ArgumentError, when it is asked, for a layer that is not in the statistics.
 */
export const fisher = (statistics: Statistics): BlockCriterion => ({
  name: "fisher",
  scores: (layer) =>
    sumsOf("fisher", statistics, layer, "squaredGradientTimesWeight").map((sum) => sum / (2 * statistics.batches)),
});
