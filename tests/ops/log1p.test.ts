import { log1p, scope, tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { onEveryDevice } from "../support/on-every-device.ts";

onEveryDevice(() => {
  const answers = async (values: readonly number[]): Promise<number[]> => {
    const y = scope(() => log1p(tensor(Float32Array.from(values))));
    const found = [...(await y.data())];
    y.dispose();
    return found;
  };

  it("log1p gives a tiny x back, which 1 + x would round away", async () => {
    const tiny = [1e-9, -1e-9, 3e-12, 1e-20, -1e-30, 2e-38];
    expect(await answers(tiny)).toEqual(tiny.map(Math.fround));
  });

  it("log1p keeps the sign of zero", async () => {
    const [below, above] = await answers([-0, 0]);
    expect([Object.is(below, -0), Object.is(above, 0)]).toEqual([true, true]);
  });

  it("log1p is −∞ at −1, NaN below it and ∞ at ∞", async () => {
    expect(await answers([-1, -1.0000001, -2, -Infinity, Infinity, NaN])).toEqual([
      -Infinity,
      NaN,
      NaN,
      NaN,
      Infinity,
      NaN,
    ]);
  });
});
