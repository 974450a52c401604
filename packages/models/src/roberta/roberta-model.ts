import { Module, type Linear } from "@tessera/nn";
import { ne, select, ShapeError, showShape, tanh, unsqueeze, type Tensor } from "@tessera/tensor";
import type { RobertaConfig } from "./roberta-config.ts";
import { RobertaEmbeddings, type RobertaTokens } from "./roberta-embeddings.ts";
import { RobertaInit, type ModelOptions } from "./roberta-init.ts";
import { RobertaEncoder } from "./roberta-layer.ts";
import { RobertaPreTrained } from "./roberta-pre-trained.ts";

/** What every RoBERTa is given. */
export interface RobertaInputs extends RobertaTokens {
  /** 1 or true on tokens, 0 on padding. Shape: `[batch, tokens]`. Default: nothing is padding. */
  attentionMask?: Tensor | undefined;
  /**
   * Saves the time of padding in attention: the states of padding then differ from Hugging Face's, those of tokens do not. For
   * losses that look at tokens alone, as the batches for a `Trainer` do.
   */
  skipPaddedQueries?: boolean | undefined;
  /** Asks for the embeddings and the output of every layer. */
  outputHiddenStates?: boolean | undefined;
}

export interface RobertaModelOutput {
  /** Shape: `[batch, tokens, hidden]`. */
  lastHiddenState: Tensor;
  /** `tanh(W h₀ + b)` of the first token; with a pooling layer. Shape: `[batch, hidden]`. */
  poolerOutput?: Tensor;
  /** The embeddings, then the output of each layer; when asked for. */
  hiddenStates?: Tensor[];
}

/** A summary of the first token. No head here reads it. Shape: `[batch, tokens, hidden]` → `[batch, hidden]`. */
export class RobertaPooler extends Module {
  readonly dense: Linear; // [hidden, hidden]

  constructor(make: RobertaInit) {
    super();
    this.dense = make.linear(make.config.hiddenSize, make.config.hiddenSize);
  }

  forward(x: Tensor): Tensor {
    return tanh(this.dense.forward(select(x, 1, 0)));
  }
}

/** `[batch, tokens]` as bool `[batch, 1, 1, tokens]`: no token looks at padding. */
const maskOf = ({ inputIds, attentionMask }: RobertaInputs): Tensor | null => {
  if (!attentionMask) return null;
  if (showShape(attentionMask.shape) !== showShape(inputIds.shape))
    throw new ShapeError(
      `RobertaModel: expected an attentionMask ${showShape(inputIds.shape)} as inputIds, got ${showShape(attentionMask.shape)}`,
    );
  const bool = attentionMask.dtype === "bool" ? attentionMask : ne(attentionMask, 0);
  return unsqueeze(unsqueeze(bool, 1), 1);
};

/**
 * RoBERTa without a head, with the parameter names of Hugging Face's class of that name.
 *
 * Shape: inputIds `[batch, tokens]`, int32 → `[batch, tokens, hidden]`.
 *
 * Source: Liu et al. 2019, {@link https://arxiv.org/abs/1907.11692 RoBERTa};
 * {@link https://huggingface.co/docs/transformers/model_doc/roberta#transformers.RobertaModel RobertaModel}.
 *
 * @example
 * const model = new RobertaModel(new RobertaConfig({ vocabSize: 300, hiddenSize: 64, numAttentionHeads: 4 }));
 * const { lastHiddenState } = model.forward({ inputIds: tensor(new Int32Array([0, 17, 2]), [1, 3]) });
 */
export class RobertaModel extends RobertaPreTrained {
  static override readonly architecture: string = "RobertaModel";
  static override readonly headNames: readonly string[] = ["pooler"];

  readonly embeddings: RobertaEmbeddings;
  readonly encoder: RobertaEncoder;
  readonly pooler: RobertaPooler | null;

  constructor(
    config: RobertaConfig,
    { addPoolingLayer = true, ...options }: ModelOptions & { addPoolingLayer?: boolean } = {},
  ) {
    super(config);
    const make = new RobertaInit(config, options);
    this.embeddings = new RobertaEmbeddings(make);
    this.encoder = new RobertaEncoder(make);
    this.pooler = addPoolingLayer ? new RobertaPooler(make) : null;
  }

  /** @throws ShapeError when the inputs' shapes do not fit together, or there are more tokens than positions. */
  forward(inputs: RobertaInputs): RobertaModelOutput {
    const all = inputs.outputHiddenStates ?? false;
    const states = this.encoder.forward(this.embeddings.forward(inputs), maskOf(inputs), {
      all,
      skipPaddedQueries: inputs.skipPaddedQueries ?? false,
    });
    const lastHiddenState = states.at(-1)!;
    return {
      lastHiddenState,
      ...(this.pooler ? { poolerOutput: this.pooler.forward(lastHiddenState) } : {}),
      ...(all ? { hiddenStates: states } : {}),
    };
  }
}
