import { describe, expect, it } from "vitest";
import { contiguousStrides, numel, reshapedStrides, type Shape } from "./shape.ts";

/** Where the elements lie, in row-major order. */
const places = (shape: Shape, strides: readonly number[]): number[] =>
  Array.from({ length: numel(shape) }, (_, i) =>
    shape.reduce((at, size, d) => at + (Math.floor(i / numel(shape.slice(d + 1))) % size) * strides[d]!, 0),
  );

/** All shapes of `n` elements with up to `rank` dims. */
const shapesOf = (n: number, rank: number): number[][] =>
  rank === 0
    ? n === 1
      ? [[]]
      : []
    : [
        ...shapesOf(n, rank - 1),
        ...Array.from({ length: n }, (_, i) => i + 1)
          .filter((size) => n % size === 0)
          .flatMap((size) => shapesOf(n / size, rank - 1).map((rest) => [size, ...rest])),
      ];

/** Whether any strides show the elements of a view in another shape: dims of size 1 aside, they follow from the places. */
const isPossible = (at: readonly number[], shape: Shape): boolean => {
  const strides = shape.map((size, d) => (size === 1 ? 0 : at[numel(shape.slice(d + 1))]! - at[0]!));
  return places(shape, strides).every((place, i) => place === at[i]);
};

describe("reshapedStrides", () => {
  const views: [string, number[], number[]][] = [
    ["contiguous", [2, 3, 4], [12, 4, 1]],
    ["transposed", [4, 3, 2], [1, 4, 12]],
    ["heads", [2, 3, 4, 1], [12, 1, 3, 7]],
    ["every second element", [4, 6], [12, 2]],
    ["rows apart", [2, 3, 4], [24, 8, 1]],
    ["stretched", [3, 2, 4], [0, 4, 1]],
    ["one element, stretched", [2, 12], [0, 0]],
    ["dims of size 1 between", [2, 1, 3, 1, 4], [12, 5, 4, 9, 1]],
  ];
  for (const [name, shape, strides] of views)
    it(`finds a view exactly where there is one: ${name}`, () => {
      const at = places(shape, strides);
      for (const wanted of shapesOf(numel(shape), 4)) {
        const found = reshapedStrides({ shape, strides }, wanted);
        expect(found !== null, `to ${wanted.join(" x ")}`).toBe(isPossible(at, wanted));
        if (found) expect(places(wanted, found), `to ${wanted.join(" x ")}`).toEqual(at);
      }
    });

  it("takes shapes without elements and without dims", () => {
    expect(reshapedStrides({ shape: [0, 3], strides: [3, 1] }, [3, 0])).toEqual(contiguousStrides([3, 0]));
    expect(reshapedStrides({ shape: [1, 1], strides: [7, 2] }, [])).toEqual([]);
    expect(reshapedStrides({ shape: [], strides: [] }, [1, 1])).toEqual([1, 1]);
  });
});
