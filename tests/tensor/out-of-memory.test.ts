// More than 4 GiB of tensors on the cpu device. Nothing here is written to: address space is asked for, not memory.
import {
  cpu,
  exp,
  expand,
  full,
  linear,
  matmul,
  memory,
  mul,
  ones,
  OutOfMemoryError,
  reference,
  scope,
  tensor,
  Tensor,
  transpose,
  zeros,
} from "@tessera/tensor";
import { defineOp, run } from "@tessera/tensor/extend";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

const NO_ROOM =
  /^cpu: no room for \d+ bytes, \d+ of 4294967296 are in use; free tensors, use a smaller batch, or checkpoint\(\)$/;

/** What there is now is there afterwards, and nothing else; `attempt` has no room. */
const hasNoRoom = (attempt: () => unknown): void => {
  const counts = (): unknown => {
    const { tensors, storages, bytes } = memory()["cpu"]!;
    return { tensors, storages, bytes };
  };
  const before = counts();
  for (let again = 0; again < 2; again++) {
    expect(attempt).toThrow(OutOfMemoryError);
    expect(attempt).toThrow(NO_ROOM);
    expect(counts()).toEqual(before);
  }
};

describe("more than 4 GiB", () => {
  it("as one tensor", () =>
    withoutLeaks(() => {
      const x = tensor([-1, 2]);
      for (const shape of [[2 ** 30], [2 ** 16, 2 ** 16], [2 ** 20, 2 ** 20, 2 ** 10]]) {
        hasNoRoom(() => zeros(shape));
        hasNoRoom(() => full(shape, 3));
        hasNoRoom(() => Tensor.empty(shape, "float32", cpu, "empty"));
      }
      expect([...x.dataSync()]).toEqual([-1, 2]);
      x.dispose();
    }));

  it("as the result of an op on small tensors", () =>
    withoutLeaks(() => {
      const column = ones([2 ** 17, 1]);
      const row = transpose(column, 0, 1);
      const one = tensor([[-2]]);
      const view = expand(one, [2 ** 16, 2 ** 16]);
      hasNoRoom(() => matmul(column, row));
      hasNoRoom(() => linear(column, column));
      hasNoRoom(() => exp(view));
      hasNoRoom(() => mul(column, row));
      hasNoRoom(() => scope(() => exp(mul(column, row))));
      expect(column.dataSync()[2 ** 17 - 1]).toBe(1);
      for (const x of [column, row, one, view]) x.dispose();
    }));

  it("as several tensors, of which the first ones fit: all are as before, and a smaller one has room", () =>
    withoutLeaks(() => {
      const kept = tensor([5, -6]);
      const large = Tensor.empty([3 * 2 ** 28], "float32", cpu, "empty");
      hasNoRoom(() => Tensor.empty([2 ** 28], "float32", cpu, "empty"));
      hasNoRoom(() => zeros([2 ** 28]));
      large.dispose();
      const again = Tensor.empty([3 * 2 ** 28], "float32", cpu, "empty");
      expect([...kept.dataSync()]).toEqual([5, -6]);
      again.dispose();
      kept.dispose();
    }));

  it("as the second output of an op, or its scratch memory: the first output is freed", () =>
    withoutLeaks(() => {
      type Two = { inputs: [x: Tensor]; outputs: [a: Tensor, b: Tensor] };
      const twoOutputs = (shapes: readonly [number[], number[]], scratchBytes: readonly number[]) =>
        defineOp<Two>({
          name: "two",
          infer: ([x]) => [
            { shape: shapes[0], dtype: x.dtype },
            { shape: shapes[1], dtype: x.dtype },
          ],
          kernels: { reference: () => {}, cpu: { plan: () => ({ steps: [], scratchBytes }) }, webgpu: "none" },
        });
      const x = tensor([1]);
      hasNoRoom(() => run(twoOutputs([[2 ** 28], [2 ** 30]], []), [x]));
      hasNoRoom(() => run(twoOutputs([[2 ** 28], [1]], [2 ** 28, 2 ** 32]), [x]));
      // What was asked for in vain is whole again.
      Tensor.empty([3 * 2 ** 28], "float32", cpu, "empty").dispose();
      x.dispose();
    }));

  it("as the contiguous copy of the second of two views: the first copy is freed", () =>
    withoutLeaks(() => {
      const views = defineOp<{ inputs: [x: Tensor, y: Tensor]; outputs: [z: Tensor] }>({
        name: "views",
        infer: ([x]) => [{ shape: [1], dtype: x.dtype }],
        kernels: { reference: () => {}, cpu: { plan: () => ({ steps: [] }) }, webgpu: "none" },
      });
      const one = tensor([[1]]);
      const [small, large] = [expand(one, [2, 3]), expand(one, [2 ** 16, 2 ** 16])];
      hasNoRoom(() => run(views, [small, large]));
      for (const x of [one, small, large]) x.dispose();
    }));

  it("on the reference device is a typed error too", () =>
    withoutLeaks(() => {
      const make = (): Tensor => zeros([2 ** 40], { device: reference });
      expect(make).toThrow(OutOfMemoryError);
      expect(make).toThrow(/^reference: /);
    }));
});
