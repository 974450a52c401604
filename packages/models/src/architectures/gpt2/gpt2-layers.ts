import { attend, Dropout, Module, type KeyValueCache, type LayerNorm, type TensorModule } from "@tessera/nn";
import { add, narrow, type Tensor } from "@tessera/tensor";
import type { ModelOptions } from "../../model-options.ts";
import { activated } from "../hidden-activation.ts";
import { WeightInit } from "../weight-init.ts";
import type { GPT2Config } from "./gpt2-config.ts";

/** What the parts are made from. */
export class GPT2Init extends WeightInit {
  readonly config: GPT2Config;
  /** Of the projections that add to the residual: smaller, the more of them there are. */
  readonly residualStd: number;

  constructor(config: GPT2Config, options: ModelOptions = {}) {
    super(config.initializerRange, options);
    this.config = config;
    this.residualStd = config.initializerRange / Math.sqrt(2 * Math.max(config.nLayer, 1));
  }

  layerNorm(): LayerNorm {
    return this.layerNormOf(this.config.nEmbd, this.config.layerNormEpsilon);
  }
}

/** What a layer attends with, beside its input. */
export interface AttentionContext {
  /** bool, true where a token may be looked at; stretches to `[batch, heads, tokens, cached + tokens]`. */
  readonly attnMask: Tensor | null;
  readonly cache: KeyValueCache | undefined;
}

/** Attention to the tokens before; queries, keys and values come from one product. Shape: `[batch, tokens, n]` → same. */
export class GPT2Attention extends Module {
  readonly c_attn: TensorModule; // [3 · n, n]
  readonly c_proj: TensorModule; // [n, n]
  readonly resid_dropout: Dropout;
  private readonly heads: number;
  private readonly dropoutProb: number;
  private readonly scale: number;

  constructor(make: GPT2Init, layer: number) {
    super();
    const { nEmbd, nHead, attnPdrop, residPdrop, scaleAttnWeights, scaleAttnByInverseLayerIdx } = make.config;
    this.heads = nHead;
    this.dropoutProb = attnPdrop;
    this.scale = (scaleAttnWeights ? 1 / Math.sqrt(nEmbd / nHead) : 1) / (scaleAttnByInverseLayerIdx ? layer + 1 : 1);
    this.c_attn = make.linear(nEmbd, 3 * nEmbd);
    this.c_proj = make.linear(nEmbd, nEmbd, { std: make.residualStd });
    this.resid_dropout = new Dropout(residPdrop);
  }

  forward(x: Tensor, { attnMask, cache }: AttentionContext): Tensor {
    const packed = this.c_attn.forward(x);
    const width = x.size(2);
    const part = (i: number): Tensor => narrow(packed, 2, i * width, width);
    const y = attend(part(0), part(1), part(2), {
      numHeads: this.heads,
      attnMask,
      isCausal: true,
      scale: this.scale,
      dropoutP: this.training ? this.dropoutProb : 0,
      cache,
    });
    return this.resid_dropout.forward(this.c_proj.forward(y));
  }
}

/** `c_proj(act(c_fc(x)))`, then dropout. Shape: `[…, n]` → same. */
export class GPT2MLP extends Module {
  readonly c_fc: TensorModule; // [inner, n]
  readonly c_proj: TensorModule; // [n, inner]
  readonly dropout: Dropout;
  private readonly after: (x: Tensor) => Tensor;

  constructor(make: GPT2Init) {
    super();
    const { nEmbd, nInner, activationFunction, residPdrop } = make.config;
    const { fused, after } = activated(activationFunction);
    const inner = nInner ?? 4 * nEmbd;
    this.c_fc = make.linear(nEmbd, inner, { activation: fused });
    this.c_proj = make.linear(inner, nEmbd, { std: make.residualStd });
    this.dropout = new Dropout(residPdrop);
    this.after = after;
  }

  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.c_proj.forward(this.after(this.c_fc.forward(x))));
  }
}

/** One layer: `h = x + attn(ln_1(x))`, `h + mlp(ln_2(h))`. Shape: `[batch, tokens, n]` → same. */
export class GPT2Block extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: GPT2Attention;
  readonly ln_2: LayerNorm;
  readonly mlp: GPT2MLP;

  constructor(make: GPT2Init, layer: number) {
    super();
    this.ln_1 = make.layerNorm();
    this.attn = new GPT2Attention(make, layer);
    this.ln_2 = make.layerNorm();
    this.mlp = new GPT2MLP(make);
  }

  forward(x: Tensor, context: AttentionContext): Tensor {
    const attended = add(x, this.attn.forward(this.ln_1.forward(x), context));
    return add(attended, this.mlp.forward(this.ln_2.forward(attended)));
  }
}
