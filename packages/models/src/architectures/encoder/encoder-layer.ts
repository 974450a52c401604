import { Module, ModuleList, type TensorModule } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import { activated } from "../hidden-activation.ts";
import { runLayers } from "../run-layers.ts";
import { EncoderAttention, EncoderResidualOutput } from "./encoder-attention.ts";
import type { EncoderInit } from "./encoder-init.ts";

/**
 * A layer with the configuration's activation, `act(x Wᵀ + b)`: the first half of the feed-forward network.
 *
 * Shape: `[…, hidden]` → `[…, intermediate]`.
 */
export class EncoderIntermediate extends Module {
  readonly dense: TensorModule; // [intermediate, hidden]
  private readonly after: (x: Tensor) => Tensor;

  constructor(make: EncoderInit, outFeatures = make.config.intermediateSize) {
    super();
    const { hiddenSize, hiddenAct } = make.config;
    const { fused, after } = activated(hiddenAct);
    this.dense = make.linear(hiddenSize, outFeatures, { activation: fused });
    this.after = after;
  }

  forward(x: Tensor): Tensor {
    return this.after(this.dense.forward(x));
  }
}

/** One layer of the encoder: attention, then the feed-forward network. Shape: `[batch, tokens, hidden]` → same. */
export class EncoderLayer extends Module {
  readonly attention: EncoderAttention;
  readonly intermediate: EncoderIntermediate;
  readonly output: EncoderResidualOutput;

  constructor(make: EncoderInit) {
    super();
    this.attention = new EncoderAttention(make);
    this.intermediate = new EncoderIntermediate(make);
    this.output = new EncoderResidualOutput(make, make.config.intermediateSize);
  }

  forward(x: Tensor, attnMask: Tensor | null, skipPaddedQueries = false): Tensor {
    const attended = this.attention.forward(x, attnMask, skipPaddedQueries);
    return this.output.forward(this.intermediate.forward(attended), attended);
  }
}

/** The layers in a row. */
export class LayerStack extends Module {
  readonly layer: ModuleList<EncoderLayer>;

  constructor(make: EncoderInit) {
    super();
    this.layer = new ModuleList(Array.from({ length: make.config.numHiddenLayers }, () => new EncoderLayer(make)));
  }

  /** The output of the last layer, or with `all` the input and the output of every layer. */
  forward(
    x: Tensor,
    attnMask: Tensor | null,
    { all = false, skipPaddedQueries = false }: { all?: boolean; skipPaddedQueries?: boolean } = {},
  ): Tensor[] {
    return runLayers(this.layer, x, all, (layer, state) => layer.forward(state, attnMask, skipPaddedQueries));
  }
}
