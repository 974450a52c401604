import { valueAndGrad } from "@tessera/autograd";
import type { BatchSource } from "@tessera/models/training";
import { RobertaForMaskedLM } from "@tessera/models/roberta";
import { denseStateDict, sumOverBlocks } from "@tessera/sparse";
import { scope, type Backend } from "@tessera/tensor";
import { sparseLayersOf } from "./change-blocks.ts";

type Inputs = Parameters<RobertaForMaskedLM["forward"]>[0];

/**
 * How much the loss would change with each block of the sparse layers, stored or not: the norm of its gradient on one batch, of a dense
 * copy of the model that lives for this one gradient. RigL grows where it is largest.
 *
 * Source: Evci et al. 2020, <https://arxiv.org/abs/1911.11134>.
 */
export const denseGradientNorms = async (
  model: RobertaForMaskedLM,
  batches: BatchSource<Inputs>,
  device: Backend,
): Promise<Map<string, Float64Array>> => {
  const copy = new RobertaForMaskedLM(model.config, { device });
  try {
    scope((): void => void copy.loadStateDict(denseStateDict(model)));
    const layers = sparseLayersOf(model);
    const step = valueAndGrad(copy, (inputs: Inputs) => ({ loss: copy.forward(inputs).loss! }));
    const read = scope(() => {
      const { grads } = step(batches.next().inputs);
      return { all: Promise.all(layers.map(([name]) => grads.get(`${name}.weight`)!.data())) };
    });
    const gradients = await read.all;
    return new Map(
      layers.map(([name, { outFeatures, inFeatures, blockSize }], i) => {
        const gradient = gradients[i]!;
        const squares = sumOverBlocks({ outFeatures, inFeatures, blockSize }, (at) => gradient[at]! ** 2);
        return [name, squares.map(Math.sqrt)] as const;
      }),
    );
  } finally {
    copy.dispose();
  }
};
