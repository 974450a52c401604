// Each layer against the plain composition of ops that defines it: outputs and every gradient.
import { vjp } from "@tessera/autograd";
import {
  Dropout,
  Embedding,
  functional,
  GELU,
  Identity,
  LayerNorm,
  Linear,
  ReLU,
  RMSNorm,
  Sigmoid,
  SiLU,
  Softplus,
  Tanh,
} from "@tessera/nn";
import {
  add,
  dispose,
  div,
  exp,
  Generator,
  matmul,
  mean,
  mul,
  Parameter,
  reciprocal,
  relu,
  scope,
  select,
  sigmoid,
  sqrt,
  square,
  stack,
  sub,
  tensor,
  transpose,
  type Activation,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { parametersOf, sameAsPlain, withParameters } from "../support/same-as-plain.ts";

onEveryDevice((device) => {
  const make = (seed: number, ...shape: number[]): Tensor => normal(...shape).make(seed, device);

  describe("Linear", () => {
    const activations: { readonly [A in Activation | "none"]: (x: Tensor) => Tensor } = {
      none: (x) => x,
      relu,
      gelu: (x) => functional.gelu(x),
      geluTanh: (x) => functional.gelu(x, { approximate: "tanh" }),
    };
    it.each(Object.entries(activations))("is x Wᵀ + b with activation %s", (name, f) =>
      withoutLeaks(async () => {
        const layer = new Linear(5, 7, {
          generator: new Generator(1),
          ...(name === "none" ? {} : { activation: name as Activation }),
        });
        const wrt = [make(1, 2, 3, 5), ...parametersOf(layer)];
        const plain = (x: Tensor, w: Tensor, b: Tensor) => f(add(matmul(x, transpose(w, 0, 1)), b));
        await sameAsPlain(
          withParameters(layer, ["weight", "bias"], (x) => layer.forward(x)),
          plain,
          wrt,
        );
        expect(layer.toString()).toBe(
          `Linear(inFeatures=5, outFeatures=7, bias=true${name === "none" ? "" : `, activation="${name}"`})`,
        );
        dispose(wrt);
        layer.dispose();
      }),
    );

    it("goes without a bias, and shares a weight that is there already", () =>
      withoutLeaks(async () => {
        const weight = new Parameter(make(3, 4, 2));
        const layer = new Linear(2, 4, { weight, bias: false });
        expect(layer.weight).toBe(weight);
        expect([...layer.namedParameters().keys()]).toEqual(["weight"]);
        const x = make(4, 3, 2);
        await sameAsPlain(
          (input) => layer.forward(input),
          (input) => matmul(input, transpose(weight, 0, 1)),
          [x],
        );
        expect(() => new Linear(4, 2, { weight })).toThrow(
          "Linear: expected a weight of shape [2, 4], got [4, 2]; swap inFeatures and outFeatures?",
        );
        expect(() => new Linear(2.5, 2)).toThrow("Linear: inFeatures is a whole number from 0 up, got 2.5");
        x.dispose();
        layer.dispose();
      }));

    it("takes inputs without rows and single vectors", () =>
      withoutLeaks(() => {
        const layer = new Linear(3, 2);
        const inputs = [make(1, 0, 3), make(1, 3)];
        const outputs = inputs.map((x) => layer.forward(x));
        expect(outputs.map(({ shape }) => shape)).toEqual([[0, 2], [2]]);
        dispose([inputs, outputs]);
        layer.dispose();
      }));
  });

  it("Embedding looks rows up, and gives the padding row no gradient", () =>
    withoutLeaks(async () => {
      const table = new Embedding(6, 3, { paddingIdx: 1, generator: new Generator(2) });
      const ids = tensor(new Int32Array([4, 1, 4, 0]), [2, 2]);
      const wrt = parametersOf(table);
      const plain = (w: Tensor) => {
        const row = (i: number) => (i === 1 ? mul(select(w, 0, i), 0) : select(w, 0, i));
        return stack([stack([row(4), row(1)]), stack([row(4), row(0)])]);
      };
      await sameAsPlain(
        withParameters(table, ["weight"], () => table.forward(ids)),
        plain,
        wrt,
      );
      expect(table.toString()).toBe("Embedding(6, 3, paddingIdx=1)");
      dispose([ids, wrt]);
      table.dispose();
    }));

  it("Embedding refuses an id that is not a row, and says where", () =>
    withoutLeaks(async () => {
      const table = new Embedding(6, 3);
      const ids = tensor(new Int32Array([6]));
      // A GPU finds it when it runs, and says so when somebody waits.
      await expect(async () => {
        scope((): void => void table.forward(ids));
        await device.sync();
      }).rejects.toThrow(/embedding: .*6/);
      ids.dispose();
      table.dispose();
    }));

  it.each([[[4]], [[3, 4]]])("LayerNorm over %j is (x − mean)/√(var + eps) · weight + bias", (shape) =>
    withoutLeaks(async () => {
      const norm = new LayerNorm(shape, { eps: 1e-3 });
      for (const [i, parameter] of norm.parameters().entries()) parameter.assign(make(5 + i, ...shape));
      const wrt = [make(1, 2, 3, 4), ...parametersOf(norm)];
      const plain = (x: Tensor, w: Tensor, b: Tensor) => {
        const options = { dim: shape.map((_, d) => d - shape.length), keepdim: true };
        const centred = sub(x, mean(x, options));
        return add(mul(div(centred, sqrt(add(mean(square(centred), options), 1e-3))), w), b);
      };
      await sameAsPlain(
        withParameters(norm, ["weight", "bias"], (x) => norm.forward(x)),
        plain,
        wrt,
      );
      dispose(wrt);
      norm.dispose();
    }),
  );

  it("RMSNorm is x/√(mean x² + eps) · weight", () =>
    withoutLeaks(async () => {
      const norm = new RMSNorm(4, { eps: 1e-3 });
      norm.weight!.assign(make(5, 4));
      const wrt = [make(1, 2, 3, 4), ...parametersOf(norm)];
      const plain = (x: Tensor, w: Tensor) =>
        mul(div(x, sqrt(add(mean(square(x), { dim: -1, keepdim: true }), 1e-3))), w);
      await sameAsPlain(
        withParameters(norm, ["weight"], (x) => norm.forward(x)),
        (x, w) => plain(x, w),
        wrt,
      );
      expect(norm.toString()).toBe("RMSNorm([4], eps=0.001, elementwiseAffine=true)");
      expect(new RMSNorm([2, 2], { elementwiseAffine: false }).parameters()).toEqual([]);
      dispose(wrt);
      norm.dispose();
    }));

  it("LayerNorm goes without weights", () =>
    withoutLeaks(async () => {
      const norm = new LayerNorm(4, { elementwiseAffine: false });
      expect(norm.parameters()).toEqual([]);
      const x = make(1, 2, 4);
      const y = norm.forward(x);
      const first = Array.from((await y.data()).slice(0, 4));
      expect(first.reduce((total, value) => total + value, 0)).toBeCloseTo(0, 5);
      expect(first.reduce((total, value) => total + value * value, 0)).toBeCloseTo(4, 3);
      const bare = new LayerNorm(4, { bias: false });
      expect([...bare.namedParameters().keys()]).toEqual(["weight"]);
      dispose([x, y]);
      bare.dispose();
    }));

  it.each([
    ["GELU", new GELU(), (x: Tensor) => functional.gelu(x)],
    ["GELU tanh", new GELU({ approximate: "tanh" }), (x: Tensor) => functional.gelu(x, { approximate: "tanh" })],
    ["ReLU", new ReLU(), (x: Tensor) => mul(x, div(add(div(x, sqrt(square(x))), 1), 2))],
    ["Tanh", new Tanh(), (x: Tensor) => sub(mul(reciprocal(add(exp(mul(x, -2)), 1)), 2), 1)],
    ["Sigmoid", new Sigmoid(), (x: Tensor) => reciprocal(add(exp(mul(x, -1)), 1))],
    ["SiLU", new SiLU(), (x: Tensor) => mul(x, sigmoid(x))],
    ["Softplus", new Softplus(), (x: Tensor) => add(exp(x), 1).log()],
  ] as const)("%s is its formula", (_, layer, plain) =>
    withoutLeaks(async () => {
      const x = make(7, 4, 5);
      await sameAsPlain(
        (input) => layer.forward(input),
        (input) => plain(input),
        [x],
      );
      x.dispose();
    }),
  );

  it("Identity gives back what it gets", () =>
    withoutLeaks(() => {
      const x = make(7, 2);
      expect(new Identity().forward(x)).toBe(x);
      x.dispose();
    }));

  describe("Dropout", () => {
    it("drops the share p in training, scales the rest, and draws anew each time", () =>
      withoutLeaks(async () => {
        const layer = new Dropout(0.25, { generator: new Generator(3) });
        const x = tensor(new Float32Array(20_000).fill(3));
        const [first, second] = [layer.forward(x), layer.forward(x)];
        const values = await first.data();
        expect(new Set(values)).toEqual(new Set([0, 4]));
        expect(values.filter((value) => value === 0).length / values.length).toBeCloseTo(0.25, 2);
        expect(await second.data()).not.toEqual(values);
        dispose([x, first, second]);
      }));

    it("gives its input back out of training, and for p 0", () =>
      withoutLeaks(() => {
        const x = make(1, 3);
        expect(new Dropout(0.5).eval().forward(x)).toBe(x);
        expect(new Dropout(0).forward(x)).toBe(x);
        expect(() => new Dropout(1.5)).toThrow("Dropout: p is a probability from 0 to 1, got 1.5");
        expect(new Dropout().toString()).toBe("Dropout(p=0.5)");
        x.dispose();
      }));

    it("gives the gradient to what it kept", () =>
      withoutLeaks(async () => {
        const layer = new Dropout(0.5, { generator: new Generator(4) });
        const x = tensor(new Float32Array(100).fill(1));
        const pulled = vjp((input: Tensor) => layer.forward(input), x);
        const [dx] = pulled.pullback(x);
        expect(await dx!.data()).toEqual(await pulled.value.data());
        dispose([x, pulled.value, dx]);
      }));
  });
});
