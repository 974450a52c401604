import { Linear, Module, type LayerNorm, type TensorModule } from "@tessera/nn";
import type { Parameter, Tensor } from "@tessera/tensor";
import type { EncoderOptions } from "../../model-options.ts";
import { maskedLM, type MaskedLMInputs, type MaskedLMOutput } from "../../tasks/masked-lm.ts";
import type { TextInputs } from "../../tasks/text-inputs.ts";
import { EncoderInit } from "../encoder/encoder-init.ts";
import { EncoderIntermediate } from "../encoder/encoder-layer.ts";
import type { BertConfig } from "./bert-config.ts";
import { BertModel } from "./bert-model.ts";
import { BertPreTrained } from "./bert-pre-trained.ts";

/** `LayerNorm(act(x Wᵀ + b))`. Shape: `[…, hidden]` → same. */
export class BertPredictionHeadTransform extends EncoderIntermediate {
  declare readonly dense: TensorModule; // [hidden, hidden]
  readonly LayerNorm: LayerNorm;

  constructor(make: EncoderInit) {
    super(make, make.config.hiddenSize);
    this.LayerNorm = make.layerNorm();
  }

  override forward(x: Tensor): Tensor {
    return this.LayerNorm.forward(super.forward(x));
  }
}

/** From features to the logits of tokens: `decoder(transform(x))`. Shape: `[…, hidden]` → `[…, vocab]`. */
export class BertLMPredictionHead extends Module {
  readonly bias: Parameter; // [vocab]
  readonly transform: BertPredictionHeadTransform;
  readonly decoder: Linear; // [vocab, hidden]; its bias is `bias`, its weight may be the word embeddings'

  /** @param tied the word embeddings, or `null` for a weight of its own */
  constructor(make: EncoderInit, tied: Parameter | null) {
    super();
    const { hiddenSize, vocabSize } = make.config;
    this.bias = make.zeros(vocabSize);
    this.transform = new BertPredictionHeadTransform(make);
    this.decoder = new Linear(hiddenSize, vocabSize, {
      weight: tied ?? make.normal([vocabSize, hiddenSize]),
      bias: this.bias,
    });
  }

  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.transform.forward(x));
  }
}

/** The head under the name that it has in checkpoints. */
export class BertOnlyMLMHead extends Module {
  readonly predictions: BertLMPredictionHead;

  constructor(make: EncoderInit, tied: Parameter | null) {
    super();
    this.predictions = new BertLMPredictionHead(make, tied);
  }

  forward(x: Tensor): Tensor {
    return this.predictions.forward(x);
  }
}

/**
 * BERT with the masked-language-model head, with the parameter names of Hugging Face's class of that name.
 *
 * With `labels` it gives the loss; with `labelPositions` too, and no `returnLogits`, the head runs on those positions alone.
 *
 * Shape: inputIds `[batch, tokens]` → logits `[batch, tokens, vocab]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/bert#transformers.BertForMaskedLM BertForMaskedLM}.
 *
 * @example
 * const { model } = await BertForMaskedLM.fromPretrained("bert-base-uncased");
 * const { logits } = model.forward({ inputIds: tensor(new Int32Array([101, 103, 102]), [1, 3]) });
 */
export class BertForMaskedLM extends BertPreTrained {
  static override readonly architecture: string = "BertForMaskedLM";

  readonly bert: BertModel;
  readonly cls: BertOnlyMLMHead;

  constructor(config: BertConfig, options: EncoderOptions = {}) {
    super(config);
    this.bert = new BertModel(config, { ...options, addPoolingLayer: false });
    const tied = config.tieWordEmbeddings ? this.bert.embeddings.word_embeddings.weight : null;
    this.cls = new BertOnlyMLMHead(new EncoderInit(config, options), tied);
  }

  /** @throws ShapeError when the labels' shape does not fit. */
  forward(inputs: MaskedLMInputs): MaskedLMOutput {
    const parts = {
      architecture: BertForMaskedLM.architecture,
      features: (text: TextInputs) => this.bert.forward(text),
      head: (rows: Tensor) => this.cls.forward(rows),
    };
    return maskedLM(parts, inputs);
  }
}
