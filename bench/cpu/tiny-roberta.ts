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
import { BlockSparseModelPatcher, type PatchPlan } from "@tessera/sparse";
import { Generator, scope, type Tensor } from "@tessera/tensor";
import { indices } from "../random-data.ts";

/** A small RoBERTa and its batch. */
export interface RobertaSizes {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly vocabulary: number;
  readonly batch: number;
  readonly tokens: number;
  /** Of the blocks, where it is patched. */
  readonly blockSize: number;
}

/** The models of the tables, by name. */
export const robertaSizes = {
  "2x128": { layers: 2, hidden: 128, heads: 4, vocabulary: 4096, batch: 16, tokens: 64, blockSize: 8 },
  "4x256": { layers: 4, hidden: 256, heads: 4, vocabulary: 8192, batch: 16, tokens: 64, blockSize: 16 },
} as const satisfies Record<string, RobertaSizes>;

/** Small enough for a trial. */
export const quickSizes: RobertaSizes = {
  layers: 2,
  hidden: 32,
  heads: 2,
  vocabulary: 128,
  batch: 2,
  tokens: 16,
  blockSize: 8,
};

/** As in the demo: feed-forward layers and attention's output, in every layer. */
const PATCHED = /roberta\.encoder\.layer\.[0-9]+\.(attention\.output|intermediate|output)\.dense/;

export const ADAMW = { lr: 1e-3, betas: [0.9, 0.98], weightDecay: 0.01 } as const;
/** Norm that gradients are clipped to. */
export const CLIP = 1;

/** A masked-language-model training, one step at a time. */
export interface RobertaTraining {
  readonly model: RobertaForMaskedLM;
  /** `null` for a dense model. */
  readonly plan: PatchPlan | null;
  /** Draws a batch. */
  inputs(): MaskedLMInputs;
  /** Draws a batch, and gives the loss with the gradients. */
  gradients(): { loss: Tensor; grads: Gradients };
  /** Clips, and updates the model. Consumes the gradients. */
  update(grads: Gradients): void;
  /** Both, in a scope; gives the loss. */
  step(): number;
  dispose(): void;
}

/** The names of the layers that are patched. */
export const patchedLayers = (model: RobertaForMaskedLM): string[] => {
  const whole = new RegExp(`^${PATCHED.source}$`);
  return [...model.namedModules().keys()].filter((name) => whole.test(name));
};

/** @param density of the patched layers; 1 leaves the model dense */
export const tinyRoberta = (sizes: RobertaSizes, density: number): RobertaTraining => {
  const { layers, hidden, heads, vocabulary, batch, tokens, blockSize } = sizes;
  const model = new RobertaForMaskedLM(
    new RobertaConfig({
      vocabSize: vocabulary,
      hiddenSize: hidden,
      numHiddenLayers: layers,
      numAttentionHeads: heads,
      intermediateSize: 4 * hidden,
      // Positions count from padTokenId + 1 = 2.
      maxPositionEmbeddings: tokens + 2,
      typeVocabSize: 1,
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
      layerNormEps: 1e-5,
    }),
    { generator: new Generator(1) },
  );
  const patcher =
    density < 1 ? new BlockSparseModelPatcher().addPattern(PATCHED, { density, blockSize, criterion: "random" }) : null;
  const plan = patcher?.plan(model) ?? null;
  if (patcher && plan) patcher.patchModel(model, plan);
  model.train();
  const { lr, betas, weightDecay } = ADAMW;
  const optimizer = new AdamW(weightDecayGroups(model, { weightDecay }), { lr, betas: [...betas] });
  const lossAndGrads = valueAndGrad(model, (inputs: MaskedLMInputs) => model.forward(inputs).loss!);
  const source = batches(vocabulary, batch, tokens);
  const inputs = (): MaskedLMInputs => source.next().inputs;
  const gradients = (): { loss: Tensor; grads: Gradients } => {
    const { value, grads } = lossAndGrads(inputs());
    return { loss: value, grads };
  };
  const update = (grads: Gradients): void => {
    clipGradNorm(grads, CLIP);
    optimizer.step(grads);
  };
  return {
    model,
    plan,
    inputs,
    gradients,
    update,
    step: () =>
      scope(() => {
        const { loss, grads } = gradients();
        update(grads);
        return loss.itemSync();
      }),
    dispose: () => {
      optimizer.dispose();
      model.dispose();
    },
  };
};

const SPECIAL_TOKENS = 5;

/** Random tokens without padding, masked anew for each batch. */
const batches = (vocabulary: number, batchSize: number, length: number) => {
  const count = 8 * batchSize;
  const ids = indices(count * length, vocabulary - SPECIAL_TOKENS, 9).map((id) => id + SPECIAL_TOKENS);
  const specialTokenIds = new Set(Array.from({ length: SPECIAL_TOKENS }, (_, id) => id));
  const collator = new MlmCollator({ maskTokenId: 4, padTokenId: 1, vocabSize: vocabulary, specialTokenIds });
  const sampler = new BatchSampler({ size: count, batchSize, seed: 1 });
  return maskedLMBatches({ blocks: { ids, count, length, dropped: 0 }, sampler, collator, seed: 1 });
};
