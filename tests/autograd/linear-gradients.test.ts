// What dense and block-sparse layers share on the way back, named after what it looked like when it was wrong.
import { grad } from "@tessera/autograd";
import { BlockLayout, blockSparseLinear, BlockSparseMatrix } from "@tessera/sparse";
import { linear, memory, mul, ones, sqrt, sum, tensor, type Backend, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { devices, oracle } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { dataOf } from "../support/data-of.ts";

type Layer = (x: Tensor, activation?: "relu" | "gelu") => Tensor;

/** y = f(x) on both kinds of layers: the weight is the identity of 4 × 4, one block. */
const layersOn = (device: Backend): { readonly [name: string]: () => Layer } => {
  const identity = (): Tensor => tensor([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], [4, 4], { device });
  return {
    linear: () => {
      const weight = identity();
      return (x, activation) => linear(x, weight, null, { activation });
    },
    blockSparseLinear: () => {
      const weight = BlockSparseMatrix.fromDense(identity(), BlockLayout.dense(1, 1, 4));
      return (x, activation) => blockSparseLinear(x, weight, null, { activation });
    },
  };
};

for (const device of [oracle, ...devices])
  describe.each(Object.entries(layersOn(device)))(`%s on ${device.name}`, (_, make) => {
    // d√y/dy is ∞ at 0, and where relu took nothing none of it flows: ∞ · 0 would be NaN.
    it("lets nothing flow back to where its relu took nothing, even under an infinite slope", () =>
      withoutLeaks(async () => {
        const [dx] = await dataOf(() => {
          const layer = make();
          return [grad((x: Tensor) => sum(sqrt(layer(x, "relu"))))(tensor([4, -1, 16, -2], [1, 4], { device }))];
        });
        expect([...dx]).toEqual([0.25, 0, 0.125, 0]);
      }));

    it("lets no NaN flow back to where its relu took nothing", () =>
      withoutLeaks(async () => {
        const [dx] = await dataOf(() => {
          const layer = make();
          const factors = tensor([3, NaN, 5, -Infinity], [1, 4], { device });
          return [grad((x: Tensor) => sum(mul(layer(x, "relu"), factors)))(tensor([1, -1, 2, 0], [1, 4], { device }))];
        });
        expect([...dx]).toEqual([3, 0, 5, 0]);
      }));

    it("keeps neither its output nor the sums before an activation that it does not have", () =>
      withoutLeaks(async () => {
        const kept: number[] = [];
        await dataOf(() =>
          ([undefined, "gelu"] as const).map((activation) => {
            const layer = make();
            return grad((x: Tensor) => {
              const before = memory()[device.name]!.storages;
              const y = layer(x, activation);
              kept.push(memory()[device.name]!.storages - before);
              return sum(y);
            })(ones([3, 4], { device }));
          }),
        );
        // y alone, and with an activation the sums that it was given.
        expect(kept).toEqual([1, 2]);
      }));
  });
