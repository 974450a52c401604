import { Dropout, LayerNorm, Linear, Module, ModuleList } from "@tessera/nn";
import { add, ones, Parameter, zeros, type Tensor } from "@tessera/tensor";

export class Block extends Module {
  readonly norm = new LayerNorm(4);
  readonly dense = new Linear(4, 4);
  readonly dropout = new Dropout(0.5);

  forward(x: Tensor): Tensor {
    return add(x, this.dropout.forward(this.dense.forward(this.norm.forward(x))));
  }
}

export class Encoder extends Module {
  readonly layer = new ModuleList([new Block(), new Block()]);
  readonly positions = this.buffer(zeros([3, 4]), { persistent: false });
  readonly scale: Parameter | null = new Parameter(ones([4]));
  readonly note = "no tensor";
  readonly loose = [new Linear(2, 2)];

  forward(x: Tensor): Tensor {
    let y = add(x, this.positions);
    for (const layer of this.layer) y = layer.forward(y);
    return y;
  }
}

export const freeEncoder = (encoder: Encoder): void => {
  // Nobody owns what is in an array: that is the point of ModuleList.
  encoder.loose[0]!.dispose();
  encoder.dispose();
};
