import { valueAndGrad, type Gradients } from "@tessera/autograd";
import {
  BatchSampler,
  maskedLMBatches,
  MlmCollator,
  RobertaConfig,
  RobertaForMaskedLM,
  weightDecayGroups,
  type MaskedLMInputs,
} from "@tessera/models";
import { AdamW, clipGradNorm } from "@tessera/nn";
import { BlockSparseModelPatcher } from "@tessera/sparse";
import { Generator, scope, type Tensor } from "@tessera/tensor";
import { CheckError } from "../check.ts";
import { indices } from "../random-data.ts";
import type { ModelSizes } from "./model-sizes.ts";

/** Attention's output and both feed-forward layers, in every layer: the patterns of the sparse tutorial. */
const PATCHED = /roberta\.encoder\.layer\.[0-9]+\.(attention\.output|intermediate|output)\.dense/;

/** How a model is trained: dense, or with blocks of some size at some density. */
export interface Variant {
  readonly density: number;
  readonly blockSize: number;
  readonly dropout: number;
}

export const denseVariant: Variant = { density: 1, blockSize: 0, dropout: 0 };

/** A masked-language-model training on the default device. */
export interface RobertaTraining {
  readonly parameters: number;
  /** Draws and masks a batch, and gives the loss with the gradients. */
  gradients(): { loss: Tensor; grads: Gradients };
  /** A whole step: batch, forward, backward, clip and update. Reads the loss, later, when asked for it. */
  step(): void;
  step(read: "loss"): Promise<number>;
  dispose(): void;
}

/** @throws CheckError when a dense model has not the parameters it should. */
export const robertaTraining = (sizes: ModelSizes, { density, blockSize, dropout }: Variant): RobertaTraining => {
  const { layers, hidden, heads, vocabulary, positions, parameters } = sizes;
  const model = new RobertaForMaskedLM(
    new RobertaConfig({
      vocabSize: vocabulary,
      hiddenSize: hidden,
      numHiddenLayers: layers,
      numAttentionHeads: heads,
      intermediateSize: 4 * hidden,
      maxPositionEmbeddings: positions,
      typeVocabSize: 1,
      hiddenDropoutProb: dropout,
      attentionProbsDropoutProb: dropout,
      layerNormEps: 1e-5,
    }),
    { generator: new Generator(1) },
  );
  if (model.numParameters() !== parameters)
    throw new CheckError(`${sizes.name}: expected ${parameters} parameters, got ${model.numParameters()}`);
  if (density < 1)
    new BlockSparseModelPatcher()
      .addPattern(PATCHED, { density, blockSize, criterion: "random", seed: 1 })
      .patchModel(model);
  model.train();
  const optimizer = new AdamW(weightDecayGroups(model, { weightDecay: 0.01 }), { lr: 1e-4 });
  const lossAndGrads = valueAndGrad(model, (inputs: MaskedLMInputs) => model.forward(inputs).loss!);
  const source = batches(sizes);
  const gradients = (): { loss: Tensor; grads: Gradients } => {
    const { value, grads } = lossAndGrads(source.next().inputs);
    return { loss: value, grads };
  };
  function step(): void;
  function step(read: "loss"): Promise<number>;
  function step(read?: "loss"): Promise<number> | void {
    let loss: Promise<number> | undefined;
    scope((): void => {
      const { loss: value, grads } = gradients();
      clipGradNorm(grads, 1);
      optimizer.step(grads);
      if (read) loss = value.item();
    });
    return loss;
  }
  return {
    parameters: model.numParameters(),
    gradients,
    step,
    dispose: () => {
      optimizer.dispose();
      model.dispose();
    },
  };
};

const SPECIAL_TOKENS = 5;

/** Random tokens without padding, masked anew for each batch. */
const batches = ({ vocabulary, batch: batchSize, tokens: length }: ModelSizes) => {
  const count = 8 * batchSize;
  const ids = indices(count * length, vocabulary - SPECIAL_TOKENS, 9).map((id) => id + SPECIAL_TOKENS);
  const specialTokenIds = new Set(Array.from({ length: SPECIAL_TOKENS }, (_, id) => id));
  const collator = new MlmCollator({ maskTokenId: 4, padTokenId: 1, vocabSize: vocabulary, specialTokenIds });
  const sampler = new BatchSampler({ size: count, batchSize, seed: 1 });
  return maskedLMBatches({ blocks: { ids, count, length, dropped: 0 }, sampler, collator, seed: 1 });
};
