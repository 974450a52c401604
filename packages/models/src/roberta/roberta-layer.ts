import { Module, ModuleList, type TensorModule } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import { hiddenActivations } from "./hidden-activation.ts";
import { RobertaAttention, RobertaResidualOutput } from "./roberta-attention.ts";
import type { RobertaInit } from "./roberta-init.ts";

/** The first half of the feed-forward network, `act(x Wᵀ + b)`. Shape: `[…, hidden]` → `[…, intermediate]`. */
export class RobertaIntermediate extends Module {
  readonly dense: TensorModule; // [intermediate, hidden]
  private readonly after: ((x: Tensor) => Tensor) | null;

  constructor(make: RobertaInit) {
    super();
    const { hiddenSize, intermediateSize, hiddenAct } = make.config;
    const plan = hiddenActivations[hiddenAct];
    this.dense = make.linear(hiddenSize, intermediateSize, "fused" in plan ? { activation: plan.fused } : {});
    this.after = "after" in plan ? plan.after : null;
  }

  forward(x: Tensor): Tensor {
    const y = this.dense.forward(x);
    return this.after ? this.after(y) : y;
  }
}

/** One layer of the encoder: attention, then the feed-forward network. Shape: `[batch, tokens, hidden]` → same. */
export class RobertaLayer extends Module {
  readonly attention: RobertaAttention;
  readonly intermediate: RobertaIntermediate;
  readonly output: RobertaResidualOutput;

  constructor(make: RobertaInit) {
    super();
    this.attention = new RobertaAttention(make);
    this.intermediate = new RobertaIntermediate(make);
    this.output = new RobertaResidualOutput(make, make.config.intermediateSize);
  }

  forward(x: Tensor, attnMask: Tensor | null, skipPaddedQueries = false): Tensor {
    const attended = this.attention.forward(x, attnMask, skipPaddedQueries);
    return this.output.forward(this.intermediate.forward(attended), attended);
  }
}

/** The layers in a row. */
export class RobertaEncoder extends Module {
  readonly layer: ModuleList<RobertaLayer>;

  constructor(make: RobertaInit) {
    super();
    this.layer = new ModuleList(Array.from({ length: make.config.numHiddenLayers }, () => new RobertaLayer(make)));
  }

  /** The output of the last layer, or with `all` the input and the output of every layer. */
  forward(
    x: Tensor,
    attnMask: Tensor | null,
    { all = false, skipPaddedQueries = false }: { all?: boolean; skipPaddedQueries?: boolean } = {},
  ): Tensor[] {
    const states = [x];
    for (const layer of this.layer) {
      const last = states.at(-1)!;
      const next = layer.forward(last, attnMask, skipPaddedQueries);
      if (all) states.push(next);
      else {
        states[0] = next;
        // What the tape will read it holds itself; this handle would live until the last layer is done.
        if (last !== x) last.dispose();
      }
    }
    return states;
  }
}
