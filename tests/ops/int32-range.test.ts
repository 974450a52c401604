import { grad, GradientError, valueAndGrad, vjp } from "@tessera/autograd";
import { bceWithLogits, init, mseLoss } from "@tessera/nn";
import {
  add,
  cast,
  cumsum,
  DTypeError,
  eq,
  full,
  ge,
  Generator,
  gt,
  le,
  logsumexp,
  lt,
  maskedFill,
  mean,
  mul,
  narrow,
  ne,
  OverflowError,
  pad,
  randint,
  scope,
  slice,
  std,
  sum,
  tensor,
  transpose,
  variance,
  vectorNorm,
  zeros,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

const MAX = 2147483647;
const ints = (...values: number[]): Tensor => tensor(Int32Array.from(values));
/** What `make` computes, as numbers. */
const read = async (make: () => Tensor): Promise<number[]> => {
  const x = scope(make);
  try {
    return Array.from(await x.data());
  } finally {
    x.dispose();
  }
};

onEveryDevice(() => {
  it.each([
    [3e9, { lt: 1, le: 1, gt: 0, ge: 0, eq: 0, ne: 1 }],
    [-3e9, { lt: 0, le: 0, gt: 1, ge: 1, eq: 0, ne: 1 }],
    [2 ** 32 + 5, { lt: 1, le: 1, gt: 0, ge: 0, eq: 0, ne: 1 }],
    [5.5, { lt: 1, le: 1, gt: 0, ge: 0, eq: 0, ne: 1 }],
    [4.5, { lt: 0, le: 0, gt: 1, ge: 1, eq: 0, ne: 1 }],
    [5, { lt: 0, le: 1, gt: 0, ge: 1, eq: 1, ne: 0 }],
    [Infinity, { lt: 1, le: 1, gt: 0, ge: 0, eq: 0, ne: 1 }],
    [NaN, { lt: 0, le: 0, gt: 0, ge: 0, eq: 0, ne: 1 }],
  ] as const)("compares 5 of int32 with %d", (value, want) =>
    withoutLeaks(async () => {
      for (const [name, compare] of Object.entries({ lt, le, gt, ge, eq, ne }))
        expect([name, await read(() => compare(ints(5), value))]).toEqual([name, [want[name as keyof typeof want]]]);
    }),
  );

  it("compares bool with numbers that it does not hold", () =>
    withoutLeaks(async () => {
      expect(await read(() => eq(tensor([true, false]), 2))).toEqual([0, 0]);
      expect(await read(() => ne(tensor([true, false]), 0.5))).toEqual([1, 1]);
    }));

  it("refuses numbers beside int32 that it cannot hold", () =>
    withoutLeaks(() =>
      scope((): void => {
        for (const [name, call] of Object.entries({ add, mul }))
          expect(() => call(ints(5), 2 ** 32)).toThrow(
            `${name}: a whole number expected beside int32, got 4294967296; it holds -2147483648 to 2147483647, cast(x, "float32") first?`,
          );
        expect(() => pad(ints(1), [1, 1], 3e9)).toThrow(/^pad: a whole number expected/);
        expect(() => maskedFill(ints(1), tensor([true]), 3e9)).toThrow(DTypeError);
        expect(() => randint(MAX, MAX + 2, [3])).toThrow(/^randint: numbers from/);
      }),
    ));

  const shapes = [[7], [300, 40], [40, 300], [3, 70000], [70000, 3], [200000], [5, 60, 8]];
  it.each(shapes.map((shape) => [shape]))("adds up int32 of shape %j exactly", (shape) =>
    withoutLeaks(async () => {
      const count = shape.reduce((n, size) => n * size, 1);
      const host = Int32Array.from({ length: count }, (_, i) => Math.imul(i, 1640531527) >> 12);
      const all = host.reduce((total, value) => total + value, 0);
      expect(await read(() => sum(tensor(host, shape)))).toEqual([all]);
      const rows = await read(() => sum(tensor(host, shape), -1));
      expect(await read(() => sum(transpose(tensor(host, shape), 0, -1), 0))).toEqual(
        shape.length === 1 ? [all] : await read(() => transpose(sum(tensor(host, shape), -1), 0, -1)),
      );
      const running = await read(() => slice(cumsum(tensor(host, shape), -1), -1, { start: shape.at(-1)! - 1 }));
      expect(running).toEqual(rows);
    }),
  );

  it("refuses sums of int32 that it cannot hold, and takes those that come back", () =>
    withoutLeaks(async () => {
      const wrong = [
        () => sum(ints(MAX, 1)),
        () => sum(ints(-MAX, -2)),
        () => sum(full([9, 200], MAX, { dtype: "int32" }), 1),
        () => sum(full([2000, 9], -MAX, { dtype: "int32" }), 0),
        () => sum(full([100000], MAX, { dtype: "int32" })),
        () => cumsum(ints(MAX, 1, -5), 0),
        () => cumsum(full([70000], 65536, { dtype: "int32" }), 0),
      ];
      for (const make of wrong) await expect(read(make)).rejects.toThrow(OverflowError);
      await expect(read(wrong[0]!)).rejects.toThrow(
        'sum: int32 holds numbers from -2147483648 to 2147483647, and these add up to more; cast(x, "float32") first?',
      );
      expect(await read(() => sum(ints(MAX, 1, -5)))).toEqual([MAX - 4]);
      expect(await read(() => cumsum(ints(MAX - 1, 1, -MAX), 0))).toEqual([MAX - 1, MAX, 0]);
    }));

  it("reads views of empty tensors, and adds up nothing", () =>
    withoutLeaks(async () => {
      expect(await read(() => narrow(zeros([0, 3]), 1, 1, 2))).toEqual([]);
      expect(await read(() => sum(narrow(zeros([0, 3]), 1, 1, 2), 0))).toEqual([0, 0]);
      expect(await read(() => logsumexp(zeros([2, 0]), 1))).toEqual([-Infinity, -Infinity]);
      expect(await read(() => logsumexp(zeros([0])))).toEqual([-Infinity]);
      expect(await read(() => logsumexp(zeros([0, 3]), 1))).toEqual([]);
      expect(await read(() => grad((x: Tensor) => sum(logsumexp(x, 1)))(zeros([2, 0])))).toEqual([]);
    }));

  it.each([
    [1000, 1001],
    [1, 1 + 2 ** -22],
    [-1001, -1001 + 2 ** -12],
    [0.1, 0.7],
    [-3e38, 3e38],
  ])("draws uniform numbers from %d, and never %d", (low, high) =>
    withoutLeaks(async () => {
      const drawn = await read(() => init.uniform([20000], { low, high, generator: new Generator(1) }));
      expect(drawn.filter((value) => !(value >= low && value < high))).toEqual([]);
    }),
  );

  it("names what was called, not a part of it", () =>
    withoutLeaks(() =>
      scope((): void => {
        const x = ints(1, 3);
        for (const [name, call] of Object.entries({ mean, std, variance, vectorNorm, logsumexp }))
          expect(() => call(x)).toThrow(`${name}: expected float32, got int32; cast(x, "float32") first?`);
        expect(() => mseLoss(x, x)).toThrow("mseLoss: expected float32, got int32 and int32");
        expect(() => bceWithLogits(tensor([1, 2]), x)).toThrow(
          "bceWithLogits: expected float32, got float32 and int32",
        );
        try {
          vectorNorm(x);
        } catch (error) {
          expect((error as Error).stack).toContain("vectorNorm: expected float32");
        }
      }),
    ));
});

describe("gradients by whole numbers", () => {
  const tripled = (x: Tensor): Tensor => sum(mul(cast(x, "float32"), 3));
  it("are refused", () =>
    withoutLeaks(() =>
      scope((): void => {
        expect(() => grad(tripled)(ints(1, 2))).toThrow(
          "grad: expected a float32 tensor to differentiate by, got int32, which has no gradient",
        );
        expect(() => valueAndGrad(tripled)(tensor([true]))).toThrow(
          /^valueAndGrad: expected a float32 tensor .* got bool/,
        );
        expect(() => vjp(tripled, ints(1))).toThrow(GradientError);
        const count = { namedParameters: () => new Map([["count", ints(1)]]) };
        expect(() => valueAndGrad(count, () => sum(tensor([1])))()).toThrow(
          "valueAndGrad: expected float32 parameters, got count, which is int32",
        );
      }),
    ));

  it("are null in a vjp, beside those of float32", () =>
    withoutLeaks(async () => {
      const dx = scope(() => {
        const { pullback } = vjp((x: Tensor, n: Tensor) => mul(x, cast(n, "float32")), tensor([2]), ints(3));
        const [dx, dn] = pullback(tensor([1]));
        expect(dn).toBeNull();
        return dx!;
      });
      expect(Array.from(await dx.data())).toEqual([3]);
      dx.dispose();
    }));
});
