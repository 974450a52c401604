// What a tolerance does not see: tiny arguments, signs of zeros and the exact values at the ends.
import { atan2, expm1, log1p, scope, tensor, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { onEveryDevice } from "../support/on-every-device.ts";

const answers = async (
  f: (...inputs: Tensor[]) => Tensor,
  ...inputs: readonly (readonly number[])[]
): Promise<number[]> => {
  const y = scope(() => f(...inputs.map((values) => tensor(Float32Array.from(values)))));
  const found = [...(await y.data())];
  y.dispose();
  return found;
};

onEveryDevice(() => {
  describe.each([
    ["log1p", log1p],
    ["expm1", expm1],
  ] as const)("%s", (_, f) => {
    it("gives a tiny x back, which 1 + x or e^x − 1 would round away", async () => {
      const tiny = [1e-9, -1e-9, 3e-12, 1e-20, -1e-30, 2e-38];
      expect(await answers(f, tiny)).toEqual(tiny.map(Math.fround));
    });

    it("keeps the sign of zero", async () => {
      const [below, above] = await answers(f, [-0, 0]);
      expect([Object.is(below, -0), Object.is(above, 0)]).toEqual([true, true]);
    });
  });

  it("log1p is −∞ at −1, NaN below it and ∞ at ∞", async () => {
    const found = await answers(log1p, [-1, -1.0000001, -2, -Infinity, Infinity, NaN]);
    expect(found).toEqual([-Infinity, NaN, NaN, NaN, Infinity, NaN]);
  });

  it("expm1 is −1 at −∞ and ∞ above the largest float", async () => {
    expect(await answers(expm1, [-Infinity, -100, 89, Infinity, NaN])).toEqual([-1, -1, Infinity, Infinity, NaN]);
  });

  it("atan2 tells the signs of zeros apart", async () => {
    const found = await answers(atan2, [0, -0, 0, -0], [1, 1, -1, -1]);
    expect(found).toEqual([0, -0, Math.PI, -Math.PI].map(Math.fround));
    const zeros = await answers(atan2, [0, -0, 0, -0], [0, 0, -0, -0]);
    expect(zeros).toEqual([0, -0, Math.PI, -Math.PI].map(Math.fround));
  });
});
