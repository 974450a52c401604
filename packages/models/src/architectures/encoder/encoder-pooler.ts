import { Module, type Linear } from "@tessera/nn";
import { select, tanh, type Tensor } from "@tessera/tensor";
import type { EncoderInit } from "./encoder-init.ts";

/** A summary of the first token, `tanh(W h₀ + b)`. Shape: `[batch, tokens, hidden]` → `[batch, hidden]`. */
export class EncoderPooler extends Module {
  readonly dense: Linear; // [hidden, hidden]

  constructor(make: EncoderInit) {
    super();
    this.dense = make.linear(make.config.hiddenSize, make.config.hiddenSize);
  }

  forward(x: Tensor): Tensor {
    return tanh(this.dense.forward(select(x, 1, 0)));
  }
}
