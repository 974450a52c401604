import { checkpoint, vjp } from "@tessera/autograd";
import {
  defaultGenerator,
  dispose,
  dropout,
  expand,
  eye,
  Generator,
  manualSeed,
  matmul,
  mul,
  narrow,
  pad,
  scaledDotProductAttention,
  scope,
  softmax,
  transpose,
  zeros,
  type AttentionOptions,
  type Backend,
  type Tensor,
} from "@tessera/tensor";
import { expect, it } from "vitest";
import { oracle } from "../support/devices.ts";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { sameAsPlain } from "../support/same-as-plain.ts";

/** Which of [batch, heads, queries, keys] weights are left: equal weights times the identity show them one by one. */
const leftOf = async (shape: readonly [number, number, number, number], p: number, seed: number, device: Backend) => {
  const [batch, heads, queries, keys] = shape;
  const y = scope(() => {
    const q = zeros([batch, heads, queries, 4], { device });
    const k = zeros([batch, heads, keys, 4], { device });
    const v = expand(eye(keys, { device }), [batch, heads, keys, keys]);
    return scaledDotProductAttention(q, k, v, { dropoutP: p, generator: new Generator(seed) });
  });
  const values = [...(await y.data())];
  y.dispose();
  // Those left are scaled: their mean stays 1/keys.
  for (const value of values.filter((value) => value !== 0)) expect(value * keys * (1 - p)).toBeCloseTo(1, 5);
  return values.map((value) => Number(value !== 0));
};

const mean = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0) / x.length;

onEveryDevice((device) => {
  const make = (seed: number, ...shape: number[]): Tensor => normal(...shape).make(seed, device);
  const inputs = (): [Tensor, Tensor, Tensor] => [make(1, 2, 2, 5, 4), make(2, 2, 2, 7, 4), make(3, 2, 2, 7, 4)];
  const attend = async (options: AttentionOptions): Promise<number[]> => {
    const y = scope(() => scaledDotProductAttention(...inputs(), options));
    const values = [...(await y.data())];
    y.dispose();
    return values;
  };

  it.each([8, 7])("drops from %i keys what dropout of the weights drops, and its gradients follow", (keys) =>
    withoutLeaks(async () => {
      const given = [make(1, 2, 3, 5, 4), make(2, 2, 3, keys, 4), make(3, 2, 3, keys, 4)];
      const options = () => ({ p: 0.3, generator: new Generator(5) });
      await sameAsPlain(
        (q, k, v) => scaledDotProductAttention(q, k, v, { dropoutP: 0.3, generator: new Generator(5) }),
        (q, k, v) => {
          const weights = softmax(mul(matmul(q, transpose(k, -2, -1)), 0.5));
          return matmul(narrow(dropout(pad(weights, [0, 8 - keys]), options()), 3, 0, keys), v);
        },
        given,
      );
      dispose(given);
    }),
  );

  it("drops the same weights as the reference does, across tiles of queries and keys", () =>
    withoutLeaks(async () => {
      const shape = [2, 2, 37, 45] as const;
      expect(await leftOf(shape, 0.4, 9, device)).toEqual(await leftOf(shape, 0.4, 9, oracle));
    }));

  it("leaves 1 − p of the weights, of every head, query and key alike", () =>
    withoutLeaks(async () => {
      const [batch, heads, queries, keys] = [2, 2, 64, 64];
      const left = await leftOf([batch, heads, queries, keys], 0.2, 21, device);
      // Five standard deviations of a mean of n coins: 5 √(0.16 / n).
      const bound = (n: number): number => 5 * Math.sqrt(0.16 / n);
      expect(Math.abs(mean(left) - 0.8)).toBeLessThan(bound(left.length));
      const groups: readonly (readonly [size: number, of: (i: number) => number])[] = [
        [batch * heads, (i) => Math.floor(i / (queries * keys))],
        [queries, (i) => Math.floor(i / keys) % queries],
        [keys, (i) => i % keys],
      ];
      for (const [size, of] of groups)
        for (let group = 0; group < size; group++) {
          const some = left.filter((_, i) => of(i) === group);
          expect(Math.abs(mean(some) - 0.8)).toBeLessThan(bound(some.length));
        }
      // Neighbours are strangers: both are left with probability (1 − p)².
      for (const step of [1, 2, 4, keys, queries * keys]) {
        const both = left.slice(step).map((one, i) => one * left[i]!);
        expect(Math.abs(mean(both) - 0.64)).toBeLessThan(0.03);
      }
    }));

  it("is the same bits for a seed, others for the next draw, and takes one draw of the generator", () =>
    withoutLeaks(async () => {
      const generator = new Generator(4);
      const first = await attend({ dropoutP: 0.5, generator });
      expect(generator.state()).toEqual({ seed: 4, counter: 1 });
      const second = await attend({ dropoutP: 0.5, generator });
      expect(second).not.toEqual(first);
      expect(await attend({ dropoutP: 0.5, generator: new Generator(4) })).toEqual(first);
      expect(await attend({ dropoutP: 0.5, generator: new Generator(4 + 2 ** 32) })).not.toEqual(first);
    }));

  it("with probability 0 is no bit different, and draws nothing", () =>
    withoutLeaks(async () => {
      const generator = new Generator(4);
      expect(await attend({ dropoutP: 0, generator })).toEqual(await attend({}));
      expect(generator.state().counter).toBe(0);
    }));

  it("draws the same again in a checkpoint", () =>
    withoutLeaks(async () => {
      const given = inputs();
      const f = (...[q, k, v]: [Tensor, Tensor, Tensor]) => scaledDotProductAttention(q, k, v, { dropoutP: 0.5 });
      const evaluate = (g: typeof f) =>
        scope(() => {
          manualSeed(6);
          const { value, pullback } = vjp(g, ...given);
          return [value, ...pullback(normal(...value.shape).make(7, device))].map((x) => x!);
        });
      const [plain, checkpointed] = [evaluate(f), evaluate(checkpoint(f))];
      expect(defaultGenerator.state().counter).toBe(1);
      for (const [i, x] of plain.entries()) expect([...(await checkpointed[i]!.data())]).toEqual([...(await x.data())]);
      dispose([given, plain, checkpointed]);
    }));
});
