import {
  attend,
  Module,
  rotate,
  type KeyValueCache,
  type RMSNorm,
  type Rotation,
  type TensorModule,
} from "@tessera/nn";
import { add, mul, type Tensor } from "@tessera/tensor";
import type { ModelOptions } from "../../model-options.ts";
import { activated } from "../hidden-activation.ts";
import { WeightInit } from "../weight-init.ts";
import type { LlamaConfig } from "./llama-config.ts";

/** What the parts are made from. */
export class LlamaInit extends WeightInit {
  readonly config: LlamaConfig;

  constructor(config: LlamaConfig, options: ModelOptions = {}) {
    super(config.initializerRange, options);
    this.config = config;
  }

  get headDim(): number {
    const { headDim, hiddenSize, numAttentionHeads } = this.config;
    return headDim ?? hiddenSize / numAttentionHeads;
  }

  rmsNorm(): RMSNorm {
    return this.rmsNormOf(this.config.hiddenSize, this.config.rmsNormEps);
  }
}

/** What a layer attends with, beside its input. */
export interface LlamaContext {
  /** bool, true where a token may be looked at; stretches to `[batch, heads, tokens, cached + tokens]`. */
  readonly attnMask: Tensor | null;
  readonly rotation: Rotation;
  readonly cache: KeyValueCache | undefined;
}

/** Attention to the tokens before, with rotary positions; heads of keys serve groups of heads. Shape: `[batch, tokens, hidden]` → same. */
export class LlamaAttention extends Module {
  readonly q_proj: TensorModule; // [heads · d, hidden]
  readonly k_proj: TensorModule; // [kvHeads · d, hidden]
  readonly v_proj: TensorModule; // [kvHeads · d, hidden]
  readonly o_proj: TensorModule; // [hidden, heads · d]
  private readonly heads: number;
  private readonly kvHeads: number;
  private readonly dropoutProb: number;

  constructor(make: LlamaInit) {
    super();
    const { hiddenSize, numAttentionHeads, numKeyValueHeads, attentionBias: bias, attentionDropout } = make.config;
    this.heads = numAttentionHeads;
    this.kvHeads = numKeyValueHeads ?? numAttentionHeads;
    this.dropoutProb = attentionDropout;
    this.q_proj = make.linear(hiddenSize, this.heads * make.headDim, { bias });
    this.k_proj = make.linear(hiddenSize, this.kvHeads * make.headDim, { bias });
    this.v_proj = make.linear(hiddenSize, this.kvHeads * make.headDim, { bias });
    this.o_proj = make.linear(this.heads * make.headDim, hiddenSize, { bias });
  }

  forward(x: Tensor, { attnMask, rotation, cache }: LlamaContext): Tensor {
    const y = attend(this.q_proj.forward(x), this.k_proj.forward(x), this.v_proj.forward(x), {
      numHeads: this.heads,
      numKvHeads: this.kvHeads,
      attnMask,
      isCausal: true,
      dropoutP: this.training ? this.dropoutProb : 0,
      rotary: (heads) => rotate(heads, rotation),
      cache,
    });
    return this.o_proj.forward(y);
  }
}

/** `down_proj(act(gate_proj(x)) · up_proj(x))`. Shape: `[…, hidden]` → same. */
export class LlamaMLP extends Module {
  readonly gate_proj: TensorModule; // [intermediate, hidden]
  readonly up_proj: TensorModule; // [intermediate, hidden]
  readonly down_proj: TensorModule; // [hidden, intermediate]
  private readonly after: (x: Tensor) => Tensor;

  constructor(make: LlamaInit) {
    super();
    const { hiddenSize, intermediateSize, hiddenAct, mlpBias: bias } = make.config;
    const { fused, after } = activated(hiddenAct);
    this.gate_proj = make.linear(hiddenSize, intermediateSize, { bias, activation: fused });
    this.up_proj = make.linear(hiddenSize, intermediateSize, { bias });
    this.down_proj = make.linear(intermediateSize, hiddenSize, { bias });
    this.after = after;
  }

  forward(x: Tensor): Tensor {
    return this.down_proj.forward(mul(this.after(this.gate_proj.forward(x)), this.up_proj.forward(x)));
  }
}

/** One layer: `h = x + attention(norm(x))`, `h + mlp(norm(h))`. Shape: `[batch, tokens, hidden]` → same. */
export class LlamaDecoderLayer extends Module {
  readonly self_attn: LlamaAttention;
  readonly mlp: LlamaMLP;
  readonly input_layernorm: RMSNorm;
  readonly post_attention_layernorm: RMSNorm;

  constructor(make: LlamaInit) {
    super();
    this.self_attn = new LlamaAttention(make);
    this.mlp = new LlamaMLP(make);
    this.input_layernorm = make.rmsNorm();
    this.post_attention_layernorm = make.rmsNorm();
  }

  forward(x: Tensor, context: LlamaContext): Tensor {
    const attended = add(x, this.self_attn.forward(this.input_layernorm.forward(x), context));
    return add(attended, this.mlp.forward(this.post_attention_layernorm.forward(attended)));
  }
}
