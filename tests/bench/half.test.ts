import { expect, it } from "vitest";
import { toHalves } from "../../bench/webgpu/tensor-core-device.ts";

it("rounds float32 to the nearest float16, ties to even, as IEEE 754 has it", () => {
  const cases: readonly (readonly [number, number])[] = [
    [0, 0],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [0.1, 0x2e66],
    [1 / 3, 0x3555],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [65504, 0x7bff],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [2 ** -14, 0x400],
    [2 ** -14 - 2 ** -25, 0x400],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [1.5 * 2 ** -24, 2],
    [-Infinity, 0xfc00],
    [NaN, 0x7e00],
  ];
  const found = [...toHalves(Float32Array.from(cases, ([value]) => value))];
  expect(found).toEqual(cases.map(([, bits]) => bits));
});
