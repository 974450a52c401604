import { valueAndGrad } from "@tessera/autograd";
import { Embedding, GELU, Linear, Module, Sequential } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import { add, memory, ones, scope, sum, tensor, zeros } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { Encoder, freeEncoder } from "../support/toy-encoder.ts";

/** A masked-LM head's shape of tying: the decoder reads the embedding. */
class Tied extends Module {
  readonly table = new Embedding(5, 4);
  readonly head = new Linear(4, 5, { weight: this.table.weight });

  forward(ids: Tensor): Tensor {
    return this.head.forward(this.table.forward(ids));
  }
}

describe("a module's tree", () => {
  it("names modules, parameters and buffers by property path, a module's own parameters first, arrays not walked", () =>
    withoutLeaks(() => {
      const encoder = new Encoder();
      expect([...encoder.namedModules().keys()]).toEqual([
        "",
        "layer",
        ...[0, 1].flatMap((i) => [`layer.${i}`, `layer.${i}.norm`, `layer.${i}.dense`, `layer.${i}.dropout`]),
      ]);
      const names = (i: number) =>
        ["norm.weight", "norm.bias", "dense.weight", "dense.bias"].map((name) => `layer.${i}.${name}`);
      expect([...encoder.namedParameters().keys()]).toEqual(["scale", ...names(0), ...names(1)]);
      expect([...encoder.namedBuffers().keys()]).toEqual(["positions"]);
      expect(encoder.numParameters()).toBe(4 + 2 * (8 + 20));
      expect(encoder.parameters()).toHaveLength(9);
      expect([...encoder.namedChildren().keys()]).toEqual(["layer"]);
      freeEncoder(encoder);
    }));

  it("lists tied weights once, under the first path, and the others as aliases", () =>
    withoutLeaks(() => {
      const model = new Tied();
      expect([...model.namedParameters().keys()]).toEqual(["table.weight", "head.bias"]);
      expect(model.aliases()).toEqual(new Map([["table.weight", ["head.weight"]]]));
      expect(model.numParameters()).toBe(25);
      model.dispose();
    }));

  it("lists a module that is shared once, and the paths of its second place as aliases", () =>
    withoutLeaks(() => {
      const shared = new Linear(2, 2, { bias: false });
      const model = new Sequential(shared, new GELU(), shared);
      expect([...model.namedModules().keys()]).toEqual(["", "0", "1"]);
      expect(model.aliases()).toEqual(new Map([["0.weight", ["2.weight"]]]));
      model.dispose();
    }));

  it("prints like torch, equal neighbours of a list once", () =>
    withoutLeaks(() => {
      const encoder = new Encoder();
      expect(encoder.toString()).toBe(
        [
          "Encoder(",
          "  (layer): ModuleList(",
          "    (0-1): 2 x Block(",
          "      (norm): LayerNorm([4], eps=0.00001, elementwiseAffine=true)",
          "      (dense): Linear(inFeatures=4, outFeatures=4, bias=true)",
          "      (dropout): Dropout(p=0.5)",
          "    )",
          "  )",
          ")",
        ].join("\n"),
      );
      freeEncoder(encoder);
      expect(new GELU().toString()).toBe('GELU(approximate="none")');
    }));

  it("goes into training and out of it as a whole", () =>
    withoutLeaks(() => {
      const encoder = new Encoder();
      const modes = () => new Set([...encoder.namedModules().values()].map(({ training }) => training));
      expect(encoder.training).toBe(true);
      expect(encoder.eval()).toBe(encoder);
      expect(modes()).toEqual(new Set([false]));
      encoder.train();
      expect(modes()).toEqual(new Set([true]));
      freeEncoder(encoder);
    }));

  it("applies a function to children before their parent", () =>
    withoutLeaks(() => {
      const encoder = new Encoder();
      const paths: string[] = [];
      encoder.apply((_, path) => paths.push(path));
      expect(paths).toEqual([
        ...[0, 1].flatMap((i) => [`layer.${i}.norm`, `layer.${i}.dense`, `layer.${i}.dropout`, `layer.${i}`]),
        "layer",
        "",
      ]);
      freeEncoder(encoder);
    }));

  it("frees everything it owns when it is disposed, and survives every scope until then", () =>
    withoutLeaks(() => {
      const model = scope(() => new Tied());
      expect(model.table.weight.isDisposed).toBe(false);
      model.dispose();
      expect(model.table.weight.isDisposed).toBe(true);
    }));
});

