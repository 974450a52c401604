import { Dropout, Module, type TensorModule } from "@tessera/nn";
import { select, tanh, type Tensor } from "@tessera/tensor";
import type { EncoderOptions } from "../../model-options.ts";
import {
  sequenceLoss,
  type SequenceClassificationInputs,
  type SequenceClassificationOutput,
} from "../../tasks/sequence-classification.ts";
import { EncoderInit } from "../encoder/encoder-init.ts";
import type { RobertaConfig } from "./roberta-config.ts";
import { RobertaModel } from "./roberta-model.ts";
import { RobertaPreTrained } from "./roberta-pre-trained.ts";

/** `W₂ tanh(W₁ h₀ + b₁) + b₂` of the first token's features. Shape: `[batch, tokens, hidden]` → `[batch, labels]`. */
export class RobertaClassificationHead extends Module {
  readonly dense: TensorModule; // [hidden, hidden]
  readonly dropout: Dropout;
  readonly out_proj: TensorModule; // [labels, hidden]

  constructor(make: EncoderInit, numLabels: number) {
    super();
    const { hiddenSize, classifierDropout, hiddenDropoutProb } = make.config;
    this.dense = make.linear(hiddenSize, hiddenSize);
    this.dropout = new Dropout(classifierDropout ?? hiddenDropoutProb);
    this.out_proj = make.linear(hiddenSize, numLabels);
  }

  forward(x: Tensor): Tensor {
    const first = this.dropout.forward(select(x, 1, 0));
    return this.out_proj.forward(this.dropout.forward(tanh(this.dense.forward(first))));
  }
}

/**
 * RoBERTa with a classifier on the first token, with the parameter names of Hugging Face's class of that name.
 *
 * The loss is cross-entropy for class numbers, the squared error for one label, binary cross-entropy for float labels; the
 * configuration's `problemType` decides where that guess is wrong.
 *
 * Shape: inputIds `[batch, tokens]` → logits `[batch, labels]`, loss `[]`.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/roberta#transformers.RobertaForSequenceClassification RobertaForSequenceClassification}.
 *
 * @example
 * const { model } = await RobertaForSequenceClassification.fromPretrained("runs/pretrain", { id2label: { 0: "animal", 1: "plant" } });
 */
export class RobertaForSequenceClassification extends RobertaPreTrained {
  static override readonly architecture: string = "RobertaForSequenceClassification";

  readonly roberta: RobertaModel;
  readonly classifier: RobertaClassificationHead;

  constructor(config: RobertaConfig, options: EncoderOptions = {}) {
    super(config);
    this.roberta = new RobertaModel(config, { ...options, addPoolingLayer: false });
    this.classifier = new RobertaClassificationHead(new EncoderInit(config, options), config.numLabels);
  }

  /** @throws ShapeError when the labels' shape does not fit the problem. */
  forward(inputs: SequenceClassificationInputs): SequenceClassificationOutput {
    const { lastHiddenState, hiddenStates } = this.roberta.forward(inputs);
    const logits = this.classifier.forward(lastHiddenState);
    const states = hiddenStates ? { hiddenStates } : {};
    if (!inputs.labels) return { logits, ...states };
    const { problemType, numLabels } = this.config;
    const problem = { architecture: RobertaForSequenceClassification.architecture, problemType, numLabels };
    return { loss: sequenceLoss(problem, logits, inputs.labels), logits, ...states };
  }
}
