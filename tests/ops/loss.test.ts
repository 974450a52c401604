import { grad } from "@tessera/autograd";
import { crossEntropy, dispose, tensor, type Tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { onEveryDevice } from "../support/on-every-device.ts";
import { withoutLeaks } from "../support/leaks.ts";

/** Losses, and the gradient row by row, of three rows with `odd` in the middle one: what is not finite stays there. */
const compute = async (classes: number, odd: number, at: number) => {
  const host = Float32Array.from({ length: 3 * classes }, (_, i) => Math.sin(i));
  host[classes + at] = odd;
  const target = tensor([1, 0, 2], [3], { dtype: "int32" });
  const logits = tensor(host, [3, classes]);
  const losses = crossEntropy(logits, target, { reduction: "none" });
  const dx = grad((x: Tensor) => crossEntropy(x, target, { reduction: "sum" }))(logits);
  const [each, values] = [[...(await losses.data())], await dx.data()];
  dispose([logits, target, losses, dx]);
  return { losses: each, rows: [0, 1, 2].map((row) => [...values.slice(row * classes, (row + 1) * classes)]) };
};

onEveryDevice(() => {
  for (const classes of [5, 37, 64, 4099])
    for (const odd of [NaN, Infinity])
      it(`a row of ${classes} classes with ${odd} in it has no loss and no gradient, and others keep theirs`, () =>
        withoutLeaks(async () => {
          const places = classes > 37 ? [0, 3, classes - 1] : Array.from({ length: classes }, (_, i) => i);
          for (const at of places) {
            const { losses, rows } = await compute(classes, odd, at);
            expect(losses.map(Number.isNaN), `at ${at}`).toEqual([false, true, false]);
            expect(
              rows.map((row) => row.every(Number.isNaN)),
              `at ${at}`,
            ).toEqual([false, true, false]);
            expect(
              rows.map((row) => row.every(Number.isFinite)),
              `at ${at}`,
            ).toEqual([true, false, true]);
          }
        }));
});
