import { attend, Dropout, Module, type LayerNorm, type TensorModule } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import type { EncoderInit } from "./encoder-init.ts";

/**
 * Attention of every token to every other, in heads: `dropout(softmax(q kᵀ/√d)) v`.
 *
 * A token that may look at nothing, in a text of padding alone, gets zeros here, where Hugging Face's gets the mean of all values.
 *
 * Shape: `[batch, tokens, hidden]` → same.
 */
export class EncoderSelfAttention extends Module {
  readonly query: TensorModule; // [hidden, hidden]
  readonly key: TensorModule; // [hidden, hidden]
  readonly value: TensorModule; // [hidden, hidden]
  private readonly heads: number;
  private readonly dropoutProb: number;

  constructor(make: EncoderInit) {
    super();
    const { hiddenSize, numAttentionHeads, attentionProbsDropoutProb } = make.config;
    this.heads = numAttentionHeads;
    this.dropoutProb = attentionProbsDropoutProb;
    this.query = make.linear(hiddenSize, hiddenSize);
    this.key = make.linear(hiddenSize, hiddenSize);
    this.value = make.linear(hiddenSize, hiddenSize);
  }

  /**
   * @param attnMask bool, true where a token may be looked at; stretches to `[batch, heads, tokens, tokens]`
   * @param skipPaddedQueries whether padding tokens, which no query attends to, attend to nothing themselves
   */
  forward(x: Tensor, attnMask: Tensor | null, skipPaddedQueries = false): Tensor {
    const dropoutP = this.training ? this.dropoutProb : 0;
    return attend(this.query.forward(x), this.key.forward(x), this.value.forward(x), {
      numHeads: this.heads,
      attnMask,
      skipPaddedQueries,
      dropoutP,
    });
  }
}

/** `LayerNorm(dropout(x Wᵀ + b) + residual)`: how both halves of a layer end. */
export class EncoderResidualOutput extends Module {
  readonly dense: TensorModule;
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;

  constructor(make: EncoderInit, inFeatures: number) {
    super();
    this.dense = make.linear(inFeatures, make.config.hiddenSize);
    this.LayerNorm = make.layerNorm();
    this.dropout = new Dropout(make.config.hiddenDropoutProb);
  }

  forward(x: Tensor, residual: Tensor): Tensor {
    return this.LayerNorm.forward(this.dropout.forward(this.dense.forward(x)), residual);
  }
}

/** Self-attention and its output projection. Shape: `[batch, tokens, hidden]` → same. */
export class EncoderAttention extends Module {
  readonly self: EncoderSelfAttention;
  readonly output: EncoderResidualOutput;

  constructor(make: EncoderInit) {
    super();
    this.self = new EncoderSelfAttention(make);
    this.output = new EncoderResidualOutput(make, make.config.hiddenSize);
  }

  forward(x: Tensor, attnMask: Tensor | null, skipPaddedQueries = false): Tensor {
    return this.output.forward(this.self.forward(x, attnMask, skipPaddedQueries), x);
  }
}
