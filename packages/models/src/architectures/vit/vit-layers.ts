import { attend, Dropout, Module, ModuleList, type LayerNorm, type TensorModule } from "@tessera/nn";
import { add, type Tensor } from "@tessera/tensor";
import type { ModelOptions } from "../../model-options.ts";
import { activated } from "../hidden-activation.ts";
import { runLayers } from "../run-layers.ts";
import { WeightInit } from "../weight-init.ts";
import type { ViTConfig } from "./vit-config.ts";

/** What the parts are made from. */
export class ViTInit extends WeightInit {
  readonly config: ViTConfig;

  constructor(config: ViTConfig, options: ModelOptions = {}) {
    super(config.initializerRange, options);
    this.config = config;
  }

  layerNorm(): LayerNorm {
    return this.layerNormOf(this.config.hiddenSize, this.config.layerNormEps);
  }
}

/** Attention of every patch to every other, in heads. Shape: `[batch, patches, hidden]` → same. */
export class ViTSelfAttention extends Module {
  readonly query: TensorModule; // [hidden, hidden]
  readonly key: TensorModule; // [hidden, hidden]
  readonly value: TensorModule; // [hidden, hidden]
  private readonly heads: number;
  private readonly dropoutProb: number;

  constructor(make: ViTInit) {
    super();
    const { hiddenSize, numAttentionHeads, attentionProbsDropoutProb, qkvBias: bias } = make.config;
    this.heads = numAttentionHeads;
    this.dropoutProb = attentionProbsDropoutProb;
    this.query = make.linear(hiddenSize, hiddenSize, { bias });
    this.key = make.linear(hiddenSize, hiddenSize, { bias });
    this.value = make.linear(hiddenSize, hiddenSize, { bias });
  }

  forward(x: Tensor): Tensor {
    return attend(this.query.forward(x), this.key.forward(x), this.value.forward(x), {
      numHeads: this.heads,
      dropoutP: this.training ? this.dropoutProb : 0,
    });
  }
}

/** `dropout(x Wᵀ + b)`: how both halves of a layer end, before the residual. */
export class ViTOutput extends Module {
  readonly dense: TensorModule;
  readonly dropout: Dropout;

  constructor(make: ViTInit, inFeatures: number) {
    super();
    this.dense = make.linear(inFeatures, make.config.hiddenSize);
    this.dropout = new Dropout(make.config.hiddenDropoutProb);
  }

  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.dense.forward(x));
  }
}

/** Self-attention and its output projection. Shape: `[batch, patches, hidden]` → same. */
export class ViTAttention extends Module {
  readonly attention: ViTSelfAttention;
  readonly output: ViTOutput;

  constructor(make: ViTInit) {
    super();
    this.attention = new ViTSelfAttention(make);
    this.output = new ViTOutput(make, make.config.hiddenSize);
  }

  forward(x: Tensor): Tensor {
    return this.output.forward(this.attention.forward(x));
  }
}

/** `act(x Wᵀ + b)`: the first half of the feed-forward network. Shape: `[…, hidden]` → `[…, intermediate]`. */
export class ViTIntermediate extends Module {
  readonly dense: TensorModule; // [intermediate, hidden]
  private readonly after: (x: Tensor) => Tensor;

  constructor(make: ViTInit) {
    super();
    const { hiddenSize, intermediateSize, hiddenAct } = make.config;
    const { fused, after } = activated(hiddenAct);
    this.dense = make.linear(hiddenSize, intermediateSize, { activation: fused });
    this.after = after;
  }

  forward(x: Tensor): Tensor {
    return this.after(this.dense.forward(x));
  }
}

/** One layer, each half normalised before it: `h = x + attention(norm(x))`, `h + mlp(norm(h))`. Shape: `[batch, patches, hidden]` → same. */
export class ViTLayer extends Module {
  readonly attention: ViTAttention;
  readonly intermediate: ViTIntermediate;
  readonly output: ViTOutput;
  readonly layernorm_before: LayerNorm;
  readonly layernorm_after: LayerNorm;

  constructor(make: ViTInit) {
    super();
    this.attention = new ViTAttention(make);
    this.intermediate = new ViTIntermediate(make);
    this.output = new ViTOutput(make, make.config.intermediateSize);
    this.layernorm_before = make.layerNorm();
    this.layernorm_after = make.layerNorm();
  }

  forward(x: Tensor): Tensor {
    const attended = add(x, this.attention.forward(this.layernorm_before.forward(x)));
    return add(attended, this.output.forward(this.intermediate.forward(this.layernorm_after.forward(attended))));
  }
}

/** The layers in a row. */
export class ViTEncoder extends Module {
  readonly layer: ModuleList<ViTLayer>;

  constructor(make: ViTInit) {
    super();
    this.layer = new ModuleList(Array.from({ length: make.config.numHiddenLayers }, () => new ViTLayer(make)));
  }

  /** The output of the last layer, or with `all` the input and the output of every layer. */
  forward(x: Tensor, all: boolean): Tensor[] {
    return runLayers(this.layer, x, all, (layer, state) => layer.forward(state));
  }
}
