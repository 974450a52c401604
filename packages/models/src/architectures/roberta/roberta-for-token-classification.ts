import { Dropout, type TensorModule } from "@tessera/nn";
import type { ModelOptions } from "../../model-options.ts";
import {
  tokenLoss,
  type TokenClassificationInputs,
  type TokenClassificationOutput,
} from "../../tasks/token-classification.ts";
import { EncoderInit } from "../encoder/encoder-init.ts";
import type { RobertaConfig } from "./roberta-config.ts";
import { RobertaModel } from "./roberta-model.ts";
import { RobertaPreTrained } from "./roberta-pre-trained.ts";

/**
 * RoBERTa with a classifier on every token, with the parameter names of Hugging Face's class of that name: for named entities and parts
 * of speech. The loss is the mean cross-entropy over the labels that are not −100.
 *
 * Shape: inputIds `[batch, tokens]` → logits `[batch, tokens, labels]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/roberta#transformers.RobertaForTokenClassification RobertaForTokenClassification}.
 *
 * @example
 * const { model } = await RobertaForTokenClassification.fromPretrained("runs/pretrain", { id2label: { 0: "O", 1: "B-PER", 2: "I-PER" } });
 */
export class RobertaForTokenClassification extends RobertaPreTrained {
  static override readonly architecture: string = "RobertaForTokenClassification";

  readonly roberta: RobertaModel;
  readonly dropout: Dropout;
  readonly classifier: TensorModule; // [labels, hidden]

  constructor(config: RobertaConfig, options: ModelOptions = {}) {
    super(config);
    this.roberta = new RobertaModel(config, { ...options, addPoolingLayer: false });
    this.dropout = new Dropout(config.classifierDropout ?? config.hiddenDropoutProb);
    this.classifier = new EncoderInit(config, options).linear(config.hiddenSize, config.numLabels);
  }

  /** @throws ShapeError when the labels' shape is not the tokens'. */
  forward(inputs: TokenClassificationInputs): TokenClassificationOutput {
    const { lastHiddenState, hiddenStates } = this.roberta.forward(inputs);
    const logits = this.classifier.forward(this.dropout.forward(lastHiddenState));
    const { architecture } = RobertaForTokenClassification;
    return {
      ...(inputs.labels ? { loss: tokenLoss(logits, inputs.labels, architecture) } : {}),
      logits,
      ...(hiddenStates ? { hiddenStates } : {}),
    };
  }
}
