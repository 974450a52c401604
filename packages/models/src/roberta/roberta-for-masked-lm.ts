import { Linear, Module, type LayerNorm } from "@tessera/nn";
import {
  crossEntropy,
  indexSelect,
  reshape,
  ShapeError,
  showShape,
  type Parameter,
  type Tensor,
} from "@tessera/tensor";
import type { RobertaConfig } from "./roberta-config.ts";
import { RobertaInit, type ModelOptions } from "./roberta-init.ts";
import { RobertaModel, type RobertaInputs } from "./roberta-model.ts";
import { RobertaPreTrained } from "./roberta-pre-trained.ts";

export interface MaskedLMInputs extends RobertaInputs {
  /**
   * The token that belongs at each place, −100 where the loss does not look. Shape: `[batch, tokens]`, or, beside
   * `labelPositions`, `[positions]`.
   */
  labels?: Tensor | undefined;
  /**
   * Where the labels are, as indices into the flat `[batch · tokens]`: the head runs there alone. A position without a label
   * pads the list. Shape: `[positions]`, int32.
   */
  labelPositions?: Tensor | undefined;
  /** Asks for logits beside the loss when there are `labelPositions`. Without those, logits are always there. */
  returnLogits?: boolean | undefined;
}

export interface MaskedLMOutput {
  /** The mean cross-entropy of the labels, in nats; when there are labels. */
  loss?: Tensor;
  /** Shape: `[batch, tokens, vocab]`. */
  logits?: Tensor;
  hiddenStates?: Tensor[];
}

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
  constructor(make: RobertaInit, tied: Parameter | null) {
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
  static override readonly headNames: readonly string[] = ["lm_head"];

  readonly roberta: RobertaModel;
  readonly lm_head: RobertaLMHead;

  constructor(config: RobertaConfig, options: ModelOptions = {}) {
    super(config);
    const make = new RobertaInit(config, options);
    this.roberta = new RobertaModel(config, { ...options, addPoolingLayer: false });
    this.lm_head = new RobertaLMHead(
      make,
      config.tieWordEmbeddings ? this.roberta.embeddings.word_embeddings.weight : null,
    );
  }

  /** @throws ShapeError when the labels' shape does not fit. */
  forward(inputs: MaskedLMInputs): MaskedLMOutput {
    const { labels, labelPositions, returnLogits = false } = inputs;
    const { lastHiddenState, hiddenStates } = this.roberta.forward(inputs);
    const states = hiddenStates ? { hiddenStates } : {};
    const rows = reshape(lastHiddenState, [-1, lastHiddenState.size(-1)]);
    if (labels && labelPositions && !returnLogits) {
      const logits = this.lm_head.forward(indexSelect(rows, 0, labelPositions));
      return { loss: crossEntropy(logits, labelsAt(labels, labelPositions)), ...states };
    }
    const flat = this.lm_head.forward(rows);
    const logits = reshape(flat, [...inputs.inputIds.shape, flat.size(-1)]);
    if (!labels) return { logits, ...states };
    const loss = labelPositions
      ? crossEntropy(indexSelect(flat, 0, labelPositions), labelsAt(labels, labelPositions))
      : crossEntropy(flat, flatLabels(labels, inputs.inputIds));
    return { loss, logits, ...states };
  }
}

/** Labels at positions: as they are given, or gathered out of the whole. */
const labelsAt = (labels: Tensor, positions: Tensor): Tensor => {
  if (labels.ndim === 2) return indexSelect(reshape(labels, [-1]), 0, positions);
  if (showShape(labels.shape) !== showShape(positions.shape))
    throw new ShapeError(
      `RobertaForMaskedLM: expected a label for each of labelPositions ${showShape(positions.shape)}, got labels ${showShape(labels.shape)}`,
    );
  return labels;
};

const flatLabels = (labels: Tensor, inputIds: Tensor): Tensor => {
  if (showShape(labels.shape) !== showShape(inputIds.shape))
    throw new ShapeError(
      `RobertaForMaskedLM: expected labels ${showShape(inputIds.shape)} as inputIds, got ${showShape(labels.shape)}; give labelPositions beside a list of labels`,
    );
  return reshape(labels, [-1]);
};
