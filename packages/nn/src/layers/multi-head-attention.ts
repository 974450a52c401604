import {
  ArgumentError,
  logicalAnd,
  logicalNot,
  Parameter,
  reshape,
  scaledDotProductAttention,
  ShapeError,
  transpose,
  unsqueeze,
  zeros,
  type RandomOptions,
  type Tensor,
} from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import { xavierUniform } from "../init.ts";
import { Module } from "../module.ts";
import { checkProbability, checkSizes } from "./check-sizes.ts";
import { Linear } from "./linear.ts";

export interface MultiHeadAttentionOptions extends RandomOptions {
  /** Probability with which a weight of attention is dropped in training; 0 by default. */
  dropout?: number | undefined;
  /** Whether the projections have a bias; they start as zeros. */
  bias?: boolean | undefined;
}

/** What is attended to, and what is hidden; masks as in torch's module, where true hides. */
export interface AttentionInputs {
  /** `[batch, keys, embedDim]`; the query by default. */
  key?: Tensor | undefined;
  /** `[batch, keys, embedDim]`; the key by default. */
  value?: Tensor | undefined;
  /** bool `[batch, keys]`: true for padding, which no query attends to. */
  keyPaddingMask?: Tensor | undefined;
  /** bool, stretching to `[batch, heads, queries, keys]`: true where a query may not attend to a key. */
  attnMask?: Tensor | undefined;
  /** Query t attends to keys 0 … t only. */
  isCausal?: boolean | undefined;
}

/**
 * Attention in several heads: every query mixes the values by how well their keys fit, `softmax(q kᵀ/√d) v` in each head of
 * size d = embedDim/heads. Batch first. The parameters are `qProj`, `kProj`, `vProj` and `outProj`, where torch's module packs
 * the first three into one `in_proj_weight`; their weights start as Glorot's.
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
  readonly dropout: number;
  readonly qProj: Linear; // [embedDim, embedDim]
  readonly kProj: Linear; // [embedDim, embedDim]
  readonly vProj: Linear; // [embedDim, embedDim]
  readonly outProj: Linear; // [embedDim, embedDim]

  constructor(
    embedDim: number,
    numHeads: number,
    { dropout = 0, bias = true, ...random }: MultiHeadAttentionOptions = {},
  ) {
    super();
    checkSizes("MultiHeadAttention", { embedDim, numHeads });
    checkProbability("MultiHeadAttention", dropout);
    if (numHeads === 0 || embedDim % numHeads !== 0)
      throw new ArgumentError(
        `MultiHeadAttention: expected a number of heads that divides embedDim ${embedDim}, got ${numHeads}`,
      );
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.dropout = dropout;
    const projection = (): Linear =>
      new Linear(embedDim, embedDim, {
        weight: new Parameter(xavierUniform([embedDim, embedDim], random)),
        bias: bias && new Parameter(zeros([embedDim], { device: random.device })),
      });
    this.qProj = projection();
    this.kProj = projection();
    this.vProj = projection();
    this.outProj = projection();
  }

  forward(
    query: Tensor,
    { key = query, value = key, keyPaddingMask, attnMask, isCausal = false }: AttentionInputs = {},
  ): Tensor {
    if (query.ndim !== 3 || key.ndim !== 3 || value.ndim !== 3)
      throw new ShapeError(
        `attention: expected query, key and value [batch, tokens, ${this.embedDim}], got ${[query, key, value].map(({ shape }) => showShape(shape)).join(", ")}`,
      );
    const heads = (x: Tensor): Tensor => transpose(reshape(x, [x.size(0), x.size(1), this.numHeads, -1]), 1, 2);
    const q = heads(this.qProj.forward(query));
    const k = heads(this.kProj.forward(key));
    const v = heads(this.vProj.forward(value));
    const padding = keyPaddingMask && unsqueeze(unsqueeze(keyPaddingMask, 1), 1);
    const shown = both(padding && logicalNot(padding), attnMask && logicalNot(attnMask));
    const dropoutP = this.training ? this.dropout : 0;
    const y = scaledDotProductAttention(q, k, v, { attnMask: shown ?? null, isCausal, dropoutP });
    return this.outProj.forward(reshape(transpose(y, 1, 2), query.shape));
  }

  override extraRepr(): string {
    return `embedDim=${this.embedDim}, numHeads=${this.numHeads}, dropout=${this.dropout}`;
  }
}

const both = (a: Tensor | undefined, b: Tensor | undefined): Tensor | undefined =>
  a && b ? logicalAnd(a, b) : (a ?? b);
