import { Dropout, type TensorModule } from "@tessera/nn";
import type { EncoderOptions } from "../../model-options.ts";
import {
  sequenceLoss,
  type SequenceClassificationInputs,
  type SequenceClassificationOutput,
} from "../../tasks/sequence-classification.ts";
import { EncoderInit } from "../encoder/encoder-init.ts";
import type { BertConfig } from "./bert-config.ts";
import { BertModel } from "./bert-model.ts";
import { BertPreTrained } from "./bert-pre-trained.ts";

/**
 * BERT with a classifier on the pooled first token, with the parameter names of Hugging Face's class of that name.
 *
 * The loss is cross-entropy for class numbers, the squared error for one label, binary cross-entropy for float labels; the
 * configuration's `problemType` decides where that guess is wrong.
 *
 * Shape: inputIds `[batch, tokens]` → logits `[batch, labels]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/bert#transformers.BertForSequenceClassification BertForSequenceClassification}.
 *
 * @example
 * const { model } = await BertForSequenceClassification.fromPretrained("bert-base-uncased", { id2label: { 0: "animal", 1: "plant" } });
 */
export class BertForSequenceClassification extends BertPreTrained {
  static override readonly architecture: string = "BertForSequenceClassification";

  readonly bert: BertModel;
  readonly dropout: Dropout;
  readonly classifier: TensorModule; // [labels, hidden]

  constructor(config: BertConfig, options: EncoderOptions = {}) {
    super(config);
    this.bert = new BertModel(config, options);
    this.dropout = new Dropout(config.classifierDropout ?? config.hiddenDropoutProb);
    this.classifier = new EncoderInit(config, options).linear(config.hiddenSize, config.numLabels);
  }

  /** @throws ShapeError when the labels' shape does not fit the problem. */
  forward(inputs: SequenceClassificationInputs): SequenceClassificationOutput {
    const { poolerOutput, hiddenStates } = this.bert.forward(inputs);
    const logits = this.classifier.forward(this.dropout.forward(poolerOutput!));
    const states = hiddenStates ? { hiddenStates } : {};
    if (!inputs.labels) return { logits, ...states };
    const { problemType, numLabels } = this.config;
    const problem = { architecture: BertForSequenceClassification.architecture, problemType, numLabels };
    return { loss: sequenceLoss(problem, logits, inputs.labels), logits, ...states };
  }
}
