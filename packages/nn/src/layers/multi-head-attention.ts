import {
  ArgumentError,
  logicalAnd,
  logicalNot,
  Parameter,
  ShapeError,
  unsqueeze,
  zeros,
  type RandomOptions,
  type Tensor,
} from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import { xavierUniform } from "../init.ts";
import { Module } from "../module.ts";
import { attend } from "./attend.ts";
import { checkProbability, checkSizes } from "./check-sizes.ts";
import type { KeyValueCache } from "./key-value-cache.ts";
import { Linear } from "./linear.ts";
import { rotate, type Rotation } from "./rotary-embedding.ts";

export interface MultiHeadAttentionOptions extends RandomOptions {
  /** Probability with which a weight of attention is dropped in training; 0 by default. */
  dropout?: number | undefined;
  /** Whether the projections have a bias; they start as zeros. */
  bias?: boolean | undefined;
  /** Heads of keys and values, each shared by numHeads/numKvHeads heads of queries; numHeads by default. */
  numKvHeads?: number | undefined;
  /** Features of the keys; embedDim by default. */
  kdim?: number | undefined;
  /** Features of the values; embedDim by default. */
  vdim?: number | undefined;
}

/** What is attended to, and what is hidden; masks as in torch's module, where true hides. */
export interface AttentionInputs {
  /** `[batch, keys, kdim]`; the query by default. */
  key?: Tensor | undefined;
  /** `[batch, keys, vdim]`; the key by default. */
  value?: Tensor | undefined;
  /** bool `[batch, keys]`: true for padding, which no query attends to. */
  keyPaddingMask?: Tensor | undefined;
  /** bool, stretching to `[batch, heads, queries, keys]`: true where a query may not attend to a key. */
  attnMask?: Tensor | undefined;
  /** Query t attends to keys 0 … t only; beside a cache to what it holds, and to the new keys up to its own. */
  isCausal?: boolean | undefined;
  /** Keys and values of the tokens before: the new ones are put behind them. Masks then cover them all. */
  cache?: KeyValueCache | undefined;
  /** Turns queries and keys by their positions: `rotary.rotation(tokens, { offset: cache.length })` of a `RotaryEmbedding`. */
  rotation?: Rotation | undefined;
}

/**
 * Attention in several heads: every query mixes the values by how well their keys fit, `softmax(q kᵀ/√d) v` in each head of
 * size d = embedDim/heads. Batch first. The parameters are `qProj`, `kProj`, `vProj` and `outProj`, where torch's module packs
 * the first three into one `in_proj_weight`; their weights start as Glorot's.
 *
 * With fewer `numKvHeads`, a head of keys and values serves a group of heads of queries. A `cache` holds the keys and values of the tokens
 * before, for one token after the other.
 *
 * A query that may attend to no key gets the output projection's bias.
 *
 * Shape: query `[batch, queries, embedDim]` → same. See {@link https://arxiv.org/abs/1706.03762 Vaswani et al. 2017} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html torch.nn.MultiheadAttention}.
 *
 * @throws ArgumentError unless the heads divide `embedDim`. @throws ShapeError when the inputs do not fit together.
 * @example
 * const attention = new MultiHeadAttention(64, 4);
 * attention.forward(randn([2, 10, 64]), { isCausal: true }).shape; // [2, 10, 64]
 */
export class MultiHeadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly dropout: number;
  readonly qProj: Linear; // [embedDim, embedDim]
  readonly kProj: Linear; // [numKvHeads · d, kdim]
  readonly vProj: Linear; // [numKvHeads · d, vdim]
  readonly outProj: Linear; // [embedDim, embedDim]

  constructor(
    embedDim: number,
    numHeads: number,
    {
      dropout = 0,
      bias = true,
      numKvHeads = numHeads,
      kdim = embedDim,
      vdim = embedDim,
      ...random
    }: MultiHeadAttentionOptions = {},
  ) {
    super();
    checkSizes("MultiHeadAttention", { embedDim, numHeads, numKvHeads, kdim, vdim });
    checkProbability("MultiHeadAttention", dropout);
    if (numHeads === 0 || embedDim % numHeads !== 0)
      throw new ArgumentError(
        `MultiHeadAttention: expected a number of heads that divides embedDim ${embedDim}, got ${numHeads}`,
      );
    if (numKvHeads === 0 || numHeads % numKvHeads !== 0)
      throw new ArgumentError(
        `MultiHeadAttention: expected numKvHeads that divides numHeads ${numHeads}, got ${numKvHeads}`,
      );
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.numKvHeads = numKvHeads;
    this.kdim = kdim;
    this.vdim = vdim;
    this.dropout = dropout;
    const shared = (embedDim / numHeads) * numKvHeads;
    const projection = (from: number, to: number): Linear =>
      new Linear(from, to, {
        weight: new Parameter(xavierUniform([to, from], random)),
        bias: bias && new Parameter(zeros([to], { device: random.device })),
      });
    this.qProj = projection(embedDim, embedDim);
    this.kProj = projection(kdim, shared);
    this.vProj = projection(vdim, shared);
    this.outProj = projection(embedDim, embedDim);
  }

  forward(
    query: Tensor,
    { key = query, value = key, keyPaddingMask, attnMask, isCausal = false, cache, rotation }: AttentionInputs = {},
  ): Tensor {
    if (query.ndim !== 3 || key.ndim !== 3 || value.ndim !== 3) {
      const { embedDim, kdim, vdim } = this;
      const sizes = kdim === embedDim && vdim === embedDim ? `${embedDim}` : `${embedDim}, ${kdim} or ${vdim}`;
      throw new ShapeError(
        `attention: expected query, key and value [batch, tokens, ${sizes}], got ${[query, key, value].map(({ shape }) => showShape(shape)).join(", ")}`,
      );
    }
    const padding = keyPaddingMask && unsqueeze(unsqueeze(keyPaddingMask, 1), 1);
    const y = attend(this.qProj.forward(query), this.kProj.forward(key), this.vProj.forward(value), {
      numHeads: this.numHeads,
      numKvHeads: this.numKvHeads,
      attnMask: both(padding && logicalNot(padding), attnMask && logicalNot(attnMask)),
      isCausal,
      dropoutP: this.training ? this.dropout : 0,
      cache,
      rotary: rotation && ((x) => rotate(x, rotation)),
    });
    return this.outProj.forward(y);
  }

  override extraRepr(): string {
    const grouped = this.numKvHeads === this.numHeads ? "" : `numKvHeads=${this.numKvHeads}, `;
    return `embedDim=${this.embedDim}, numHeads=${this.numHeads}, ${grouped}dropout=${this.dropout}`;
  }
}

const both = (a: Tensor | undefined, b: Tensor | undefined): Tensor | undefined =>
  a && b ? logicalAnd(a, b) : (a ?? b);
