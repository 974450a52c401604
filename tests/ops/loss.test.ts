import { grad } from "@tessera/autograd";
import { crossEntropy, dispose, scope, tensor, type Tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { onEveryDevice } from "../support/on-every-device.ts";
import { withoutLeaks } from "../support/leaks.ts";

/** Three rows, the middle one with `odd` in it: what is not finite stays in its row. */
const gradients = async (classes: number, odd: number, at: number): Promise<readonly number[][]> => {
  const host = Float32Array.from({ length: 3 * classes }, (_, i) => Math.sin(i));
  host[classes + at] = odd;
  const target = tensor([1, 0, 2], [3], { dtype: "int32" });
  const logits = tensor(host, [3, classes]);
  const dx = grad((x: Tensor) => crossEntropy(x, target, { reduction: "sum" }))(logits);
  dispose([logits, target]);
  const values = await dx.data();
  dx.dispose();
  return [0, 1, 2].map((row) => [...values.slice(row * classes, (row + 1) * classes)]);
};

onEveryDevice(() => {
  for (const classes of [5, 64, 4099])
    for (const odd of [NaN, Infinity])
      it(`a row of ${classes} classes with ${odd} in it has no loss and no gradient, and others keep theirs`, () =>
        withoutLeaks(async () => {
          for (const at of [0, 3, classes - 1]) {
            const [before, row, after] = await gradients(classes, odd, at);
            expect(row!.every((value) => Number.isNaN(value))).toBe(true);
            expect([...before!, ...after!].every((value) => Number.isFinite(value))).toBe(true);
          }
          const loss = scope(() => crossEntropy(tensor([[1, odd, 2]]), tensor([0], [1], { dtype: "int32" })));
          expect(await loss.item()).toBeNaN();
          loss.dispose();
        }));
});
