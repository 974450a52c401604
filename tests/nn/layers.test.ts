// Each layer against the plain composition of ops that defines it: outputs and every gradient.
import { vjp } from "@tessera/autograd";
import { Dropout, Embedding, functional, GELU, Identity, LayerNorm, Linear, MultiHeadAttention, type Module, ReLU, Sigmoid, SiLU, Softplus, Tanh } from "@tessera/nn";
import {
  add,
  cat,
  dispose,
  div,
  exp,
  Generator,
  maskedFill,
  matmul,
  mean,
  mul,
  narrow,
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
  sum,
  tanh,
  tensor,
  transpose,
  type Activation,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

onEveryDevice((device) => {
  const make = (seed: number, ...shape: number[]): Tensor => normal(...shape).make(seed, device);

  /** Outputs and gradients by inputs and parameters agree. */
  const agrees = async (layer: (...xs: Tensor[]) => Tensor, plain: (...xs: Tensor[]) => Tensor, wrt: readonly Tensor[]): Promise<void> => {
    const evaluate = (f: (...xs: Tensor[]) => Tensor) =>
      scope(() => {
        const { value, pullback } = vjp(f, ...wrt);
        return [value, ...pullback(make(99, ...value.shape))];
      });
    const [got, want] = [evaluate(layer), evaluate(plain)];
    for (const [i, tensor] of want.entries()) {
      const what = i === 0 ? "output" : `gradient ${i - 1}`;
      expect(difference(await valuesOf(got[i]!), await valuesOf(tensor!), { relative: i === 0 ? 1e-5 : 1e-4 }), what).toBeNull();
    }
    dispose([got, want]);
  };

  /** Calls a layer with other tensors in the place of its parameters: gradients by them. */
  const withParameters = (layer: Module, names: readonly string[], call: (...xs: Tensor[]) => Tensor): ((...xs: Tensor[]) => Tensor) => {
    const inputs = (xs: readonly Tensor[]) => xs.slice(0, xs.length - names.length);
    return (...xs) => {
      const owner = (path: string) => layer.getSubmodule(path.split(".").slice(0, -1).join(".")) as unknown as { [name: string]: Tensor };
      const before = names.map((path) => owner(path)[path.split(".").at(-1)!]!);
      const put = (tensors: readonly Tensor[]) => names.forEach((path, i) => (owner(path)[path.split(".").at(-1)!] = tensors[i]!));
      put(xs.slice(-names.length));
      try {
        return call(...inputs(xs));
      } finally {
        put(before);
      }
    };
  };
  const parametersOf = (layer: Module): Tensor[] => layer.parameters().map((parameter) => parameter.alias());

  describe("Linear", () => {
    const activations: { readonly [A in Activation | "none"]: (x: Tensor) => Tensor } = {
      none: (x) => x,
      relu,
      gelu: (x) => functional.gelu(x),
      geluTanh: (x) => functional.gelu(x, { approximate: "tanh" }),
    };
    it.each(Object.entries(activations))("is x Wᵀ + b with activation %s", (name, f) =>
      withoutLeaks(async () => {
        const layer = new Linear(5, 7, { generator: new Generator(1), ...(name === "none" ? {} : { activation: name as Activation }) });
        const wrt = [make(1, 2, 3, 5), ...parametersOf(layer)];
        const plain = (x: Tensor, w: Tensor, b: Tensor) => f(add(matmul(x, transpose(w, 0, 1)), b));
        await agrees(withParameters(layer, ["weight", "bias"], (x) => layer.forward(x!)), plain as never, wrt);
        expect(`${layer}`).toBe(`Linear(inFeatures=5, outFeatures=7, bias=true${name === "none" ? "" : `, activation="${name}"`})`);
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
        await agrees((input) => layer.forward(input!), (input) => matmul(input!, transpose(weight, 0, 1)), [x]);
        expect(() => new Linear(4, 2, { weight })).toThrow("Linear: expected a weight of shape [2, 4], got [4, 2]; swap inFeatures and outFeatures?");
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
      await agrees(withParameters(table, ["weight"], () => table.forward(ids)), plain as never, wrt);
      expect(`${table}`).toBe("Embedding(6, 3, paddingIdx=1)");
      dispose([ids, wrt]);
      table.dispose();
    }));

  it("Embedding refuses an id that is not a row, and says where", () =>
    withoutLeaks(() => {
      const table = new Embedding(6, 3);
      const ids = tensor(new Int32Array([6]));
      expect(() => table.forward(ids)).toThrow(/embedding: .*6/);
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
      await agrees(withParameters(norm, ["weight", "bias"], (x) => norm.forward(x!)), plain as never, wrt);
      dispose(wrt);
      norm.dispose();
    }),
  );

  it("LayerNorm goes without weights", () =>
    withoutLeaks(() => {
      const norm = new LayerNorm(4, { elementwiseAffine: false });
      expect(norm.parameters()).toEqual([]);
      const x = make(1, 2, 4);
      const y = norm.forward(x);
      const [first] = [y.dataSync().slice(0, 4)];
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
      await agrees((input) => layer.forward(input!), (input) => plain(input!), [x]);
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
      withoutLeaks(() => {
        const layer = new Dropout(0.25, { generator: new Generator(3) });
        const x = tensor(new Float32Array(20_000).fill(3));
        const [first, second] = [layer.forward(x), layer.forward(x)];
        const values = first.dataSync();
        expect(new Set(values)).toEqual(new Set([0, 4]));
        expect(values.filter((value) => value === 0).length / values.length).toBeCloseTo(0.25, 2);
        expect(second.dataSync()).not.toEqual(values);
        dispose([x, first, second]);
      }));

    it("gives its input back out of training, and for p 0", () =>
      withoutLeaks(() => {
        const x = make(1, 3);
        expect(new Dropout(0.5).eval().forward(x)).toBe(x);
        expect(new Dropout(0).forward(x)).toBe(x);
        expect(() => new Dropout(1.5)).toThrow("Dropout: p is a probability from 0 to 1, got 1.5");
        expect(`${new Dropout()}`).toBe("Dropout(p=0.5)");
        x.dispose();
      }));

    it("gives the gradient to what it kept", () =>
      withoutLeaks(() => {
        const layer = new Dropout(0.5, { generator: new Generator(4) });
        const x = tensor(new Float32Array(100).fill(1));
        const { value, pullback } = vjp((input: Tensor) => layer.forward(input), x);
        const [dx] = pullback(x);
        expect(dx!.dataSync()).toEqual(value.dataSync());
        dispose([x, value, dx]);
      }));
  });

  describe("MultiHeadAttention", () => {
    const names = ["q", "k", "v", "out"].flatMap((name) => [`${name}Proj.weight`, `${name}Proj.bias`]);
    const project = (x: Tensor, w: Tensor, b: Tensor) => add(matmul(x, transpose(w, 0, 1)), b);
    /** Head by head, with the scores in full. `hidden[b]` says which keys nobody sees, `causal` adds the later ones. */
    const plain = ([query, key, value]: readonly Tensor[], weights: readonly Tensor[], heads: number, hidden: (b: number, q: number, k: number) => boolean): Tensor => {
      const [wq, bq, wk, bk, wv, bv, wo, bo] = weights as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
      const [q, k, v] = [project(query!, wq, bq), project(key!, wk, bk), project(value!, wv, bv)];
      const size = q.size(-1) / heads;
      const batches = Array.from({ length: q.size(0) }, (_, b) => {
        const mask = tensor(
          Uint8Array.from({ length: q.size(1) * k.size(1) }, (_, i) => Number(hidden(b, Math.floor(i / k.size(1)), i % k.size(1)))),
          [q.size(1), k.size(1)],
        );
        const mixed = Array.from({ length: heads }, (_, h) => {
          const [qh, kh, vh] = [q, k, v].map((x) => narrow(select(x, 0, b), 1, h * size, size)) as [Tensor, Tensor, Tensor];
          const scores = exp(maskedFill(mul(matmul(qh, transpose(kh, 0, 1)), 1 / Math.sqrt(size)), mask, -Infinity));
          return matmul(div(scores, sum(scores, { dim: 1, keepdim: true })), vh);
        });
        return cat(mixed, 1);
      });
      return project(stack(batches), wo, bo);
    };

    it("attends to itself: outputs and the gradients of all parameters", () =>
      withoutLeaks(async () => {
        const layer = new MultiHeadAttention(8, 2, { generator: new Generator(6) });
        expect([...layer.namedParameters().keys()]).toEqual(names);
        // A key's bias moves all scores of a query alike, which softmax does not see: its gradient is zero, and rounding here.
        const others = names.filter((name) => name !== "kProj.bias");
        const wrt = [make(1, 2, 5, 8), ...others.map((name) => layer.namedParameters().get(name)!.alias())];
        await agrees(
          withParameters(layer, others, (x) => layer.forward(x!)),
          (x, ...given) => plain([x!, x!, x!], names.map((name) => given[others.indexOf(name)] ?? layer.kProj.bias!), 2, () => false),
          wrt,
        );
        dispose(wrt);
        layer.dispose();
      }));

    it("attends to others, with a padding mask, a mask and causality", () =>
      withoutLeaks(async () => {
        const layer = new MultiHeadAttention(6, 3, { generator: new Generator(7) });
        const wrt = [make(1, 2, 4, 6), make(2, 2, 5, 6), make(3, 2, 5, 6)];
        const padded = [[0, 0, 0, 0, 1], [0, 0, 1, 0, 0]];
        const keyPaddingMask = tensor(Uint8Array.from(padded.flat()), [2, 5]);
        const attnMask = tensor(Uint8Array.from({ length: 20 }, (_, i) => Number(i % 5 === 1 && i > 5)), [4, 5]);
        const weights = parametersOf(layer);
        const cases = [
          [{ keyPaddingMask }, (b: number, _q: number, k: number) => padded[b]![k] === 1],
          [{ attnMask, isCausal: true }, (_b: number, q: number, k: number) => k > q || (k === 1 && q >= 1)],
          [{ keyPaddingMask, attnMask }, (b: number, q: number, k: number) => padded[b]![k] === 1 || (k === 1 && q >= 1)],
        ] as const;
        for (const [options, hidden] of cases)
          await agrees(
            (query, key, value) => layer.forward(query!, { key: key!, value: value!, ...options }),
            (query, key, value) => plain([query!, key!, value!], weights, 3, hidden),
            wrt,
          );
        dispose([wrt, weights, keyPaddingMask, attnMask]);
        layer.dispose();
      }));

    it("gives the same with and without the fused op: dropout of almost nothing", () =>
      withoutLeaks(async () => {
        const layer = new MultiHeadAttention(4, 2, { dropout: 1e-9, generator: new Generator(8) });
        const x = make(1, 2, 3, 4);
        // Nobody sees the keys of the second text.
        const keyPaddingMask = tensor(Uint8Array.from([0, 1, 0, 1, 1, 1]), [2, 3]);
        for (const options of [{}, { isCausal: true }, { keyPaddingMask, isCausal: true }]) {
          const dropped = layer.train().forward(x, options);
          const fused = layer.eval().forward(x, options);
          expect(difference(await valuesOf(dropped), await valuesOf(fused), { relative: 1e-5 })).toBeNull();
          dispose([dropped, fused]);
        }
        dispose([x, keyPaddingMask]);
        layer.dispose();
      }));

    it("drops attention in training", () =>
      withoutLeaks(() => {
        const layer = new MultiHeadAttention(4, 2, { dropout: 0.5 });
        const x = make(1, 2, 3, 4);
        const [a, b] = [layer.forward(x), layer.forward(x)];
        expect(a.dataSync()).not.toEqual(b.dataSync());
        dispose([x, a, b]);
        layer.dispose();
      }));

    it("refuses heads that do not divide, and inputs that do not fit", () =>
      withoutLeaks(() => {
        expect(() => new MultiHeadAttention(6, 4)).toThrow("MultiHeadAttention: expected a number of heads that divides embedDim 6, got 4");
        const layer = new MultiHeadAttention(4, 2);
        const [flat, wide] = [make(1, 3, 4), make(1, 1, 3, 5)];
        expect(() => layer.forward(flat)).toThrow("attention: expected query, key and value [batch, tokens, 4], got [3, 4], [3, 4], [3, 4]");
        expect(() => layer.forward(wide)).toThrow(/^qProj: linear: expected x \[\.\.\., 4\]/);
        dispose([flat, wide]);
        layer.dispose();
      }));
  });
});
