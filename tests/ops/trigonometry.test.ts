// How far the trigonometric and hyperbolic functions are from float64, from the smallest arguments to the largest, on every device.
import {
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atanh,
  cosh,
  scope,
  sinh,
  tan,
  tensor,
  type Backend,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

const POINTS = 4001;
const between = (from: number, to: number, f = (x: number): number => x): Float32Array =>
  Float32Array.from({ length: POINTS }, (_, i) => f(from + ((to - from) * i) / (POINTS - 1)));
/** From 1e-37, below which a GPU may take numbers for 0, to 1. */
const small = between(-85, 0, Math.exp);
const large = between(0, 88.7, Math.exp);
const negative = (points: Float32Array): Float32Array => points.map((x) => -x);

/** Distance from a float32 to its neighbour, away from 0. */
const ulp = (value: number): number => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), -126) - 23);

const functions: readonly [(x: Tensor) => Tensor, (x: number) => number, readonly Float32Array[]][] = [
  [tan, Math.tan, [small, negative(small), between(-10, 10), between(1.5, 1.57)]],
  [asin, Math.asin, [small, between(-1, 1), between(0.999, 1), between(-1, -0.999)]],
  [acos, Math.acos, [small, between(-1, 1), between(0.999, 1), between(-1, -0.999)]],
  [atan, Math.atan, [small, negative(small), between(-10, 10), large, negative(large)]],
  [sinh, Math.sinh, [small, negative(small), between(-10, 10), between(-89.4, 89.4)]],
  [cosh, Math.cosh, [small, between(-10, 10), between(-89.4, 89.4)]],
  [asinh, Math.asinh, [small, negative(small), between(-10, 10), large, negative(large)]],
  [acosh, Math.acosh, [between(1, 1.001), between(1, 10), large]],
  [atanh, Math.atanh, [small.slice(0, -1), between(-0.9999, 0.9999), between(0.999, 0.9999999)]],
];

/** Measured: 4.5 on cpu. WGSL leaves a device 2.5 for each division and root. */
const boundOn = ({ name }: Backend): number => (name === "webgpu" ? 12 : 5);

onEveryDevice((device) => {
  it.each(functions.map((row) => [row[0].name, row] as const))("%s", (_, [f, truth, ranges]) =>
    withoutLeaks(async () => {
      let [worst, at] = [0, NaN];
      for (const points of ranges) {
        const y = scope(() => f(tensor(points)));
        for (const [i, got] of (await y.data()).entries()) {
          const want = truth(points[i]!);
          const error = got === want ? 0 : Math.abs(got - want) / ulp(want);
          if (!(error <= worst)) [worst, at] = [error, points[i]!];
        }
        y.dispose();
      }
      expect(worst, `units in the last place at ${at}`).toBeLessThanOrEqual(boundOn(device));
    }),
  );
});

describe("at the ends", () => {
  const on = async (f: (x: Tensor) => Tensor, ...x: number[]): Promise<number[]> => {
    const y = scope(() => f(tensor(Float32Array.from(x))));
    const found = [...(await y.data())];
    y.dispose();
    return found;
  };
  it("signs of zero stay, and infinities are reached", async () => {
    for (const f of [tan, asin, atan, sinh, asinh, atanh]) expect(await on(f, 0, -0)).toEqual([0, -0]);
    expect(await on(sinh, 200, -3e38)).toEqual([Infinity, -Infinity]);
    expect(await on(cosh, 200, -3e38)).toEqual([Infinity, Infinity]);
    expect(await on(atanh, 1, -1, 1.5)).toEqual([Infinity, -Infinity, NaN]);
    expect(await on(acosh, 1, Infinity, 0.5, -3e38)).toEqual([0, Infinity, NaN, NaN]);
  });
});
