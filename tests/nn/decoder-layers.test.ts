// What decoders are made of, against plain compositions: rotary positions, gates, groups of heads, a cache of keys and values.
import { attend, GLU, KeyValueCache, MultiHeadAttention, rotate, RotaryEmbedding, SwiGLU } from "@tessera/nn";
import {
  add,
  ArgumentError,
  cat,
  cpu,
  dispose,
  IndexError,
  matmul,
  mul,
  narrow,
  neg,
  reshape,
  scope,
  select,
  ShapeError,
  sigmoid,
  softmax,
  stack,
  sum,
  tensor,
  transpose,
  where,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { parametersOf, sameAsPlain, withParameters } from "../support/same-as-plain.ts";

onEveryDevice((device) => {
  const make = (seed: number, ...shape: number[]): Tensor => normal(...shape).make(seed, device);
  const close = async (got: Tensor, want: Tensor, relative = 1e-5): Promise<void> =>
    expect(difference(await valuesOf(got), await valuesOf(want), { relative })).toBeNull();

  describe("RotaryEmbedding", () => {
    /** x cos + (−x₂, x₁) sin, with angles written out for every position and feature. */
    const plain = (x: Tensor, positions: readonly number[], theta: number): Tensor => {
      const width = x.size(3);
      const table = (of: (angle: number) => number): Tensor => {
        const angles = positions.flatMap((p) =>
          Array.from({ length: width }, (_, i) => of(p / theta ** ((2 * (i % (width / 2))) / width))),
        );
        return tensor(Float32Array.from(angles), [positions.length, 1, width], { device });
      };
      const half = cat([neg(narrow(x, 3, width / 2, width / 2)), narrow(x, 3, 0, width / 2)], 3);
      return add(mul(x, table(Math.cos)), mul(half, table(Math.sin)));
    };
    it("turns pairs of features by their position, from any first position on", () =>
      withoutLeaks(async () => {
        using rotary = new RotaryEmbedding(6, { theta: 100, maxPositions: 12, device });
        const x = make(1, 2, 4, 3, 6);
        await sameAsPlain(
          (x) => rotary.forward(x),
          (x) => plain(x, [0, 1, 2, 3], 100),
          [x],
        );
        await sameAsPlain(
          (x) => rotary.forward(x, { offset: 7 }),
          (x) => plain(x, [7, 8, 9, 10], 100),
          [x],
        );
        const positionIds = tensor(new Int32Array([3, 0, 11, 3, 3, 0, 11, 3]), [2, 4], { device });
        await sameAsPlain(
          (x) => rotary.forward(x, { positionIds }),
          (x) => plain(x, [3, 0, 11, 3], 100),
          [x],
        );
        dispose([x, positionIds]);
      }));
    it("has nothing to learn and nothing in checkpoints", () => {
      using rotary = new RotaryEmbedding(4, { maxPositions: 8, device });
      expect([rotary.numParameters(), rotary.stateDict().size, rotary.namedBuffers().size]).toEqual([0, 0, 2]);
      expect(String(rotary)).toBe("RotaryEmbedding(4, theta=10000, maxPositions=8)");
    });
  });

  describe("GLU", () => {
    it("is a · sigmoid(b)", () =>
      withoutLeaks(async () => {
        const layer = new GLU(1);
        const x = make(2, 3, 6, 2);
        await sameAsPlain(
          (x) => layer.forward(x),
          (x) => mul(narrow(x, 1, 0, 3), sigmoid(narrow(x, 1, 3, 3))),
          [x],
        );
        dispose(x);
        expect(() => scope(() => layer.forward(make(2, 3, 5)))).toThrow(
          /GLU: expected an even size at dim 1, got \[3, 5\]; pad it/,
        );
      }));
  });

  describe("SwiGLU", () => {
    it("is down(silu(gate(x)) · up(x))", () =>
      withoutLeaks(async () => {
        using layer = new SwiGLU(5, 7, { outFeatures: 3, bias: true, device });
        const names = ["gateProj", "upProj", "downProj"].flatMap((name) => [`${name}.weight`, `${name}.bias`]);
        const inputs = [make(3, 2, 4, 5), ...parametersOf(layer)];
        const project = (x: Tensor, w: Tensor, b: Tensor): Tensor => add(matmul(x, transpose(w, 0, 1)), b);
        await sameAsPlain(
          withParameters(layer, names, (x) => layer.forward(x)),
          (x, ...weights) => {
            const [wg, bg, wu, bu, wd, bd] = weights as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
            const gate = project(x, wg, bg);
            return project(mul(mul(gate, sigmoid(gate)), project(x, wu, bu)), wd, bd);
          },
          inputs,
        );
        dispose(inputs);
      }));
  });

  describe("attend", () => {
    /** Head by head, each with the head of keys of its group; query t sees the keys that `sees` says. */
    const plain = (
      [q, k, v]: readonly [Tensor, Tensor, Tensor],
      heads: number,
      kvHeads: number,
      sees: (query: number, key: number) => boolean,
    ): Tensor => {
      const [queries, keys] = [q.size(1), k.size(1)];
      const width = q.size(2) / heads;
      const shown = tensor(
        Uint8Array.from({ length: queries * keys }, (_, i) => Number(sees(Math.floor(i / keys), i % keys))),
        [queries, keys],
        { dtype: "bool", device },
      );
      const min = tensor(-1e30, [], { device });
      const mixed = Array.from({ length: heads }, (_, h) => {
        const group = Math.floor(h / (heads / kvHeads));
        const [qh, kh, vh] = [
          narrow(q, 2, h * width, width),
          narrow(k, 2, group * width, width),
          narrow(v, 2, group * width, width),
        ];
        const scores = mul(matmul(qh, transpose(kh, 1, 2)), 1 / Math.sqrt(width));
        return matmul(softmax(where(shown, scores, min), -1), vh);
      });
      return cat(mixed, 2);
    };
    it.each([
      ["one head of keys for all", 4, 1, 5],
      ["groups of two", 4, 2, 5],
      ["groups of three and one query", 6, 2, 1],
    ])("shares heads of keys: %s", (_, numHeads, numKvHeads, queries) =>
      withoutLeaks(async () => {
        const inputs = [
          make(4, 2, queries, numHeads * 4),
          make(5, 2, 5, numKvHeads * 4),
          make(6, 2, 5, numKvHeads * 4),
        ];
        await sameAsPlain(
          (q, k, v) => attend(q, k, v, { numHeads, numKvHeads }),
          (q, k, v) => plain([q, k, v], numHeads, numKvHeads, () => true),
          inputs,
        );
        dispose(inputs);
      }),
    );
    it("with a cache computes the same, whatever the parts that tokens come in", () =>
      withoutLeaks(async () => {
        const [q, k, v] = [make(7, 2, 6, 16), make(8, 2, 6, 8), make(9, 2, 6, 8)] as [Tensor, Tensor, Tensor];
        using rotary = new RotaryEmbedding(4, { maxPositions: 6, device });
        const options = { numHeads: 4, numKvHeads: 2, isCausal: true };
        const turned = (offset: number, tokens: number) => {
          const rotation = rotary.rotation(tokens, { offset });
          return { rotation, rotary: (x: Tensor) => rotate(x, rotation) };
        };
        const whole = scope(() => attend(q, k, v, { ...options, rotary: turned(0, 6).rotary }));
        for (const parts of [
          [1, 1, 1, 1, 1, 1],
          [3, 1, 2],
          [4, 2],
        ]) {
          using cache = new KeyValueCache();
          const ys = scope(() =>
            parts.map((tokens) => {
              const offset = cache.length;
              const part = (x: Tensor): Tensor => narrow(x, 1, offset, tokens);
              return attend(part(q), part(k), part(v), { ...options, cache, rotary: turned(offset, tokens).rotary });
            }),
          );
          const y = scope(() => cat(ys, 1));
          await close(y, whole);
          expect([cache.length, cache.bytes]).toEqual([6, 2 * 4 * 2 * 6 * 8]);
          dispose([ys, y]);
        }
        dispose([q, k, v, whole]);
      }));
    it("adds a mask to the order of tokens that come after others", () =>
      withoutLeaks(async () => {
        const inputs = [make(10, 1, 3, 8), make(11, 1, 5, 8), make(12, 1, 5, 8)] as [Tensor, Tensor, Tensor];
        const sees = (query: number, key: number): boolean => key <= query + 2 && key !== 1;
        const bool = tensor(new Uint8Array([1, 0, 1, 1, 1]), [1, 1, 1, 5], { dtype: "bool", device });
        const added = tensor(new Float32Array([0, -Infinity, 0, 0, 0]), [1, 1, 1, 5], { device });
        for (const attnMask of [bool, added])
          await sameAsPlain(
            (q, k, v) => {
              using cache = new KeyValueCache();
              const [before, after] = [0, 2].map((start) =>
                [k, v].map((x) => narrow(x, 1, start, start === 0 ? 2 : 3)),
              ) as [[Tensor, Tensor], [Tensor, Tensor]];
              cache.append(...(before.map((x) => reshape(x, [1, 2, 2, 4])) as [Tensor, Tensor]));
              return attend(q, ...after, { numHeads: 2, attnMask, isCausal: true, cache });
            },
            (q, k, v) => plain([q, k, v], 2, 2, sees),
            inputs,
          );
        dispose([inputs, bool, added]);
      }));
    it("without a cache counts queries and keys from the first, as torch does", () =>
      withoutLeaks(async () => {
        for (const queries of [1, 3]) {
          const inputs = [make(10, 1, queries, 8), make(11, 1, 5, 4), make(12, 1, 5, 4)];
          await sameAsPlain(
            (q, k, v) => attend(q, k, v, { numHeads: 2, numKvHeads: 1, isCausal: true }),
            (q, k, v) => plain([q, k, v], 2, 1, (query, key) => key <= query),
            inputs,
          );
          dispose(inputs);
        }
      }));
  });

  it("MultiHeadAttention with a cache, groups of heads and rotary positions writes as it reads", () =>
    withoutLeaks(async () => {
      using layer = new MultiHeadAttention(16, 4, { numKvHeads: 2, device });
      using rotary = new RotaryEmbedding(4, { maxPositions: 5, device });
      using cache = new KeyValueCache();
      const x = make(13, 2, 5, 16);
      const whole = scope(() => layer.forward(x, { isCausal: true, rotation: rotary.rotation(5) }));
      const steps = scope(() => {
        const ys = Array.from({ length: 5 }, (_, t) => {
          const rotation = rotary.rotation(1, { offset: t });
          return layer.forward(narrow(x, 1, t, 1), { isCausal: true, cache, rotation });
        });
        return cat(ys, 1);
      });
      await close(steps, whole);
      expect([layer.kProj.outFeatures, layer.vProj.outFeatures]).toEqual([8, 8]);
      dispose([x, whole, steps]);
    }));
});

describe("RotaryEmbedding", () => {
  it("makes the product of two vectors depend on how far apart they are", () => {
    using rotary = new RotaryEmbedding(8, { maxPositions: 64 });
    scope((): void => {
      const [q, k] = [normal(1, 1, 1, 8).make(1, cpu), normal(1, 1, 1, 8).make(2, cpu)];
      const product = (m: number, n: number): number =>
        sum(mul(rotary.forward(q, { offset: m }), rotary.forward(k, { offset: n }))).itemSync();
      expect(product(20, 13)).toBeCloseTo(product(57, 50), 5);
      expect(product(20, 13)).not.toBeCloseTo(product(20, 14), 2);
    });
  });
  it("stretches frequencies as its scaling says", () => {
    // Wavelengths of 2π·theta^(2i/8) tokens for i = 0 … 3: below 8192/4 they stay, above 8192/1 they grow by the factor, and those between are mixed.
    const angle = (scaling: ConstructorParameters<typeof RotaryEmbedding>[1]): number[] => {
      using rotary = new RotaryEmbedding(8, { theta: 500_000, maxPositions: 2, ...scaling });
      return [...select(rotary.sin, 0, 1).dataSync()].map(Math.asin);
    };
    const plain = [1, 500_000 ** -0.25, 500_000 ** -0.5, 500_000 ** -0.75];
    const turns = 8192 / ((2 * Math.PI) / plain[2]!);
    const share = (turns - 1) / (4 - 1);
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(1);
    const llama3 = {
      type: "llama3",
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositionEmbeddings: 8192,
    } as const;
    const expected = [plain[0]!, plain[1]!, plain[2]! * (share + (1 - share) / 8), plain[3]! / 8];
    for (const [i, value] of angle({ scaling: llama3 }).entries()) expect(value / expected[i]!).toBeCloseTo(1, 5);
    for (const [i, value] of angle({ scaling: { type: "linear", factor: 4 } }).entries())
      expect(value / (plain[i]! / 4)).toBeCloseTo(1, 5);
  });
  it("refuses what it has no angle for", () => {
    expect(() => new RotaryEmbedding(5)).toThrow(/RotaryEmbedding: expected an even dim from 2 up, got 5/);
    expect(() => new RotaryEmbedding(4, { theta: 0 })).toThrow(ArgumentError);
    using rotary = new RotaryEmbedding(4, { maxPositions: 3 });
    scope((): void => {
      expect(() => rotary.rotation(2, { offset: 2 })).toThrow(IndexError);
      expect(() => rotary.rotation(2, { offset: 2 })).toThrow(
        /RotaryEmbedding: expected positions below 3, got 3; raise maxPositions, or shorten the text/,
      );
      expect(() => rotary.forward(normal(1, 1, 1, 6).make(1, cpu))).toThrow(ShapeError);
      const positionIds = tensor(new Int32Array([0, 1, 2]), [1, 3]);
      expect(() => rotary.rotation(2, { positionIds })).toThrow(/expected positionIds \[batch, 2\], got \[1, 3\]/);
    });
  });
});

describe("KeyValueCache", () => {
  it("keeps rows in another order, and copies of them", () =>
    withoutLeaks(() => {
      using cache = new KeyValueCache();
      scope((): void => {
        const k = tensor(new Float32Array([1, 2, 3]), [3, 1, 1, 1]);
        cache.append(k, mul(k, 10));
        cache.reorder(tensor(new Int32Array([2, 2, 0, 1])));
        const more = tensor(new Float32Array([4, 5, 6, 7]), [4, 1, 1, 1]);
        const [keys, values] = cache.append(more, more);
        expect([...reshape(keys, [8]).dataSync()]).toEqual([3, 4, 3, 5, 1, 6, 2, 7]);
        expect([...reshape(values, [8]).dataSync()]).toEqual([30, 4, 30, 5, 10, 6, 20, 7]);
      });
    }));
  it("refuses another batch, and is empty after dispose", () =>
    withoutLeaks(() => {
      const cache = new KeyValueCache();
      scope((): void => {
        const x = normal(2, 1, 3, 4).make(1, cpu);
        cache.append(x, x);
        expect(() => cache.append(normal(1, 1, 3, 4).make(1, cpu), normal(1, 1, 3, 4).make(1, cpu))).toThrow(
          /KeyValueCache: expected key and value \[batch, tokens, heads, d\] as before, got \[1, 1, 3, 4\] and \[1, 1, 3, 4\] beside \[2, 1, 3, 4\]; a new batch takes a new cache/,
        );
        expect(cache.length).toBe(1);
        cache.dispose();
        expect([cache.length, cache.bytes]).toEqual([0, 0]);
        cache.append(stack([select(x, 0, 0)], 0), stack([select(x, 0, 0)], 0));
      });
      cache.dispose();
    }));
  it("refuses heads that do not divide one another", () => {
    expect(() => new MultiHeadAttention(12, 6, { numKvHeads: 4 })).toThrow(
      /MultiHeadAttention: expected numKvHeads that divides numHeads 6, got 4/,
    );
    scope((): void => {
      const x = normal(1, 2, 12).make(1, cpu);
      expect(() => attend(x, x, x, { numHeads: 6, numKvHeads: 4 })).toThrow(
        /attention: expected numKvHeads that divides 6 heads, got 4/,
      );
      expect(() => attend(x, x, x, { numHeads: 5 })).toThrow(/whose features 5 heads divide, got \[1, 2, 12\]/);
    });
  });
});
