import { Linear, Module, type LayerNorm } from "@tessera/nn";
import type { Parameter, Tensor } from "@tessera/tensor";
import type { EncoderOptions } from "../../model-options.ts";
import { maskedLM, type MaskedLMInputs, type MaskedLMOutput } from "../../tasks/masked-lm.ts";
import type { TextInputs } from "../../tasks/text-inputs.ts";
import { EncoderInit } from "../encoder/encoder-init.ts";
import type { RobertaConfig } from "./roberta-config.ts";
import { RobertaModel } from "./roberta-model.ts";
import { RobertaPreTrained } from "./roberta-pre-trained.ts";

/**
 * From features to the logits of tokens: `decoder(LayerNorm(gelu(x Wᵀ + b)))`.
 *
 * Shape: `[…, hidden]` → `[…, vocab]`.
 */
export class RobertaLMHead extends Module {
  readonly bias: Parameter; // [vocab]
  readonly dense: Linear; // [hidden, hidden]
  readonly layer_norm: LayerNorm;
  readonly decoder: Linear; // [vocab, hidden]; its bias is `bias`, its weight may be the word embeddings'

  /** @param tied the word embeddings, or `null` for a weight of its own */
  constructor(make: EncoderInit, tied: Parameter | null) {
    super();
    const { hiddenSize, vocabSize } = make.config;
    this.bias = make.zeros(vocabSize);
    this.dense = make.linear(hiddenSize, hiddenSize, { activation: "gelu" });
    this.layer_norm = make.layerNorm();
    this.decoder = new Linear(hiddenSize, vocabSize, {
      weight: tied ?? make.normal([vocabSize, hiddenSize]),
      bias: this.bias,
    });
  }

  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.layer_norm.forward(this.dense.forward(x)));
  }
}

/**
 * RoBERTa with the masked-language-model head, with the parameter names of Hugging Face's class of that name.
 *
 * With `labels` it gives the loss; with `labelPositions` too, and no `returnLogits`, the head runs on those positions alone:
 * at 15 % masking that saves most of a small model's time.
 *
 * Shape: inputIds `[batch, tokens]` → logits `[batch, tokens, vocab]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/roberta#transformers.RobertaForMaskedLM RobertaForMaskedLM}.
 *
 * @example
 * const model = new RobertaForMaskedLM(new RobertaConfig({ vocabSize: 52000, maxPositionEmbeddings: 514, numHiddenLayers: 6, typeVocabSize: 1 }));
 * model.numParameters(); // 83504416
 */
export class RobertaForMaskedLM extends RobertaPreTrained {
  static override readonly architecture: string = "RobertaForMaskedLM";

  readonly roberta: RobertaModel;
  readonly lm_head: RobertaLMHead;

  constructor(config: RobertaConfig, options: EncoderOptions = {}) {
    super(config);
    const make = new EncoderInit(config, options);
    this.roberta = new RobertaModel(config, { ...options, addPoolingLayer: false });
    this.lm_head = new RobertaLMHead(
      make,
      config.tieWordEmbeddings ? this.roberta.embeddings.word_embeddings.weight : null,
    );
  }

  /** @throws ShapeError when the labels' shape does not fit. */
  forward(inputs: MaskedLMInputs): MaskedLMOutput {
    const parts = {
      architecture: RobertaForMaskedLM.architecture,
      features: (text: TextInputs) => this.roberta.forward(text),
      head: (rows: Tensor) => this.lm_head.forward(rows),
    };
    return maskedLM(parts, inputs);
  }
}
