import { attend, Dropout, Module, ModuleList, type Embedding, type LayerNorm, type TensorModule } from "@tessera/nn";
import { add, ArgumentError, narrow, ShapeError, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { TextTokens } from "../../tasks/text-inputs.ts";
import type { ModelOptions } from "../../model-options.ts";
import { activated } from "../hidden-activation.ts";
import { runLayers } from "../run-layers.ts";
import { WeightInit } from "../weight-init.ts";
import type { DistilBertConfig } from "./distilbert-config.ts";

/** Fixed, as in Hugging Face's class. */
const LAYER_NORM_EPS = 1e-12;

/** What the parts are made from. */
export class DistilBertInit extends WeightInit {
  readonly config: DistilBertConfig;

  constructor(config: DistilBertConfig, options: ModelOptions = {}) {
    super(config.initializerRange, options);
    this.config = config;
  }

  layerNorm(): LayerNorm {
    return this.layerNormOf(this.config.dim, LAYER_NORM_EPS);
  }
}

/** `LayerNorm(word[id] + position[t])`, then dropout. Shape: `[batch, tokens]` → `[batch, tokens, dim]`. */
export class DistilBertEmbeddings extends Module {
  readonly word_embeddings: Embedding; // [vocab, dim]
  readonly position_embeddings: Embedding; // [positions, dim]
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;

  constructor(make: DistilBertInit) {
    super();
    const { vocabSize, maxPositionEmbeddings, dim, dropout, padTokenId } = make.config;
    this.word_embeddings = make.table(vocabSize, dim, { paddingIdx: padTokenId });
    this.position_embeddings = make.table(maxPositionEmbeddings, dim);
    this.LayerNorm = make.layerNorm();
    this.dropout = new Dropout(dropout);
  }

  forward({ inputIds, positionIds, tokenTypeIds }: TextTokens): Tensor {
    if (tokenTypeIds)
      throw new ArgumentError(
        "DistilBertModel: expected no tokenTypeIds, as it has no types of tokens; leave them out",
      );
    const { numEmbeddings: maxTokens, weight } = this.position_embeddings;
    const [, tokens = 0] = inputIds.shape;
    if (inputIds.ndim !== 2)
      throw new ShapeError(
        `DistilBertModel: expected inputIds [batch, tokens], got ${showShape(inputIds.shape)}; unsqueeze(ids, 0)?`,
      );
    if (!positionIds && tokens > maxTokens)
      throw new ShapeError(
        `DistilBertModel: expected at most ${maxTokens} tokens (maxPositionEmbeddings), got ${tokens}; truncate the text`,
      );
    const position = positionIds ? this.position_embeddings.forward(positionIds) : narrow(weight, 0, 0, tokens);
    return this.dropout.forward(this.LayerNorm.forward(add(this.word_embeddings.forward(inputIds), position)));
  }
}

/** Attention of every token to every other, in heads, and its output projection. Shape: `[batch, tokens, dim]` → same. */
export class DistilBertSelfAttention extends Module {
  readonly q_lin: TensorModule; // [dim, dim]
  readonly k_lin: TensorModule; // [dim, dim]
  readonly v_lin: TensorModule; // [dim, dim]
  readonly out_lin: TensorModule; // [dim, dim]
  private readonly heads: number;
  private readonly dropoutProb: number;

  constructor(make: DistilBertInit) {
    super();
    const { dim, nHeads, attentionDropout } = make.config;
    this.heads = nHeads;
    this.dropoutProb = attentionDropout;
    this.q_lin = make.linear(dim, dim);
    this.k_lin = make.linear(dim, dim);
    this.v_lin = make.linear(dim, dim);
    this.out_lin = make.linear(dim, dim);
  }

  forward(x: Tensor, attnMask: Tensor | null, skipPaddedQueries: boolean): Tensor {
    const y = attend(this.q_lin.forward(x), this.k_lin.forward(x), this.v_lin.forward(x), {
      numHeads: this.heads,
      attnMask,
      skipPaddedQueries,
      dropoutP: this.training ? this.dropoutProb : 0,
    });
    return this.out_lin.forward(y);
  }
}

/** `lin2(act(lin1(x)))`, then dropout. Shape: `[…, dim]` → same. */
export class DistilBertFFN extends Module {
  readonly lin1: TensorModule; // [hiddenDim, dim]
  readonly lin2: TensorModule; // [dim, hiddenDim]
  readonly dropout: Dropout;
  private readonly after: (x: Tensor) => Tensor;

  constructor(make: DistilBertInit) {
    super();
    const { dim, hiddenDim, dropout, activation } = make.config;
    const { fused, after } = activated(activation);
    this.lin1 = make.linear(dim, hiddenDim, { activation: fused });
    this.lin2 = make.linear(hiddenDim, dim);
    this.dropout = new Dropout(dropout);
    this.after = after;
  }

  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.lin2.forward(this.after(this.lin1.forward(x))));
  }
}

/** One layer: attention, then the feed-forward network, each with a residual and a norm. Shape: `[batch, tokens, dim]` → same. */
export class DistilBertLayer extends Module {
  readonly attention: DistilBertSelfAttention;
  readonly sa_layer_norm: LayerNorm;
  readonly ffn: DistilBertFFN;
  readonly output_layer_norm: LayerNorm;

  constructor(make: DistilBertInit) {
    super();
    this.attention = new DistilBertSelfAttention(make);
    this.sa_layer_norm = make.layerNorm();
    this.ffn = new DistilBertFFN(make);
    this.output_layer_norm = make.layerNorm();
  }

  forward(x: Tensor, attnMask: Tensor | null, skipPaddedQueries: boolean): Tensor {
    const attended = this.sa_layer_norm.forward(this.attention.forward(x, attnMask, skipPaddedQueries), x);
    return this.output_layer_norm.forward(this.ffn.forward(attended), attended);
  }
}

/** The layers in a row. */
export class DistilBertTransformer extends Module {
  readonly layer: ModuleList<DistilBertLayer>;

  constructor(make: DistilBertInit) {
    super();
    this.layer = new ModuleList(Array.from({ length: make.config.nLayers }, () => new DistilBertLayer(make)));
  }

  /** The output of the last layer, or with `all` the input and the output of every layer. */
  forward(
    x: Tensor,
    attnMask: Tensor | null,
    { all, skipPaddedQueries }: { readonly all: boolean; readonly skipPaddedQueries: boolean },
  ): Tensor[] {
    return runLayers(this.layer, x, all, (layer, state) => layer.forward(state, attnMask, skipPaddedQueries));
  }
}