onEveryDevice((device) => {
  it("frees what forward makes, except what it returns", () =>
    withoutLeaks(() => {
      class Many extends Module {
        forward(x: Tensor): { loss: Tensor; parts: Tensor[] } {
          const doubled = add(x, x);
          return { loss: sum(doubled), parts: [add(doubled, 1)] };
        }
      }
      const x = ones([2]);
      const before = memory()[device.name]!.tensors;
      const { loss, parts } = new Many().forward(x);
      expect(memory()[device.name]!.tensors - before).toBe(2);
      for (const one of [x, loss, ...parts]) one.dispose();
    }));

  it("refuses a forward that is async", () => {
    class Later extends Module {
      async forward(): Promise<void> {}
    }
    expect(() => new Later().forward()).toThrow(/scope: expected a synchronous function/);
  });

  it("runs hooks around forward until they are removed; what one returns replaces the output", () =>
    withoutLeaks(async () => {
      const seen: string[] = [];
      const model = new Sequential(new GELU(), new GELU());
      const inner = model.at(1);
      const removers = [
        model.registerForwardPreHook((module, args) => seen.push(`before ${module.constructor.name}(${args.length})`)),
        inner.registerForwardHook((module) => void seen.push(`after ${module.constructor.name}`)),
        model.registerForwardHook((_, [x], output) => {
          seen.push(`${(x as Tensor).shape[0]} in, ${(output as Tensor).shape[0]} out`);
          return add(output as Tensor, 10);
        }),
      ];
      const x = zeros([3]);
      const y = model.forward(x);
      expect(seen).toEqual(["before Sequential(1)", "after GELU", "3 in, 3 out"]);
      expect([...(await y.data())]).toEqual([10, 10, 10]);
      for (const remove of removers) remove();
      const again = model.forward(x);
      expect(seen).toHaveLength(3);
      expect([...(await again.data())]).toEqual([0, 0, 0]);
      for (const one of [x, y, again]) one.dispose();
    }));

  it("gives tied weights one gradient, the sum of both uses", () =>
    withoutLeaks(async () => {
      const model = new Tied();
      const ids = tensor(new Int32Array([0, 3, 3]));
      const { value, grads } = valueAndGrad(model, (x: Tensor) => sum(model.forward(x)))(ids);
      expect([...grads.keys()]).toEqual(["table.weight", "head.bias"]);
      // Σ_i Σ_o h_i·w_o: row r gets Σ_i h_i from being read as an output, and n_r Σ_o w_o from being looked up n_r times.
      const w = await model.table.weight.data();
      const row = (r: number) => Array.from(w.slice(4 * r, 4 * r + 4));
      const plus = (...rows: number[][]) => rows.reduce((a, b) => a.map((value, i) => value + b[i]!), [0, 0, 0, 0]);
      const looked = plus(row(0), row(3), row(3));
      const all = plus(...[0, 1, 2, 3, 4].map(row));
      const want = [1, 0, 0, 2, 0].flatMap((times) =>
        plus(
          looked,
          all.map((value) => times * value),
        ),
      );
      for (const [i, got] of (await grads.get("table.weight")!.data()).entries()) expect(got).toBeCloseTo(want[i]!, 4);
      value.dispose();
      grads.dispose();
      ids.dispose();
      model.dispose();
    }));

  it("gives frozen parameters no gradient, and keeps nothing for them", () =>
    withoutLeaks(() => {
      const model = new Sequential(new Linear(4, 4), new Linear(4, 4), new Linear(4, 1));
      const x = ones([2, 4]);
      const lossAndGrads = valueAndGrad(model, (input: Tensor) => sum(model.forward(input)));
      const peak = () => {
        const { value, grads } = lossAndGrads(x);
        const names = [...grads.keys()];
        value.dispose();
        grads.dispose();
        return names;
      };
      expect(model.freeze("0").freeze(/^1\.bias$/)).toBe(model);
      expect(peak()).toEqual(["1.weight", "2.weight", "2.bias"]);
      expect(model.numParameters({ trainable: true })).toBe(16 + 5);
      model.freeze();
      expect(peak).toThrow("valueAndGrad: the model has no trainable parameter");
      model.unfreeze("2");
      expect(peak()).toEqual(["2.weight", "2.bias"]);
      model.unfreeze();
      expect(peak()).toHaveLength(6);
      // A global pattern remembers where it stopped; that must not matter.
      model.freeze(/weight|bias/g).unfreeze("2.bias");
      expect(peak()).toEqual(["2.bias"]);
      model.unfreeze();
      // "1" is not a prefix of "10".
      expect(() => model.freeze("1.w")).toThrow(
        "freeze: expected a pattern of some parameters, 1.w matches none; they are 0.weight, 0.bias, 1.weight, 1.bias, 2.weight, 2.bias",
      );
      x.dispose();
      model.dispose();
    }));

  it("moves parameters and buffers to a device, tied ones together, and stays one model", () =>
    withoutLeaks(async () => {
      const other = device.name === "cpu" ? "reference" : "cpu";
      const model = new Tied();
      const values = [...(await model.table.weight.data())];
      const { weight } = model.table;
      expect(await model.to(other)).toBe(model);
      expect(model.table.weight).toBe(weight);
      expect(model.head.weight).toBe(weight);
      expect(weight.device.name).toBe(other);
      expect([...(await weight.data())]).toEqual(values);
      model.dispose();
      const encoder = new Encoder();
      await encoder.to(other);
      expect(encoder.positions.device.name).toBe(other);
      expect([...encoder.namedBuffers().keys()]).toEqual(["positions"]);
      freeEncoder(encoder);
    }));

  it("changes nothing when moving fails", () =>
    withoutLeaks(async () => {
      const model = new Tied();
      await expect(model.to("elsewhere")).rejects.toThrow(/"elsewhere" is not open/);
      expect(model.head.bias!.device).toBe(device);
      model.dispose();
    }));
});
