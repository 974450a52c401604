import { bceWithLogits, Dropout, Module, mseLoss, type TensorModule } from "@tessera/nn";
import { cast, crossEntropy, reshape, select, ShapeError, showShape, tanh, type Tensor } from "@tessera/tensor";
import type { ProblemType, RobertaConfig } from "./roberta-config.ts";
import { RobertaInit, type ModelOptions } from "./roberta-init.ts";
import { RobertaModel, type RobertaInputs } from "./roberta-model.ts";
import { RobertaPreTrained } from "./roberta-pre-trained.ts";

export interface SequenceClassificationInputs extends RobertaInputs {
  /** Class numbers `[batch]` (int32); numbers `[batch]` for regression; 0 and 1 `[batch, labels]` for several labels a text. */
  labels?: Tensor | undefined;
}

export interface SequenceClassificationOutput {
  /** When there are labels. */
  loss?: Tensor;
  /** Shape: `[batch, labels]`. */
  logits: Tensor;
  hiddenStates?: Tensor[];
}

/** `W₂ tanh(W₁ h₀ + b₁) + b₂` of the first token's features. Shape: `[batch, tokens, hidden]` → `[batch, labels]`. */
export class RobertaClassificationHead extends Module {
  readonly dense: TensorModule; // [hidden, hidden]
  readonly dropout: Dropout;
  readonly out_proj: TensorModule; // [labels, hidden]

  constructor(make: RobertaInit) {
    super();
    const { hiddenSize, numLabels, classifierDropout, hiddenDropoutProb } = make.config;
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
  static override readonly headNames: readonly string[] = ["classifier"];

  readonly roberta: RobertaModel;
  readonly classifier: RobertaClassificationHead;

  constructor(config: RobertaConfig, options: ModelOptions = {}) {
    super(config);
    this.roberta = new RobertaModel(config, { ...options, addPoolingLayer: false });
    this.classifier = new RobertaClassificationHead(new RobertaInit(config, options));
  }

  /** @throws ShapeError when the labels' shape does not fit the problem. */
  forward(inputs: SequenceClassificationInputs): SequenceClassificationOutput {
    const { lastHiddenState, hiddenStates } = this.roberta.forward(inputs);
    const logits = this.classifier.forward(lastHiddenState);
    const states = hiddenStates ? { hiddenStates } : {};
    if (!inputs.labels) return { logits, ...states };
    return { loss: lossOf(this.config, logits, inputs.labels), logits, ...states };
  }
}

const lossOf = ({ problemType, numLabels }: RobertaConfig, logits: Tensor, labels: Tensor): Tensor => {
  const guess: ProblemType =
    numLabels === 1
      ? "regression"
      : labels.dtype === "int32"
        ? "single_label_classification"
        : "multi_label_classification";
  const problem = problemType ?? guess;
  const batch = logits.size(0);
  const wanted =
    problem === "multi_label_classification" || (problem === "regression" && numLabels > 1)
      ? [batch, numLabels]
      : [batch];
  if (showShape(labels.shape) !== showShape(wanted))
    throw new ShapeError(
      `RobertaForSequenceClassification: expected labels ${showShape(wanted)} for ${problem}, got ${showShape(labels.shape)}`,
    );
  if (problem === "single_label_classification") return crossEntropy(logits, labels);
  const targets = reshape(cast(labels, "float32"), logits.shape);
  return problem === "regression" ? mseLoss(logits, targets) : bceWithLogits(logits, targets);
};
