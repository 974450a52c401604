import type { EncoderOptions } from "../../model-options.ts";
import type { TextFeatures, TextInputs } from "../../tasks/text-inputs.ts";
import { encodeText } from "../encoder/encode-text.ts";
import { EncoderInit } from "../encoder/encoder-init.ts";
import { LayerStack } from "../encoder/encoder-layer.ts";
import { EncoderPooler } from "../encoder/encoder-pooler.ts";
import type { RobertaConfig } from "./roberta-config.ts";
import { RobertaEmbeddings } from "./roberta-embeddings.ts";
import { RobertaPreTrained } from "./roberta-pre-trained.ts";

/**
 * RoBERTa without a head, with the parameter names of Hugging Face's class of that name.
 *
 * Shape: inputIds `[batch, tokens]`, int32 → `[batch, tokens, hidden]`.
 *
 * Source: Liu et al. 2019, {@link https://arxiv.org/abs/1907.11692 RoBERTa};
 * {@link https://huggingface.co/docs/transformers/model_doc/roberta#transformers.RobertaModel RobertaModel}.
 *
 * @example
 * const model = new RobertaModel(new RobertaConfig({ vocabSize: 300, hiddenSize: 64, numAttentionHeads: 4 }));
 * const { lastHiddenState } = model.forward({ inputIds: tensor(new Int32Array([0, 17, 2]), [1, 3]) });
 */
export class RobertaModel extends RobertaPreTrained {
  static override readonly architecture: string = "RobertaModel";

  readonly embeddings: RobertaEmbeddings;
  readonly encoder: LayerStack;
  /** No head here reads it. */
  readonly pooler: EncoderPooler | null;

  constructor(
    config: RobertaConfig,
    { addPoolingLayer = true, ...options }: EncoderOptions & { addPoolingLayer?: boolean } = {},
  ) {
    super(config);
    const make = new EncoderInit(config, options);
    this.embeddings = new RobertaEmbeddings(make);
    this.encoder = new LayerStack(make);
    this.pooler = addPoolingLayer ? new EncoderPooler(make) : null;
  }

  /** @throws ShapeError when the inputs' shapes do not fit together, or there are more tokens than positions. */
  forward(inputs: TextInputs): TextFeatures {
    return encodeText(this, inputs, RobertaModel.architecture);
  }
}
