import {
  add,
  amax,
  amin,
  cpu,
  gt,
  maximum,
  minimum,
  mul,
  ne,
  pow,
  relu,
  scope,
  slice,
  sum,
  tensor,
  zeros,
} from "@tessera/tensor";
import type { Backend, Tensor, TypedArray } from "@tessera/tensor";
import { expect, it } from "vitest";
import { dataOf } from "../support/data-of.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onWebgpu } from "./on-webgpu.ts";

/** As many workgroups as one dimension of a dispatch may have. */
const MAX_WORKGROUPS = 65535;

onWebgpu("kernels on webgpu", (gpu) => {
  /** The same call on the GPU and on the cpu. */
  const both = async (call: (device: Backend) => readonly Tensor[]): Promise<readonly [TypedArray[], TypedArray[]]> => [
    await dataOf(() => call(gpu)),
    await dataOf(() => call(cpu)),
  ];
  const agree = async (call: (device: Backend) => readonly Tensor[]): Promise<void> => {
    const [got, want] = await both(call);
    // Whether a zero has a sign is nobody's business here.
    const numbers = (all: readonly TypedArray[]): number[][] => all.map((values) => Array.from(values, (x) => x + 0));
    expect(numbers(got)).toEqual(numbers(want));
  };
  const odd = [NaN, 1, -2, -0, 0, Infinity, -Infinity, NaN];
  const other = [1, NaN, -1, 0, -0, NaN, Infinity, NaN];

  it("NaN comes out of whatever it goes into, as on the cpu", () =>
    withoutLeaks(() =>
      agree((device) => {
        const [x, y] = [tensor(odd, [8], { device }), tensor(other, [8], { device })];
        return [maximum(x, y), minimum(x, y), relu(x), ne(x, y), ne(x, x), gt(x, y), amax(x), amin(x), sum(x)];
      }),
    ));

  it("NaN wins amax and amin wherever it lies in a row", () =>
    withoutLeaks(async () => {
      const [rows, cols] = [9, 300];
      const values = Float32Array.from({ length: rows * cols }, (_, i) => ((i * 37) % 101) - 50);
      const places = [0, 1, 63, 64, 128, 255, 256, 299];
      for (const [row, col] of places.entries()) values[row * cols + col] = NaN;
      const [max, min] = await dataOf(() => {
        const x = tensor(values, [rows, cols], { device: gpu });
        return [amax(x, { dim: 1 }), amin(x, { dim: 1 })];
      });
      expect([...max]).toEqual([...places.map(() => NaN), 50]);
      expect([...min]).toEqual([...places.map(() => NaN), -50]);
    }));

  it("powers have C's special cases", () =>
    withoutLeaks(async () => {
      const cases: readonly (readonly [x: number, y: number, power: number])[] = [
        [-2, 2, 4],
        [-2, 3, -8],
        [-2, -1, -0.5],
        [-8, 1 / 3, NaN],
        [-8, 0.5, NaN],
        [0, 0, 1],
        [0, -1, Infinity],
        [-0, -3, -Infinity],
        [-0, 3, -0],
        [NaN, 0, 1],
        [1, NaN, 1],
        [NaN, 1, NaN],
        [-1, Infinity, 1],
        [-1, -Infinity, 1],
        [0.5, Infinity, 0],
        [2, -Infinity, 0],
        [-Infinity, 3, -Infinity],
        [-Infinity, 2, Infinity],
        [Infinity, -1, 0],
      ];
      for (const device of [cpu, gpu]) {
        const [powers] = await dataOf(() => [
          pow(
            tensor(
              cases.map(([x]) => x),
              [cases.length],
              { device },
            ),
            tensor(
              cases.map(([, y]) => y),
              [cases.length],
              { device },
            ),
          ),
        ]);
        for (const [i, [x, y, power]] of cases.entries()) {
          const what = `${x} ** ${y} on ${device.name}`;
          if (Number.isFinite(power) && power !== 0) expect(powers[i], what).toBeCloseTo(power, 5);
          else expect(powers[i], what).toBe(power);
        }
      }
    }));

  it("runs more workgroups than one dimension of a dispatch has, with and without strides", () =>
    withoutLeaks(async () => {
      // A workgroup of 256 computes 256 elements of a view.
      const count = 2 * (MAX_WORKGROUPS + 5) * 256 + 6;
      const x = zeros([count / 2, 2]);
      const read = scope(() => {
        const ramp = tensor([1, 2]);
        const y = add(x, ramp);
        const column = slice(y, 1, { start: 1 });
        const doubled = mul(column, 2);
        return {
          ends: [y, doubled].map((z) => {
            const flat = z.reshape([z.numel()]);
            return [slice(flat, 0, { end: 4 }).data(), slice(flat, 0, { start: z.numel() - 4 }).data()];
          }),
          total: sum(doubled).item(),
        };
      });
      x.dispose();
      const ends = await Promise.all(read.ends.flat());
      expect(ends.map((values) => [...values])).toEqual([
        [1, 2, 1, 2],
        [1, 2, 1, 2],
        [4, 4, 4, 4],
        [4, 4, 4, 4],
      ]);
      expect(await read.total).toBe(Math.fround(4 * (count / 2)));
      gpu.trim();
    }));
});
