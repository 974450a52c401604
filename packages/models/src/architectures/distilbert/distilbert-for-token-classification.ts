import { Dropout, type TensorModule } from "@tessera/nn";
import type { ModelOptions } from "../../model-options.ts";
import {
  tokenLoss,
  type TokenClassificationInputs,
  type TokenClassificationOutput,
} from "../../tasks/token-classification.ts";
import type { DistilBertConfig } from "./distilbert-config.ts";
import { DistilBertInit } from "./distilbert-layers.ts";
import { DistilBertModel } from "./distilbert-model.ts";
import { DistilBertPreTrained } from "./distilbert-pre-trained.ts";

/**
 * DistilBERT with a classifier on every token, with the parameter names of Hugging Face's class of that name: for named entities and parts
 * of speech. The loss is the mean cross-entropy over the labels that are not −100.
 *
 * Shape: inputIds `[batch, tokens]` → logits `[batch, tokens, labels]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/distilbert#transformers.DistilBertForTokenClassification DistilBertForTokenClassification}.
 *
 * @example
 * const { model } = await DistilBertForTokenClassification.fromPretrained("runs/pretrain", { id2label: { 0: "O", 1: "B-PER", 2: "I-PER" } });
 */
export class DistilBertForTokenClassification extends DistilBertPreTrained {
  static override readonly architecture: string = "DistilBertForTokenClassification";

  readonly distilbert: DistilBertModel;
  readonly dropout: Dropout;
  readonly classifier: TensorModule; // [labels, dim]

  constructor(config: DistilBertConfig, options: ModelOptions = {}) {
    super(config);
    this.distilbert = new DistilBertModel(config, options);
    this.dropout = new Dropout(config.dropout);
    this.classifier = new DistilBertInit(config, options).linear(config.dim, config.numLabels);
  }

  /** @throws ShapeError when the labels' shape is not the tokens'. */
  forward(inputs: TokenClassificationInputs): TokenClassificationOutput {
    const { lastHiddenState, hiddenStates } = this.distilbert.forward(inputs);
    const logits = this.classifier.forward(this.dropout.forward(lastHiddenState));
    const { architecture } = DistilBertForTokenClassification;
    return {
      ...(inputs.labels ? { loss: tokenLoss(logits, inputs.labels, architecture) } : {}),
      logits,
      ...(hiddenStates ? { hiddenStates } : {}),
    };
  }
}
