// Gradients at corners: an infinite slope beside what was not chosen, roots at zero, sums and quotients that leave float32.
import { grad, vjp } from "@tessera/autograd";
import * as t from "@tessera/tensor";
import { tensor, type Tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

/** d Σ f(x) / dx. */
const slope = async (f: (x: Tensor) => Tensor, x: Parameters<typeof tensor>[0]): Promise<number[]> => {
  const dx = t.scope(() => grad((a: Tensor) => t.sum(f(a)))(tensor(x)));
  const values = Array.from(await dx.data());
  dx.dispose();
  return values;
};

/** The pullback of f at x for one cotangent. */
const pulled = async (f: (x: Tensor) => Tensor, x: number[], dy: number[]): Promise<number[]> => {
  const dx = t.scope(() => vjp(f, tensor(x)).pullback(tensor(dy))[0]!);
  const values = Array.from(await dx.data());
  dx.dispose();
  return values;
};

const close = (got: readonly number[], want: readonly number[]): void => {
  expect(got.length).toBe(want.length);
  for (const [i, value] of want.entries())
    if (Number.isFinite(value) && value !== 0) expect(got[i]! / value).toBeCloseTo(1, 4);
    else expect(got[i]! + 0).toBe(value);
};

onEveryDevice(() => {
  // √ of what was chosen has an infinite slope at 0: √4 has ¼.
  const chosen: readonly (readonly [string, (x: Tensor) => Tensor])[] = [
    ["where, first branch", (x) => t.where(t.gt(x, 0), x, t.zeros([2]))],
    ["where, second branch", (x) => t.where(t.le(x, 0), t.zeros([2]), x)],
    ["maskedFill", (x) => t.maskedFill(x, t.le(x, 0), 0)],
    ["relu", (x) => t.relu(x)],
    ["clamp", (x) => t.clamp(x, 0)],
    ["maximum, first operand", (x) => t.maximum(x, 0)],
    ["maximum, second operand", (x) => t.maximum(t.zeros([2]), x)],
    ["minimum, first operand", (x) => t.neg(t.minimum(t.neg(x), 0))],
    ["minimum, second operand", (x) => t.neg(t.minimum(t.zeros([2]), t.neg(x)))],
  ];
  it.each(chosen)("%s lets no infinite slope through to what it did not choose", (_, f) =>
    withoutLeaks(async () => close(await slope((x) => t.sqrt(f(x)), [4, -1]), [0.25, 0])),
  );

  it("tril and triu let no infinite slope through to the other triangle", () =>
    withoutLeaks(async () => {
      const x = [
        [4, 4],
        [4, 4],
      ];
      close(await slope((y) => t.sqrt(t.tril(y)), x), [0.25, 0, 0.25, 0.25]);
      close(await slope((y) => t.sqrt(t.triu(y)), x), [0.25, 0.25, 0, 0.25]);
    }));

  it("amax and amin give nothing of an infinite slope to the others", () =>
    withoutLeaks(async () => {
      close(await pulled((x) => t.amax(x, { dim: 0, keepdim: true }), [1, 3, 3], [Infinity]), [0, Infinity, Infinity]);
      close(await pulled((x) => t.amin(x, { dim: 0, keepdim: true }), [1, 3, 3], [Infinity]), [Infinity, 0, 0]);
    }));

  it("abs gives 0 at 0 whatever comes", () =>
    withoutLeaks(async () => close(await pulled(t.abs, [0, -0, -2, 3], [Infinity, NaN, 5, 7]), [0, 0, -5, 7])));

  it("abs passes NaN on at NaN, so that a norm with a NaN in it has no slope of 0 there", () =>
    withoutLeaks(async () => {
      close(await pulled(t.abs, [NaN, NaN], [NaN, 2]), [NaN, 0]);
      for (const p of [0.5, 2, 3]) close(await slope((x) => t.vectorNorm(x, { p }), [1, NaN, -2]), [NaN, NaN, NaN]);
    }));

  it("pow of a negative number falls where its whole exponent is even, also where float32 holds no odd one", () =>
    withoutLeaks(async () => {
      for (const y of [2, 16777216, 3e9]) close(await slope((x) => t.pow(x, y), [-1]), [-y]);
      for (const y of [3, 16777215]) close(await slope((x) => t.pow(x, y), [-1]), [y]);
      close(await slope((x) => t.pow(x, 3e9), [-1.5, 1.5]), [-Infinity, Infinity]);
    }));

  it("pow gives nothing where nothing comes from above, however large its power", () =>
    withoutLeaks(async () => {
      close(await pulled((x) => t.pow(x, 85), [85, 3], [0, 0]), [0, 0]);
      // Beyond float64 too.
      const powers = [3e9, -3e9, Infinity, -Infinity];
      for (const y of powers) close(await pulled((x) => t.pow(x, y), [3e9, 1e-9, -3e9], [0, 0, 0]), [0, 0, 0]);
      close(await pulled((x) => t.pow(x, 3e9), [3e9, 1e-9], [1, 1]), [Infinity, 0]);
    }));

  it("hardSwish, hardSigmoid and hardTanh have the slopes of their limits far out; hardSwish of −∞ is NaN, as in PyTorch", () =>
    withoutLeaks(async () => {
      const far = [-Infinity, -3e38, 3e38, Infinity];
      const values = async (f: (x: t.Tensor) => t.Tensor): Promise<number[]> => {
        const y = t.scope(() => f(t.tensor(far)));
        const read = [...(await y.data())];
        y.dispose();
        return read;
      };
      for (const [f, limits, slopes] of [
        [t.hardSwish, [NaN, 0, Math.fround(3e38), Infinity], [0, 0, 1, 1]],
        [t.hardSigmoid, [0, 0, 1, 1], [0, 0, 0, 0]],
        [(x: t.Tensor) => t.hardTanh(x), [-1, -1, 1, 1], [0, 0, 0, 0]],
      ] as const) {
        expect(await values(f)).toEqual(limits);
        close(await pulled(f, far, [1, 1, 1, 1]), [...slopes]);
      }
    }));

  it("NaN passes a gradient through relu, maximum and minimum, and none through clamp", () =>
    withoutLeaks(async () => {
      close(await pulled(t.relu, [NaN], [2]), [2]);
      close(await pulled((x) => t.maximum(x, 1), [NaN], [2]), [2]);
      close(await pulled((x) => t.minimum(x, 1), [NaN], [2]), [2]);
      close(await pulled((x) => t.clamp(x, 0, 1), [NaN], [2]), [0]);
    }));

  it("silu and gelu have the slopes of their limits far out", () =>
    withoutLeaks(async () => {
      const far = [-Infinity, -1e30, 1e30, Infinity];
      close(await pulled(t.silu, far, [1, 1, 1, 1]), [0, 0, 1, 1]);
      // GELU's Φ(x) is 1 + erf, rounded beside 1 on cpu and webgpu.
      for (const [i, slope] of (await pulled(t.gelu, far, [1, 1, 1, 1])).entries())
        expect(Math.abs(slope - [0, 0, 1, 1][i]!)).toBeLessThan(1e-7);
    }));

  it("std of equal values has gradient 0, one of others does not", () =>
    withoutLeaks(async () => {
      close(
        await slope(
          (x) => t.std(x, { dim: 1 }),
          [
            [2, 2],
            [1, 3],
          ],
        ),
        [0, 0, -Math.SQRT1_2, Math.SQRT1_2],
      );
    }));

  it("vectorNorm has gradient 0 at a zero for p below 1, and of a zero vector", () =>
    withoutLeaks(async () => {
      close(await slope((x) => t.vectorNorm(x, { p: 0.5 }), [0, 4]), [0, 1]);
      for (const p of [0.5, 2, 3]) close(await slope((x) => t.vectorNorm(x, { p }), [0, 0]), [0, 0]);
    }));

  it("sqrt keeps its infinite slope at 0", () => withoutLeaks(async () => close(await slope(t.sqrt, [0]), [Infinity])));

  it("the gradient of cumsum loses no small weight after a large one, in short and long rows and columns", () =>
    withoutLeaks(async () => {
      close(await pulled((x) => t.cumsum(x, 0), [0, 0, 0], [1e8, 1, 1]), [1e8, 2, 1]);
      close(await pulled((x) => t.cumsum(x, 0), [0, 0, 0], [Infinity, 1, 1]), [Infinity, 2, 1]);
      for (const n of [65, 1001, 20000]) {
        const dy = [1e9, ...new Array<number>(n - 1).fill(1)];
        const rows = await pulled((x) => t.cumsum(x, 0), dy, dy);
        close([rows[1]!, rows[n - 2]!, rows[n - 1]!], [n - 1, 2, 1]);
        const columns = await pulled((x) => t.reshape(t.cumsum(t.reshape(x, [n, 1, 1]), 0), [n]), dy, dy);
        close([columns[1]!, columns[n - 1]!], [n - 1, 1]);
      }
      const few = t.scope(() => vjp((x: Tensor) => t.cumsum(x, 0), t.ones([100, 2])).pullback(t.ones([100, 2]))[0]!);
      expect(Array.from(await few.data()).slice(0, 4)).toEqual([100, 100, 99, 99]);
      few.dispose();
    }));

  it("quotients and powers stay right where a square leaves float32", () =>
    withoutLeaks(async () => {
      const quotient = (x: number) => (y: Tensor) => t.div(tensor([x]), y);
      close(await pulled(quotient(1e-20), [1e-25], [1]), [-1e30]);
      close(await pulled(quotient(1e30), [1e25], [1]), [-1e-20]);
      close(await pulled(quotient(1), [1e-25], [1e-30]), [-1e20]);
      close(await pulled(quotient(3e38), [2], [3]), [-2.25e38]);
      close(await pulled(t.reciprocal, [1e-25], [1e-30]), [-1e20]);
      close(await pulled(t.rsqrt, [1e-30], [1e-30]), [-5e14]);
      close(await pulled((x) => t.pow(x, -1), [1e-25], [1e-30]), [-1e20]);
      close(await pulled((x) => t.pow(x, -1), [-1e30], [1e30]), [-1e-30]);
    }));

  it("layer norm and RMS norm of a row whose squares leave float32", () =>
    withoutLeaks(async () => {
      for (const n of [2, 64, 5000]) {
        const row = Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1e20 : 3e20));
        const [centred, scaled] = t.scope(() => [t.layerNorm(tensor(row), [n]), t.rmsNorm(tensor(row), [n])] as const);
        close(Array.from(await centred.data()).slice(0, 2), [-1, 1]);
        close(Array.from(await scaled.data()).slice(0, 2), [Math.sqrt(0.2), Math.sqrt(1.8)]);
        t.dispose([centred, scaled]);
      }
      const dx = await slope((x) => t.mul(t.layerNorm(x, [3]), tensor([1, 0, 0])), [1e20, 2e20, 4e20]);
      close(dx, [2.29081e-21, -3.436216e-21, 1.145405e-21]);
    }));

  it("a float mask whose row is all −∞ gets gradient 0, not NaN", () =>
    withoutLeaks(async () => {
      const one = (): Tensor =>
        tensor([
          [
            [
              [1, 0],
              [0, 1],
            ],
          ],
        ]);
      const attend = (attnMask: Tensor): Tensor =>
        t.scaledDotProductAttention(
          one(),
          one(),
          tensor([
            [
              [
                [1, 2],
                [3, 4],
              ],
            ],
          ]),
          { attnMask },
        );
      const none = -Infinity;
      close(
        await slope(attend, [
          [
            [
              [none, none],
              [0, 0],
            ],
          ],
        ]),
        [0, 0, -0.884724, 0.884724],
      );
      close(await slope(attend, [[[[none, none]]]]), [0, 0]);
    }));

  it("a NaN key behind a mask gives nothing", () =>
    withoutLeaks(async () => {
      const y = t.scope(() =>
        t.scaledDotProductAttention(
          tensor([
            [
              [
                [1, 0],
                [0, 1],
              ],
            ],
          ]),
          tensor([
            [
              [
                [1, 0],
                [NaN, NaN],
              ],
            ],
          ]),
          tensor([
            [
              [
                [1, 2],
                [3, 4],
              ],
            ],
          ]),
          { attnMask: tensor([[[[true, false]]]]) },
        ),
      );
      close(Array.from(await y.data()), [1, 2, 1, 2]);
      y.dispose();
    }));

  it("clamp with min above max gives max; casts saturate, and NaN becomes 0", () =>
    withoutLeaks(async () => {
      const [clamped, whole, signs] = t.scope(
        () =>
          [
            t.clamp(tensor([-3, 0, 2]), 0.5, -0.5),
            t.cast(tensor([3e9, -3e9, Infinity, -Infinity, NaN, 2147483520]), "int32"),
            t.sign(tensor([NaN, -Infinity, 0])),
          ] as const,
      );
      expect(Array.from(await clamped.data())).toEqual([-0.5, -0.5, -0.5]);
      expect(Array.from(await whole.data())).toEqual([2147483647, -2147483648, 2147483647, -2147483648, 0, 2147483520]);
      expect(Array.from(await signs.data())).toEqual([0, -1, 0]);
      t.dispose([clamped, whole, signs]);
    }));

  it("logsumexp of nothing is −∞, and views of nothing can be read", () =>
    withoutLeaks(async () => {
      const [logs, rest, sums] = t.scope(() => {
        const narrow = t.narrow(t.zeros([0, 3]), 1, 1, 2);
        return [t.logsumexp(t.zeros([2, 0]), { dim: 1 }), narrow, t.sum(narrow, { dim: 0 })] as const;
      });
      expect(Array.from(await logs.data())).toEqual([-Infinity, -Infinity]);
      expect(Array.from(await rest.data())).toEqual([]);
      expect(Array.from(await sums.data())).toEqual([0, 0]);
      t.dispose([logs, rest, sums]);
    }));
});
