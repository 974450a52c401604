import { Linear, Module, ModuleList, type TensorModule } from "@tessera/nn";
import { add, Generator, relu, type Parameter, type Tensor } from "@tessera/tensor";

/** Two linear layers in a row, as in a transformer's feed-forward part. */
class Layer extends Module {
  readonly intermediate: Dense;
  readonly output: Dense;

  constructor(hidden: number, generator: Generator) {
    super();
    this.intermediate = new Dense(hidden, 2 * hidden, generator);
    this.output = new Dense(2 * hidden, hidden, generator);
  }

  forward(x: Tensor): Tensor {
    return add(x, this.output.forward(relu(this.intermediate.forward(x))));
  }
}

class Dense extends Module {
  // A patcher may put another module here.
  dense: TensorModule;

  constructor(inFeatures: number, outFeatures: number, generator: Generator) {
    super();
    this.dense = new Linear(inFeatures, outFeatures, { generator });
  }

  forward(x: Tensor): Tensor {
    return this.dense.forward(x);
  }
}

/** A head that reads its weight from the model's first layer: tied weights. */
class Head extends Module {
  readonly decoder: Linear;
  bias: Parameter;

  constructor(weight: Parameter, generator: Generator) {
    super();
    const [outFeatures, inFeatures] = weight.shape as [number, number];
    this.decoder = new Linear(inFeatures, outFeatures, { weight, generator });
    // As Hugging Face's heads have it: one bias under two names.
    this.bias = this.decoder.bias!;
  }

  forward(x: Tensor): Tensor {
    return this.decoder.forward(x);
  }
}

/** Eleven small layers, so that layer 1 and layer 10 differ, and a head with tied weights. */
export class TinyEncoder extends Module {
  readonly embed: Linear;
  readonly layer: ModuleList<Layer>;
  readonly head: Head;

  constructor({ hidden = 16, layers = 11, seed = 1 }: { hidden?: number; layers?: number; seed?: number } = {}) {
    super();
    const generator = new Generator(seed);
    this.embed = new Linear(hidden, hidden, { generator });
    this.layer = new ModuleList(Array.from({ length: layers }, () => new Layer(hidden, generator)));
    this.head = new Head(this.embed.weight, generator);
  }

  forward(x: Tensor): Tensor {
    let state = this.embed.forward(x);
    for (const layer of this.layer) state = layer.forward(state);
    return this.head.forward(state);
  }
}

/** Everything that patching may change: names, shapes and numbers. */
export const snapshot = (model: Module): string =>
  JSON.stringify([...model.stateDict()].map(([name, x]) => [name, x.shape, [...x.dataSync()]])) + String(model);
