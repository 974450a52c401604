// Ops whose shape depends on data, and so come later; and draws, whose numbers do.
import { grad } from "@tessera/autograd";
import {
  bincount,
  dispose,
  Generator,
  gatherNd,
  gt,
  maskedSelect,
  multinomial,
  nonzero,
  sum,
  tensor,
  transpose,
  type Tensor,
} from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

const ints = (...values: number[]): Tensor => tensor(Int32Array.from(values));
/** What a tensor is, after which it and the others go. */
const facts = async (later: Promise<Tensor>, ...others: Tensor[]) => {
  const x = await later;
  const found = [x.dtype, x.shape, [...(await x.data())]];
  dispose([x, ...others]);
  return found;
};

onEveryDevice(() => {
  it("nonzero lists places in order, of views and of bool too, and NaN is not 0", () =>
    withoutLeaks(async () => {
      const x = tensor([
        [0, 5, NaN],
        [3, -0, 0],
      ]);
      const y = transpose(x, 0, 1);
      expect(await facts(nonzero(x))).toEqual(["int32", [3, 2], [0, 1, 0, 2, 1, 0]]);
      expect(await facts(nonzero(y), x, y)).toEqual(["int32", [3, 2], [0, 1, 1, 0, 2, 0]]);
      const flags = tensor([false, true]);
      expect(await facts(nonzero(flags), flags)).toEqual(["int32", [1, 1], [1]]);
      for (const [value, count] of [
        [7, 1],
        [0, 0],
      ] as const) {
        const scalar = tensor(value);
        expect(await facts(nonzero(scalar), scalar)).toEqual(["int32", [count, 0], []]);
      }
    }));

  it("maskedSelect broadcasts both", () =>
    withoutLeaks(async () => {
      const x = tensor([[1], [2]]);
      const mask = tensor([true, false, true]);
      expect(await facts(maskedSelect(x, mask), x, mask)).toEqual(["float32", [4], [1, 1, 2, 2]]);
      const [none, whole] = [tensor([false, false]), ints(4, 5)];
      expect(await facts(maskedSelect(whole, none), none, whole)).toEqual(["int32", [0], []]);
    }));

  it("bincount counts or weighs, up to the largest number or further", () =>
    withoutLeaks(async () => {
      const x = ints(3, 1, 3);
      expect(await facts(bincount(x))).toEqual(["int32", [4], [0, 1, 0, 2]]);
      expect(await facts(bincount(x, { minlength: 6 }))).toEqual(["int32", [6], [0, 1, 0, 2, 0, 0]]);
      const weights = tensor([0.5, 2, 4]);
      expect(await facts(bincount(x, { weights }), x, weights)).toEqual(["float32", [4], [0, 2, 0, 4.5]]);
      const nothing = ints();
      expect(await facts(bincount(nothing), nothing)).toEqual(["int32", [0], []]);
    }));

  it("places that were found take gradients on", () =>
    withoutLeaks(async () => {
      const x = tensor([1, -2, 3]);
      const mask = gt(x, 0);
      const places = await nonzero(mask);
      const dx = grad((y: Tensor) => sum(gatherNd(y, places)))(x);
      expect([...(await dx.data())]).toEqual([1, 0, 1]);
      dispose([x, mask, places, dx]);
    }));

  it("multinomial draws in proportion to the weights, and never what weighs 0", () =>
    withoutLeaks(async () => {
      const weights = tensor([0, 1, 0, 3, 0]);
      const drawn = multinomial(weights, 8000, { replacement: true, generator: new Generator(5) });
      const counts = [0, 0, 0, 0, 0];
      for (const one of await drawn.data()) counts[one]!++;
      expect(counts.map((count, i) => (i === 1 || i === 3 ? count > 0 : count))).toEqual([0, true, 0, true, 0]);
      // Four deviations of a binomial number.
      expect(Math.abs(counts[1]! - 2000)).toBeLessThan(4 * Math.sqrt(8000 * 0.25 * 0.75));
      const two = multinomial(weights, 2, { generator: new Generator(6) });
      expect([...(await two.data())].toSorted()).toEqual([1, 3]);
      dispose([weights, drawn, two]);
    }));
});

it("refuses what has no such places", async () => {
  await expect(bincount(tensor([1]))).rejects.toThrow('bincount: expected int32, got float32; cast(x, "int32") first?');
  await expect(bincount(ints(1), { minlength: -1 })).rejects.toThrow(
    "bincount: minlength is a whole number from 0 up, got -1",
  );
  await expect(bincount(ints(1), { weights: tensor([1, 2]) })).rejects.toThrow(
    "bincount: expected a vector and weights of its shape, got [1] and [2]",
  );
  await expect(bincount(ints(2, -1))).rejects.toThrow(/^bincount: index -1 is outside|indexAdd/);
  await expect(maskedSelect(tensor([1]), tensor([1]))).rejects.toThrow(
    "maskedSelect: the mask is bool, got float32; compare first",
  );
  await expect(maskedSelect(tensor([1, 2]), tensor([true, true, true]))).rejects.toThrow(
    /^maskedSelect: shapes \[2\] and \[3\] do not broadcast/,
  );
});
