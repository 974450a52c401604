import type { Linear } from "@tessera/nn";
import { scope } from "@tessera/tensor";
import { blockIndex } from "./block-index.ts";
import { BlockSparseLinear } from "./block-sparse-linear.ts";
import { gatherBlocks, scatterBlocks } from "./ops/block-copy/block-copy.ts";
import type { PlannedLayer } from "./patch-plan.ts";
import type { Prepared } from "./replace-layers.ts";

/** A block-sparse layer for the place of a dense one, as planned; the bias is the same parameter in both. */
export const sparsify = (linear: Linear, { name, shape, layout, recipe }: PlannedLayer): Prepared => {
  const layer = BlockSparseLinear.fromLinear(linear, { layout, recipe, bias: linear.bias ?? undefined });
  return {
    name,
    layer,
    from: linear.weight,
    to: layer.values,
    convert: (state) => scope(() => gatherBlocks(state, blockIndex(layout, shape, state.device))),
    undo: () => disposeButBias(layer),
    done: () => linear.weight.dispose(),
  };
};

/** A dense layer for the place of a block-sparse one; the bias is the same parameter in both. */
export const densify = (name: string, layer: BlockSparseLinear): Prepared => {
  const { layout, shape } = layer;
  const linear = layer.toLinear({ bias: layer.bias ?? undefined });
  return {
    name,
    layer: linear,
    from: layer.values,
    to: linear.weight,
    convert: (state) => scope(() => scatterBlocks({ ...blockIndex(layout, shape, state.device), values: state })),
    undo: () => linear.weight.dispose(),
    done: () => disposeButBias(layer),
  };
};

/** Frees the weight and the index of a layer whose bias lives on in another. */
export const disposeButBias = (layer: BlockSparseLinear): void => {
  for (const tensor of [layer.values, ...layer.namedBuffers().values()]) tensor.dispose();
};
