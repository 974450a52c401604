import type { Module, Optimizer } from "@tessera/nn";
import { BlockLayout } from "./block-layout.ts";
import { sparseLayersOf, type LayerChoice } from "./sparse-layers.ts";
import { optimizersOf } from "./training/sparse-training.ts";

/**
 * Stores every block of block-sparse layers again: those that were missing start at zero, so the model computes what it did, and train from there on. The
 * last third of dense–sparse–dense training. `BlockSparseModelPatcher.unpatch` makes `Linear` layers of them.
 *
 * {@link https://arxiv.org/abs/1607.04381 Han et al. 2017}
 *
 * @param options `layers`: which ones; all, unless given. `optimizers` that have their values, whose moments of new blocks are zero.
 * @throws ArgumentError when no layer is block-sparse.
 * @example
 * densify(model, { optimizers: [optimizer] });
 */
export const densify = (
  model: Module,
  {
    layers,
    optimizers = [],
  }: { readonly layers?: LayerChoice; readonly optimizers?: readonly Optimizer[] | undefined } = {},
): void => {
  for (const layer of sparseLayersOf("densify", model, layers).values()) {
    const { rows, cols, blockSize } = layer.layout;
    layer.setLayout(
      BlockLayout.dense(rows, cols, blockSize),
      ...optimizers.flatMap((optimizer) => optimizersOf(layer, optimizer)),
    );
  }
};
