import { Dropout, type TensorModule } from "@tessera/nn";
import { select } from "@tessera/tensor";
import type { ModelOptions } from "../../model-options.ts";
import {
  sequenceLoss,
  type SequenceClassificationInputs,
  type SequenceClassificationOutput,
} from "../../tasks/sequence-classification.ts";
import type { DistilBertConfig } from "./distilbert-config.ts";
import { DistilBertInit } from "./distilbert-layers.ts";
import { DistilBertModel } from "./distilbert-model.ts";
import { DistilBertPreTrained } from "./distilbert-pre-trained.ts";

/**
 * DistilBERT with a classifier on the first token, `W₂ relu(W₁ h₀ + b₁) + b₂`, with the parameter names of Hugging Face's class of that name.
 *
 * The loss is cross-entropy for class numbers, the squared error for one label, binary cross-entropy for float labels; the
 * configuration's `problemType` decides where that guess is wrong.
 *
 * Shape: inputIds `[batch, tokens]` → logits `[batch, labels]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/distilbert#transformers.DistilBertForSequenceClassification DistilBertForSequenceClassification}.
 *
 * @example
 * const { model } = await DistilBertForSequenceClassification.fromPretrained("distilbert-base-uncased", { numLabels: 3 });
 */
export class DistilBertForSequenceClassification extends DistilBertPreTrained {
  static override readonly architecture: string = "DistilBertForSequenceClassification";

  readonly distilbert: DistilBertModel;
  readonly pre_classifier: TensorModule; // [dim, dim]
  readonly classifier: TensorModule; // [labels, dim]
  readonly dropout: Dropout;

  constructor(config: DistilBertConfig, options: ModelOptions = {}) {
    super(config);
    const make = new DistilBertInit(config, options);
    this.distilbert = new DistilBertModel(config, options);
    this.pre_classifier = make.linear(config.dim, config.dim, { activation: "relu" });
    this.classifier = make.linear(config.dim, config.numLabels);
    this.dropout = new Dropout(config.seqClassifDropout);
  }

  /** @throws ShapeError when the labels' shape does not fit the problem. */
  forward(inputs: SequenceClassificationInputs): SequenceClassificationOutput {
    const { lastHiddenState, hiddenStates } = this.distilbert.forward(inputs);
    const summary = this.pre_classifier.forward(select(lastHiddenState, 1, 0));
    const logits = this.classifier.forward(this.dropout.forward(summary));
    const { problemType, numLabels } = this.config;
    const problem = { architecture: DistilBertForSequenceClassification.architecture, problemType, numLabels };
    return {
      ...(inputs.labels ? { loss: sequenceLoss(problem, logits, inputs.labels) } : {}),
      logits,
      ...(hiddenStates ? { hiddenStates } : {}),
    };
  }
}
