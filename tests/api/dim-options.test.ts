import * as t from "@tessera/tensor";
import { scope, tensor, type Dims, type ReduceOptions, type Tensor } from "@tessera/tensor";
import { describe, expect, test } from "vitest";

type Reduction = (x: Tensor, options?: Dims | ReduceOptions) => Tensor;

const reductions = ["sum", "mean", "amax", "amin", "std", "variance", "logsumexp"] as const;

const x = (): Tensor =>
  tensor([
    [1, 2, 4],
    [8, 16, 32],
  ]);

/** Values and shape of each, computed in one scope. */
const same = (...forms: readonly (() => Tensor)[]): void => {
  scope((): void => {
    const [first, ...others] = forms.map((form) => {
      const y = form();
      return { shape: y.shape, values: [...y.dataSync()] };
    });
    for (const other of others) expect(other).toEqual(first);
  });
};

describe("a dim and its options", () => {
  test.each(reductions)("%s takes them in every form, as a function and as a method", (name) => {
    const call: Reduction = t[name];
    const input = x();
    same(
      () => call(input, { dim: 1 }),
      () => call(input, 1),
      () => call(input, [-1]),
      () => call(input, { dim: [1], keepdim: false }),
      () => input[name]({ dim: 1 }),
      () => input[name](1),
    );
    same(
      () => call(input),
      () => call(input, undefined),
      () => call(input, null),
      () => call(input, {}),
      () => call(input, { dim: undefined, keepdim: undefined }),
      () => input[name](),
    );
    same(
      () => call(input, { dim: 0, keepdim: true }),
      () => input[name]({ dim: 0, keepdim: true }),
    );
    input.dispose();
  });

  test("softmax, logSoftmax, cumsum and argmax take them in every form", () => {
    const input = x();
    for (const call of [t.softmax, t.logSoftmax]) {
      same(
        () => call(input, { dim: 0 }),
        () => call(input, 0),
      );
      same(
        () => call(input),
        () => call(input, -1),
        () => call(input, { dim: undefined }),
      );
    }
    same(
      () => t.cumsum(input, { dim: 1 }),
      () => t.cumsum(input, 1),
      () => input.cumsum({ dim: 1 }),
      () => input.cumsum(1),
    );
    same(
      () => t.argmax(input, { dim: 0, keepdim: true }),
      () => t.argmax(input, 0, { keepdim: true }),
      () => t.argmax(input, { dim: 0 }, { keepdim: true }),
      () => input.argmax({ dim: 0, keepdim: true }),
      () => input.argmax(0, { keepdim: true }),
    );
    same(
      () => t.argmax(input),
      () => t.argmax(input, -1),
      () => t.argmax(input, {}),
      () => input.argmax(),
    );
    input.dispose();
  });

  test("a method refuses what its function refuses", () => {
    const input = x();
    expect(() => input.sum({ axis: 1 } as ReduceOptions)).toThrow(
      'sum: expected options among dim, keepdim, got "axis"; it is called "dim" here',
    );
    expect(() => input.argmax("0" as unknown as number)).toThrow('argmax: dim is a number, got "0"');
    input.dispose();
  });
});
