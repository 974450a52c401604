import { Dropout, type TensorModule } from "@tessera/nn";
import type { ModelOptions } from "../../model-options.ts";
import {
  tokenLoss,
  type TokenClassificationInputs,
  type TokenClassificationOutput,
} from "../../tasks/token-classification.ts";
import { EncoderInit } from "../encoder/encoder-init.ts";
import type { BertConfig } from "./bert-config.ts";
import { BertModel } from "./bert-model.ts";
import { BertPreTrained } from "./bert-pre-trained.ts";

/**
 * BERT with a classifier on every token, with the parameter names of Hugging Face's class of that name: for named entities and parts
 * of speech. The loss is the mean cross-entropy over the labels that are not −100.
 *
 * Shape: inputIds `[batch, tokens]` → logits `[batch, tokens, labels]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/bert#transformers.BertForTokenClassification BertForTokenClassification}.
 *
 * @example
 * const { model } = await BertForTokenClassification.fromPretrained("runs/pretrain", { id2label: { 0: "O", 1: "B-PER", 2: "I-PER" } });
 */
export class BertForTokenClassification extends BertPreTrained {
  static override readonly architecture: string = "BertForTokenClassification";

  readonly bert: BertModel;
  readonly dropout: Dropout;
  readonly classifier: TensorModule; // [labels, hidden]

  constructor(config: BertConfig, options: ModelOptions = {}) {
    super(config);
    this.bert = new BertModel(config, { ...options, addPoolingLayer: false });
    this.dropout = new Dropout(config.classifierDropout ?? config.hiddenDropoutProb);
    this.classifier = new EncoderInit(config, options).linear(config.hiddenSize, config.numLabels);
  }

  /** @throws ShapeError when the labels' shape is not the tokens'. */
  forward(inputs: TokenClassificationInputs): TokenClassificationOutput {
    const { lastHiddenState, hiddenStates } = this.bert.forward(inputs);
    const logits = this.classifier.forward(this.dropout.forward(lastHiddenState));
    const { architecture } = BertForTokenClassification;
    return {
      ...(inputs.labels ? { loss: tokenLoss(logits, inputs.labels, architecture) } : {}),
      logits,
      ...(hiddenStates ? { hiddenStates } : {}),
    };
  }
}
