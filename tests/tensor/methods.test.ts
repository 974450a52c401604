import {
  flip,
  logSoftmax,
  matmul,
  reference,
  roll,
  scope,
  softmax,
  Tensor,
  tensor,
  tile,
  tril,
  triu,
} from "@tessera/tensor";
import * as entry from "@tessera/tensor";
import { composed, families } from "@tessera/tensor/families";
import { notMethods } from "@tessera/tensor/internal/not-methods";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

it("methods do what the functions of their names do", () =>
  withoutLeaks(() =>
    scope((): void => {
      const x = tensor([[1, 2, 3], [4, 5, 6], [7, 8, 10]], undefined, { device: reference }); // prettier-ignore
      const pairs: readonly (readonly [Tensor, Tensor])[] = [
        [x.matmul(x), matmul(x, x)],
        [x.softmax(0), softmax(x, 0)],
        [x.logSoftmax(), logSoftmax(x)],
        [x.tril(1), tril(x, 1)],
        [x.triu(-1), triu(x, -1)],
        [x.flip([0]), flip(x, [0])],
        [x.roll(2, 1), roll(x, 2, 1)],
        [x.tile([2, 1]), tile(x, [2, 1])],
      ];
      for (const [method, call] of pairs) {
        expect(method.shape).toEqual(call.shape);
        expect(method.dataSync()).toEqual(call.dataSync());
      }
    }),
  ));

it("every function of the families is at the entry, and a method but for those that have no tensor first or that torch has elsewhere", () => {
  const modules: readonly object[] = [...Object.values(families), composed];
  const functions = modules.flatMap((module) => Object.keys(module)).filter((name) => !/(Op|Backward)$/.test(name));
  expect(functions.filter((name) => !(name in entry))).toEqual([]);
  const missing = functions.filter((name) => !(name in Tensor.prototype));
  expect(missing.toSorted()).toEqual([...notMethods].toSorted());
});
