import { Linear, type LayerNorm, type TensorModule } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import type { ModelOptions } from "../../model-options.ts";
import { maskedLM, type MaskedLMInputs, type MaskedLMOutput } from "../../tasks/masked-lm.ts";
import type { TextInputs } from "../../tasks/text-inputs.ts";
import { activated } from "../hidden-activation.ts";
import type { DistilBertConfig } from "./distilbert-config.ts";
import { DistilBertInit } from "./distilbert-layers.ts";
import { DistilBertModel } from "./distilbert-model.ts";
import { DistilBertPreTrained } from "./distilbert-pre-trained.ts";

/**
 * DistilBERT with the masked-language-model head, with the parameter names of Hugging Face's class of that name:
 * `projector(LayerNorm(act(x Wᵀ + b)))`, whose last weight may be the word embeddings'.
 *
 * With `labels` it gives the loss; with `labelPositions` too, and no `returnLogits`, the head runs on those positions alone.
 *
 * Shape: inputIds `[batch, tokens]` → logits `[batch, tokens, vocab]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/distilbert#transformers.DistilBertForMaskedLM DistilBertForMaskedLM}.
 *
 * @example
 * const { model } = await DistilBertForMaskedLM.fromPretrained("distilbert-base-uncased");
 */
export class DistilBertForMaskedLM extends DistilBertPreTrained {
  static override readonly architecture: string = "DistilBertForMaskedLM";

  readonly distilbert: DistilBertModel;
  readonly vocab_transform: TensorModule; // [dim, dim]
  readonly vocab_layer_norm: LayerNorm;
  readonly vocab_projector: Linear; // [vocab, dim]
  private readonly after: (x: Tensor) => Tensor;

  constructor(config: DistilBertConfig, options: ModelOptions = {}) {
    super(config);
    const { dim, vocabSize, activation, tieWordEmbeddings } = config;
    const make = new DistilBertInit(config, options);
    const { fused, after } = activated(activation);
    this.distilbert = new DistilBertModel(config, options);
    this.vocab_transform = make.linear(dim, dim, { activation: fused });
    this.vocab_layer_norm = make.layerNorm();
    this.vocab_projector = new Linear(dim, vocabSize, {
      weight: tieWordEmbeddings ? this.distilbert.embeddings.word_embeddings.weight : make.normal([vocabSize, dim]),
      bias: make.zeros(vocabSize),
    });
    this.after = after;
  }

  /** @throws ShapeError when the labels' shape does not fit. */
  forward(inputs: MaskedLMInputs): MaskedLMOutput {
    const parts = {
      architecture: DistilBertForMaskedLM.architecture,
      features: (text: TextInputs) => this.distilbert.forward(text),
      head: (rows: Tensor) =>
        this.vocab_projector.forward(this.vocab_layer_norm.forward(this.after(this.vocab_transform.forward(rows)))),
    };
    return maskedLM(parts, inputs);
  }
}
