import { eye, Generator, linspace, logspace, randperm, tensor, type Tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

const read = async (x: Tensor): Promise<number[]> => {
  const values = [...(await x.data())];
  x.dispose();
  return values;
};

onEveryDevice(() => {
  it("linspace is exact at both ends, whatever the step", () =>
    withoutLeaks(async () => {
      expect(await read(linspace(0, 1, 5))).toEqual([0, 0.25, 0.5, 0.75, 1]);
      expect(await read(linspace(3, 10, 1))).toEqual([3]);
      expect(await read(linspace(3, 10, 0))).toEqual([]);
      expect(await read(linspace(5, -5, 3))).toEqual([5, 0, -5]);
      expect(await read(linspace(0, 4, 4, { dtype: "int32" }))).toEqual([0, 1, 2, 4]);
      expect(await read(linspace(0, 1, 3, { dtype: "bool" }))).toEqual([0, 1, 1]);
      const tenths = await read(linspace(-0.1, 0.7, 1001));
      expect([tenths[0], tenths[1000]]).toEqual([Math.fround(-0.1), Math.fround(0.7)]);
    }));

  it("logspace gives powers", () =>
    withoutLeaks(async () => {
      expect(await read(logspace(0, 2, 3))).toEqual([1, 10, 100]);
      expect(await read(logspace(0, 3, 4, { base: 2, dtype: "int32" }))).toEqual([1, 2, 4, 8]);
    }));

  it("eye may have more columns than rows, or fewer", () =>
    withoutLeaks(async () => {
      expect(await read(eye(2, 3))).toEqual([1, 0, 0, 0, 1, 0]);
      expect(await read(eye(3, 2, { dtype: "int32" }))).toEqual([1, 0, 0, 1, 0, 0]);
      expect(await read(eye(0, 2))).toEqual([]);
    }));

  it("randperm holds every number once, in an order of the generator's", () =>
    withoutLeaks(async () => {
      const order = await read(randperm(500, { generator: new Generator(3) }));
      expect(order).not.toEqual(order.toSorted((a, b) => a - b));
      expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => i));
      expect(await read(randperm(500, { generator: new Generator(3) }))).toEqual(order);
      expect(await read(randperm(500, { generator: new Generator(4) }))).not.toEqual(order);
    }));
});

it("every order of four is equally likely", async () => {
  const generator = new Generator(9);
  const counts = new Map<string, number>();
  for (let i = 0; i < 4800; i++) {
    const order = (await read(randperm(4, { generator }))).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  // χ² with 23 degrees of freedom is above 49.7 once in a thousand times; the seed is fixed.
  const squares = [...counts.values()].reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0);
  expect(counts.size).toBe(24);
  expect(squares).toBeLessThan(49.7);
});

it("says what cannot be", () => {
  expect(() => linspace(0, 1, 2.5)).toThrow("linspace: steps is a whole number from 0 up, got 2.5");
  expect(() => linspace(0, tensor(1) as unknown as number, 2)).toThrow("linspace: numbers expected, got");
  expect(() => logspace(0, 12, 3, { dtype: "int32" })).toThrow(
    "logspace: a whole number expected beside int32, got 1000000000000",
  );
  expect(() => eye(2, -1)).toThrow("eye: sizes are whole numbers from 0 up, got [2, -1]");
});
