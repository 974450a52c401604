import { addmm, linear, matmul, reference, scope, slice, transpose, type Backend, type Tensor } from "@tessera/tensor";
import { planProduct } from "@tessera/tensor/internal/ops/matmul/matmul.wgsl";
import { expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onWebgpu } from "./on-webgpu.ts";

onWebgpu("a matrix times a vector", (gpu) => {
  const agree = (call: (make: (...shape: number[]) => Tensor) => readonly Tensor[]) =>
    withoutLeaks(async () => {
      const on = (device: Backend) => {
        let seed = 0;
        return scope(() => call((...shape) => normal(...shape).make(++seed, device)));
      };
      const [got, want] = [on(gpu), on(reference)];
      for (const [i, y] of want.entries()) {
        expect(got[i]!.shape).toEqual(y.shape);
        expect(difference(await valuesOf(got[i]!), await valuesOf(y), { relative: 1e-5 }), `output ${i}`).toBeNull();
        y.dispose();
        got[i]!.dispose();
      }
    });

  // Few k and many, in one part and in several, with columns for part of a workgroup.
  for (const [k, n] of [
    [64, 64],
    [72, 100],
    [3000, 68],
    [516, 1028],
  ] as const)
    it(`is right on either side and in either layout: ${k} × ${n}`, () =>
      agree((make) => {
        const [row, column, matrix, turned] = [make(1, k), make(k, 1), make(k, n), make(n, k)];
        return [
          matmul(row, matrix),
          matmul(row, transpose(turned, 0, 1)),
          matmul(turned, column),
          matmul(transpose(matrix, 0, 1), column),
          matmul(transpose(column, 0, 1), matrix),
        ];
      }));

  it("reads views where they lie, and what lies in no whole vec4s by other kernels", () =>
    agree((make) => {
      const [wide, tall, steps] = [make(96, 200), make(80, 300), make(96, 3)];
      const vector = transpose(slice(steps, 1, { start: 1, end: 2 }), 0, 1);
      return [
        matmul(vector, slice(wide, 1, { start: 8, end: 108 })),
        matmul(vector, slice(wide, 1, { start: 7, end: 107 })),
        matmul(vector, transpose(slice(tall, 1, { start: 4, end: 100 }), 0, 1)),
        matmul(slice(tall, 1, { start: 3, end: 99 }), transpose(vector, 0, 1)),
      ];
    }));

  it("applies what follows a product: a bias, an activation, a sum", () =>
    agree((make) => {
      const [x, weight, bias, sums] = [make(1, 128), make(96, 128), make(96), make(1, 96)];
      const [y, tall] = [make(200, 128), make(1, 128)];
      return [
        linear(x, weight, bias),
        linear(x, weight, bias, { activation: "gelu" }),
        linear(y, tall, make(1), { activation: "relu" }),
        addmm(sums, x, transpose(weight, 0, 1)),
      ];
    }));

  it("has kernels of its own, which read the matrix as it lies", () => {
    const operand = { offset: 0, batch: [] };
    const plan = (columnStride: number, kStride: number) =>
      planProduct(
        {
          label: "matmul",
          m: 1,
          n: 4096,
          k: 4096,
          batch: [],
          addend: null,
          pre: null,
          activation: "none",
          a: { ...operand, slot: { in: 0 }, rowStride: 4096, kStride: 1 },
          b: { ...operand, slot: { in: 1 }, columnStride, kStride },
          out: { out: 0 },
        },
        gpu.profile,
      );
    // 8 columns a workgroup where memory runs along k; else 32, and k in parts that a second step adds up.
    expect(plan(4096, 1).steps.map(({ workgroups }) => workgroups)).toEqual([512]);
    expect(plan(1, 4096).steps.map(({ workgroups }) => workgroups)).toEqual([256, 16]);
  });
});
