import { BlockLayout, BlockSparseMatrix, blockSparseLinear, dds, sdd } from "@tessera/sparse";
import { narrow, reference, reshape, scope, tensor, transpose, type Backend, type Tensor } from "@tessera/tensor";
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

  /** As many workgroups as one dimension of a dispatch may have. */
  const MAX_WORKGROUPS = 65535;

  it("have more lines of blocks than one dimension of a dispatch has workgroups", () =>
    agree((device) => {
      const rows = MAX_WORKGROUPS + 2;
      const mask = Uint8Array.from({ length: rows }, (_, r) => Number(r % 500 === 0 || r === rows - 1));
      const layout = BlockLayout.fromMask(mask, rows, 1, 4);
      const w = new BlockSparseMatrix(normal(layout.blocks, 4, 4).make(1, device), layout);
      return blockSparseLinear(normal(2, 4).make(2, device), w);
    }));

  it("have more groups of blocks in a gradient than one dimension of a dispatch has workgroups", () =>
    withoutLeaks(async () => {
      // A workgroup computes 16 blocks of 4.
      const side = Math.ceil(Math.sqrt((MAX_WORKGROUPS + 2) * 16));
      const index = BlockSparseMatrix.zeros([4 * side, 4 * side], { blockSize: 4, density: 1, device: gpu });
      const read = scope(() => {
        const [dy, x] = [3, 5].map((step) =>
          tensor(
            Float32Array.from({ length: 4 * side }, (_, i) => (i % step) - 1),
            [1, 4 * side],
          ),
        ) as [Tensor, Tensor];
        const dValues = sdd(transpose(dy, 0, 1), x, index);
        const blocks = dValues.shape[0]!;
        return {
          blocks,
          first: narrow(dValues, 0, 0, 2).data(),
          last: narrow(dValues, 0, blocks - 2, 2).data(),
        };
      });
      expect(read.blocks).toBe(side * side);
      const block = (row: number, column: number): number[] =>
        Array.from({ length: 16 }, (_, i) => {
          const [r, c] = [4 * row + Math.floor(i / 4), 4 * column + (i % 4)];
          return ((r % 3) - 1) * ((c % 5) - 1) + 0;
        });
      expect(Array.from(await read.first, (v) => v + 0)).toEqual([...block(0, 0), ...block(0, 1)]);
      expect(Array.from(await read.last, (v) => v + 0)).toEqual([
        ...block(side - 1, side - 2),
        ...block(side - 1, side - 1),
      ]);
      index.dispose();
      gpu.trim();
    }));

  // Blocks are read as vec4s, which a value that starts elsewhere is not made of.
  for (const transposed of [true, false])
    it(`read values that start anywhere${transposed ? ", transposed" : ""}`, () =>
      agree((device) => {
        const w = weight(8, device);
        const { values, shape, blocks, index } = w;
        const [n, b] = values.shape as [number, number];
        const flat = normal(n * b * b + 1).make(3, device);
        const shifted = reshape(narrow(flat, 0, 1, n * b * b), [n, b, b]);
        return dds(
          normal(5, transposed ? 16 : 24).make(4, device),
          { shape, blockSize: b, blocks, index, values: shifted },
          { transposed },
        );
      }));
});
