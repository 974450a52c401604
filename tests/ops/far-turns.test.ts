// Beyond their range sin and cos still give a number from −1 to 1, of either sign of x; within it, the right one.
import { cos, scope, sin, tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";

onEveryDevice((device) => {
  it.each([
    ["sin", sin, Math.sin],
    ["cos", cos, Math.cos],
  ] as const)("%s of huge numbers is bounded, and right up to 1e5", (_, f, want) =>
    withoutLeaks(async () => {
      const near = Float32Array.of(1e3, -1e3, 31415.926, 99999, -1e5);
      const far = Float32Array.of(1e7, -1e7, 1e10, 1e15, -1e15, 1e20, 1e30, -1e38, 3.4e38);
      const [a, b] = scope(() => [f(tensor(near, [5], { device })), f(tensor(far, [9], { device }))]);
      for (const [i, got] of (await a.data()).entries()) expect(got, `of ${near[i]}`).toBeCloseTo(want(near[i]!), 5);
      for (const [i, got] of (await b.data()).entries())
        expect(Math.abs(Number(got)), `of ${far[i]}`).toBeLessThanOrEqual(1);
      a.dispose();
      b.dispose();
    }),
  );
});
