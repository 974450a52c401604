import { MultiHeadAttention } from "@tessera/nn";
import {
  add,
  cat,
  dispose,
  div,
  exp,
  Generator,
  maskedFill,
  matmul,
  mul,
  narrow,
  select,
  stack,
  sum,
  tensor,
  transpose,
  type Tensor,
} from "@tessera/tensor";
import { expect, it } from "vitest";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { parametersOf, sameAsPlain, withParameters } from "../support/same-as-plain.ts";

onEveryDevice((device) => {
  const make = (seed: number, ...shape: number[]): Tensor => normal(...shape).make(seed, device);
  const names = ["q", "k", "v", "out"].flatMap((name) => [`${name}Proj.weight`, `${name}Proj.bias`]);
  const project = (x: Tensor, w: Tensor, b: Tensor) => add(matmul(x, transpose(w, 0, 1)), b);
  /** Head by head, with the scores in full. `hidden[b]` says which keys nobody sees, `causal` adds the later ones. */
  const plain = (
    [query, key, value]: readonly Tensor[],
    weights: readonly Tensor[],
    heads: number,
    hidden: (b: number, q: number, k: number) => boolean,
  ): Tensor => {
    const [wq, bq, wk, bk, wv, bv, wo, bo] = weights as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [q, k, v] = [project(query!, wq, bq), project(key!, wk, bk), project(value!, wv, bv)];
    const size = q.size(-1) / heads;
    const batches = Array.from({ length: q.size(0) }, (_, b) => {
      const mask = tensor(
        Uint8Array.from({ length: q.size(1) * k.size(1) }, (_, i) =>
          Number(hidden(b, Math.floor(i / k.size(1)), i % k.size(1))),
        ),
        [q.size(1), k.size(1)],
        { dtype: "bool" },
      );
      const mixed = Array.from({ length: heads }, (_, h) => {
        const [qh, kh, vh] = [q, k, v].map((x) => narrow(select(x, 0, b), 1, h * size, size)) as [
          Tensor,
          Tensor,
          Tensor,
        ];
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
      await sameAsPlain(
        withParameters(layer, others, (x) => layer.forward(x)),
        (x, ...given) =>
          plain(
            [x, x, x],
            names.map((name) => given[others.indexOf(name)] ?? layer.kProj.bias!),
            2,
            () => false,
          ),
        wrt,
      );
      dispose(wrt);
      layer.dispose();
    }));

  it("attends to others, with a padding mask, a mask and causality", () =>
    withoutLeaks(async () => {
      const layer = new MultiHeadAttention(6, 3, { generator: new Generator(7) });
      const wrt = [make(1, 2, 4, 6), make(2, 2, 5, 6), make(3, 2, 5, 6)];
      const padded = [
        [0, 0, 0, 0, 1],
        [0, 0, 1, 0, 0],
      ];
      const keyPaddingMask = tensor(Uint8Array.from(padded.flat()), [2, 5], { dtype: "bool" });
      const attnMask = tensor(
        Uint8Array.from({ length: 20 }, (_, i) => Number(i % 5 === 1 && i > 5)),
        [4, 5],
        { dtype: "bool" },
      );
      const weights = parametersOf(layer);
      const cases = [
        [{ keyPaddingMask }, (b: number, _q: number, k: number) => padded[b]![k] === 1],
        [{ attnMask, isCausal: true }, (_b: number, q: number, k: number) => k > q || (k === 1 && q >= 1)],
        [{ keyPaddingMask, attnMask }, (b: number, q: number, k: number) => padded[b]![k] === 1 || (k === 1 && q >= 1)],
      ] as const;
      for (const [options, hidden] of cases)
        await sameAsPlain(
          (query, key, value) => layer.forward(query, { key: key, value: value, ...options }),
          (query, key, value) => plain([query, key, value], weights, 3, hidden),
          wrt,
        );
      dispose([wrt, weights, keyPaddingMask, attnMask]);
      layer.dispose();
    }));

  it("drops attention in training", () =>
    withoutLeaks(async () => {
      const layer = new MultiHeadAttention(4, 2, { dropout: 0.5 });
      const x = make(1, 2, 3, 4);
      const [a, b] = [layer.forward(x), layer.forward(x)];
      expect(await a.data()).not.toEqual(await b.data());
      layer.eval();
      const [c, d] = [layer.forward(x), layer.forward(x)];
      expect(await c.data()).toEqual(await d.data());
      dispose([x, a, b, c, d]);
      layer.dispose();
    }));

  it("refuses heads that do not divide, and inputs that do not fit", () =>
    withoutLeaks(() => {
      expect(() => new MultiHeadAttention(6, 4)).toThrow(
        "MultiHeadAttention: expected a number of heads that divides embedDim 6, got 4",
      );
      const layer = new MultiHeadAttention(4, 2);
      const [flat, wide] = [make(1, 3, 4), make(1, 1, 3, 5)];
      expect(() => layer.forward(flat)).toThrow(
        "attention: expected query, key and value [batch, tokens, 4], got [3, 4], [3, 4], [3, 4]",
      );
      expect(() => layer.forward(wide)).toThrow(/^qProj: linear: expected x \[\.\.\., 4\]/);
      dispose([flat, wide]);
      layer.dispose();
    }));
});
