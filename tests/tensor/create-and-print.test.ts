import {
  arange,
  eye,
  full,
  ones,
  onesLike,
  permute,
  scope,
  ShapeError,
  tensor,
  zeros,
  type Nested,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

const inScope = (body: () => void) => () => withoutLeaks(() => scope((): void => body()));

describe("creation", () => {
  it(
    "takes its dtype and shape from the data",
    inScope(() => {
      const facts = (x: ReturnType<typeof tensor>) => [x.dtype, x.shape, [...x.dataSync()]];
      expect(
        facts(
          tensor([
            [1, 2],
            [3, 4.5],
          ]),
        ),
      ).toEqual(["float32", [2, 2], [1, 2, 3, 4.5]]);
      expect(facts(tensor([true, false]))).toEqual(["bool", [2], [1, 0]]);
      expect(facts(tensor(3))).toEqual(["float32", [], [3]]);
      expect(facts(tensor([]))).toEqual(["float32", [0], []]);
      expect(facts(tensor([[], []]))).toEqual(["float32", [2, 0], []]);
      expect(facts(tensor(Int32Array.of(1, 2, 3, 4), [2, 2]))).toEqual(["int32", [2, 2], [1, 2, 3, 4]]);
      expect(facts(tensor([1.9, -1.9, 0], undefined, { dtype: "int32" }))).toEqual(["int32", [3], [1, -1, 0]]);
      expect(facts(tensor([2, 0], undefined, { dtype: "bool" }))).toEqual(["bool", [2], [1, 0]]);
      expect(facts(eye(2))).toEqual(["float32", [2, 2], [1, 0, 0, 1]]);
      expect(facts(arange(1, 4, { step: 0.5, dtype: "float32" }))).toEqual(["float32", [6], [1, 1.5, 2, 2.5, 3, 3.5]]);
      expect(facts(onesLike(zeros([2], { dtype: "int32" })))).toEqual(["int32", [2], [1, 1]]);
      expect(facts(full([2], 3, { dtype: "bool" }))).toEqual(["bool", [2], [1, 1]]);
    }),
  );

  it.each([
    [[[1, 2], [3]], /tensor: rows of one length expected, got 2 and 1 at depth 1/],
    [[[1], 2], /tensor: rows of one length expected, got a number beside a row/],
    [[1, [2]], /tensor: rows of one length expected/],
    [[true, 1], /tensor: all numbers or all booleans expected, got both/],
  ] as [Nested, RegExp][])("refuses %j", (data, message) =>
    withoutLeaks(() => expect(() => tensor(data)).toThrow(message)),
  );

  it(
    "refuses shapes that are none",
    inScope(() => {
      expect(() => zeros([2, -1])).toThrow("zeros: sizes are whole numbers from 0 up, got [2, -1]");
      expect(() => tensor([1, 2, 3], [2, 2])).toThrow("tensor: shape [2, 2] has 4 elements, the data 3");
      expect(() => zeros([1.5])).toThrow(ShapeError);
      expect(() => zeros(3 as unknown as number[])).toThrow(
        "zeros: a list of sizes expected as the shape, got 3; write [3]",
      );
      expect(() => arange(0, 5, { step: 0 })).toThrow("arange: step 0 does not lead from 0 to 5");
    }),
  );
});

describe("printing", () => {
  it.each([
    [() => tensor([1, 2, 3]), "tensor([1., 2., 3.])"],
    [
      () =>
        tensor([
          [1.5, -2],
          [0.25, 100],
        ]),
      "tensor([[  1.5000,  -2.0000],\n        [  0.2500, 100.0000]])",
    ],
    [() => tensor(2.5), "tensor(2.5000)"],
    [() => tensor([NaN, Infinity, -1]), "tensor([nan, inf, -1.])"],
    [() => tensor([true, false]), "tensor([ True, False])"],
    [() => arange(3), "tensor([0, 1, 2], dtype=int32)"],
    [() => tensor([1e-8, 1]), "tensor([1.0000e-08, 1.0000e+00])"],
    [() => zeros([0, 3]), "tensor([], size=[0, 3], dtype=float32)"],
    [() => ones([2], { device: "reference" }), 'tensor([1., 1.], device="reference")'],
    [
      () =>
        permute(
          tensor([
            [1, 2],
            [3, 4],
          ]),
          [1, 0],
        ),
      "tensor([[1., 3.],\n        [2., 4.]])",
    ],
    [() => zeros([2, 1, 2]), "tensor([[[0., 0.]],\n\n        [[0., 0.]]])"],
  ])("%#", (make, text) => withoutLeaks(() => scope((): void => expect(String(make())).toBe(text))));

  it(
    "shortens what is long",
    inScope(() => {
      expect(String(arange(2000))).toBe("tensor([   0,    1,    2, ..., 1997, 1998, 1999], dtype=int32)");
      expect(String(zeros([100, 20])).split("\n")).toHaveLength(7);
    }),
  );
});
