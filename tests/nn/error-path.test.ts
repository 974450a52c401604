import { Dropout, Linear, Module, ModuleList, Sequential } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import { ones, ShapeError } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

class Output extends Module {
  readonly dense: Linear;
  constructor(size: number) {
    super();
    this.dense = new Linear(size, 4);
  }
  forward(x: Tensor): Tensor {
    return this.dense.forward(x);
  }
}
class Layer extends Module {
  readonly output: Output;
  constructor(size: number) {
    super();
    this.output = new Output(size);
  }
  forward(x: Tensor): Tensor {
    return this.output.forward(x);
  }
}
class Encoder extends Module {
  readonly layer = new ModuleList([new Layer(4), new Layer(5)]);
  forward(x: Tensor): Tensor {
    let y = x;
    for (const layer of this.layer) y = layer.forward(y);
    return y;
  }
}
class Model extends Module {
  readonly encoder = new Encoder();
  forward(x: Tensor): Tensor {
    return this.encoder.forward(x);
  }
}

const caught = (call: () => unknown): Error => {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
};

onEveryDevice(() => {
  it("says where in the model it happened, and keeps the class and the identity of the error", () =>
    withoutLeaks(() => {
      const model = new Model();
      const x = ones([2, 4]);
      const error = caught(() => model.forward(x));
      expect(error).toBeInstanceOf(ShapeError);
      expect(error.message).toMatch(/^encoder\.layer\.1\.output\.dense: linear: expected x \[\.\.\., 5\]/);
      expect(error.message.match(/linear:/g)).toHaveLength(1);
      // The stack is what is printed.
      expect(error.stack).toContain(error.message);
      x.dispose();
      model.dispose();
    }));

  it("names the path from the module that was called", () =>
    withoutLeaks(() => {
      const model = new Model();
      const x = ones([2, 3]);
      expect(caught(() => model.encoder.forward(x)).message).toMatch(/^layer\.0\.output\.dense: linear:/);
      expect(caught(() => model.encoder.layer.at(0).output.dense.forward(x)).message).toMatch(/^linear:/);
      x.dispose();
      model.dispose();
    }));

  it("names the layer of a Sequential", () =>
    withoutLeaks(() => {
      const model = new Sequential(new Linear(4, 3), new Dropout(0), new Linear(4, 2));
      const x = ones([2, 4]);
      expect(caught(() => model.forward(x)).message).toMatch(/^2: linear:/);
      x.dispose();
      model.dispose();
    }));

  it("keeps what it knows when a module in between is not in the tree", () =>
    withoutLeaks(() => {
      const hidden = new Sequential(new Linear(4, 4));
      class Outside extends Module {
        readonly fns = [(x: Tensor) => hidden.forward(x)];
        forward(x: Tensor): Tensor {
          return this.fns[0]!(x);
        }
      }
      class Top extends Module {
        readonly child = new Outside();
        forward(x: Tensor): Tensor {
          return this.child.forward(x);
        }
      }
      const x = ones([2, 3]);
      expect(caught(() => new Top().forward(x)).message).toMatch(/^0: linear:/);
      x.dispose();
      hidden.dispose();
    }));

  it("never says a path twice when one error passes through two models", () =>
    withoutLeaks(() => {
      const model = new Model();
      const x = ones([2, 4]);
      const error = caught(() => model.forward(x));
      const { message } = error;
      class Rethrows extends Module {
        forward(): never {
          throw error;
        }
      }
      expect(caught(() => new Rethrows().forward())).toBe(error);
      expect(caught(() => new Sequential(new Rethrows() as unknown as Linear).forward(x)).message).toBe(message);
      x.dispose();
      model.dispose();
    }));
});
