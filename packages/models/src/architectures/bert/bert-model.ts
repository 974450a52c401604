import type { EncoderOptions } from "../../model-options.ts";
import type { TextFeatures, TextInputs } from "../../tasks/text-inputs.ts";
import { encodeText } from "../encoder/encode-text.ts";
import { EncoderInit } from "../encoder/encoder-init.ts";
import { LayerStack } from "../encoder/encoder-layer.ts";
import { EncoderPooler } from "../encoder/encoder-pooler.ts";
import type { BertConfig } from "./bert-config.ts";
import { BertEmbeddings } from "./bert-embeddings.ts";
import { BertPreTrained } from "./bert-pre-trained.ts";

/**
 * BERT without a head, with the parameter names of Hugging Face's class of that name.
 *
 * Shape: inputIds `[batch, tokens]`, int32 → `[batch, tokens, hidden]`.
 *
 * Source: Devlin et al. 2018, {@link https://arxiv.org/abs/1810.04805 BERT};
 * {@link https://huggingface.co/docs/transformers/model_doc/bert#transformers.BertModel BertModel}.
 *
 * @example
 * const model = new BertModel(new BertConfig({ vocabSize: 300, hiddenSize: 64, numAttentionHeads: 4 }));
 * const { poolerOutput } = model.forward({ inputIds: tensor(new Int32Array([2, 17, 3]), [1, 3]) });
 */
export class BertModel extends BertPreTrained {
  static override readonly architecture: string = "BertModel";

  readonly embeddings: BertEmbeddings;
  readonly encoder: LayerStack;
  readonly pooler: EncoderPooler | null;

  constructor(
    config: BertConfig,
    { addPoolingLayer = true, ...options }: EncoderOptions & { addPoolingLayer?: boolean } = {},
  ) {
    super(config);
    const make = new EncoderInit(config, options);
    this.embeddings = new BertEmbeddings(make);
    this.encoder = new LayerStack(make);
    this.pooler = addPoolingLayer ? new EncoderPooler(make) : null;
  }

  /** @throws ShapeError when the inputs' shapes do not fit together, or there are more tokens than positions. */
  forward(inputs: TextInputs): TextFeatures {
    return encodeText(this, inputs, BertModel.architecture);
  }
}
