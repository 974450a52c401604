import { BlockLayout, BlockSparseMatrix, blockSparseLinear, dds } from "@tessera/sparse";
import { narrow, reference, reshape, scope, type Backend, type Tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { onWebgpu } from "./on-webgpu.ts";

onWebgpu("block-sparse products", (gpu) => {
  /** The same on the GPU and on the reference device. */
  const agree = (compute: (device: Backend) => Tensor) =>
    withoutLeaks(async () => {
      const [got, want] = [scope(() => compute(gpu)), scope(() => compute(reference))];
      expect(difference(await valuesOf(got), await valuesOf(want), { relative: 1e-5 })).toBeNull();
      got.dispose();
      want.dispose();
    });

  const weight = (blockSize: number, device: Backend): BlockSparseMatrix =>
    BlockSparseMatrix.fromDense(
      normal(3 * blockSize, 2 * blockSize).make(1, device),
      BlockLayout.balanced({ outFeatures: 3 * blockSize, inFeatures: 2 * blockSize, blockSize, density: 0.5, seed: 1 }),
    );

  it("of many tokens turn blocks of 64 first", () =>
    agree((device) => blockSparseLinear(normal(1030, 128).make(2, device), weight(64, device))));

  // Blocks are read as vec4s, which a value that starts elsewhere is not made of.
  for (const transposed of [true, false])
    it(`read values that start anywhere${transposed ? ", transposed" : ""}`, () =>
      agree((device) => {
        const w = weight(8, device);
        const { values, shape, crowIndices, colIndices, ccolIndices, rowIndices, blockPermutation } = w;
        const [n, b] = values.shape as [number, number];
        const flat = normal(n * b * b + 1).make(3, device);
        const shifted = reshape(narrow(flat, 0, 1, n * b * b), [n, b, b]);
        const index = { shape, blockSize: b, crowIndices, colIndices, ccolIndices, rowIndices, blockPermutation };
        return dds(normal(5, transposed ? 16 : 24).make(4, device), { ...index, values: shifted }, { transposed });
      }));
});
