import { RobertaConfig, RobertaForMaskedLM } from "@tessera/models/roberta";
import type { FileStore, Pretrained } from "@tessera/models/hub";
import { manualSeed } from "@tessera/tensor";
import type { ModelKind } from "./model-titles.ts";

/** Tokens of a block, special ones included. */
export const BLOCK_TOKENS = 64;

export interface Sizes {
  readonly layers: number;
  readonly hidden: number;
  readonly vocab: number;
}

/** How a model of some architecture is made and read. */
export interface Architecture {
  readonly create: (sizes: Sizes, seed: number) => RobertaForMaskedLM;
  readonly load: (folder: FileStore) => Promise<Pretrained<RobertaForMaskedLM>>;
}

export const modelKinds = {
  roberta: {
    create: ({ layers, hidden, vocab }, seed) => {
      manualSeed(seed);
      return new RobertaForMaskedLM(
        new RobertaConfig({
          vocabSize: vocab,
          hiddenSize: hidden,
          numHiddenLayers: layers,
          numAttentionHeads: hidden / 32,
          intermediateSize: 4 * hidden,
          // Positions count from padTokenId + 1 = 2.
          maxPositionEmbeddings: BLOCK_TOKENS + 2,
          typeVocabSize: 1,
          // Narrow layers need wider weights than RoBERTa's 0.02, which is for 768 features.
          initializerRange: 0.04 * Math.sqrt(128 / hidden),
          hiddenDropoutProb: 0,
          attentionProbsDropoutProb: 0,
          layerNormEps: 1e-5,
        }),
        // With AdamW alone, or learned positions, attention does not begin to look around in the first minutes.
        { positionInit: "sinusoidal" },
      );
    },
    load: (folder) => RobertaForMaskedLM.fromPretrained(folder),
  },
} as const satisfies { readonly [K in ModelKind]: Architecture };
