import { BlockLayout } from "@tessera/sparse";
import { blockSparseLinearOp, ddsOp, sddOp } from "@tessera/sparse/ops/block-matmul";
import { fusesMultiplyAdd } from "@tessera/tensor/extend";
import { beforeAll, describe, expect, it } from "vitest";
import { countingRunner, type CountingRunner, type HostArray } from "./counting-kernels.ts";
import {
  forwardOracle,
  holedLayout,
  inputGradientOracle,
  masked,
  normals,
  weightGradientOracle,
  worstError,
} from "./oracle.ts";
import { layoutOf, shippedKernels } from "./shipped-kernels.ts";

const floats = (values: Float32Array, ...shape: readonly number[]): HostArray => ({
  layout: layoutOf(...shape),
  values,
});
const ints = (values: Int32Array): HostArray => ({
  layout: { shape: [values.length], dtype: "int32", strides: [1], offset: 0 },
  values: values,
});

/** Rows of a tile in the forward and input-gradient kernels: tokens come in groups of so many. */
const variants = [
  { name: "base", rows: 4 },
  { name: "relaxed", rows: 6 },
  { name: "wide", rows: 6 },
] as const;

const cases: { readonly note: string; readonly layout: BlockLayout }[] = [
  ...[4, 8, 12, 16, 20, 32, 64].map((blockSize) => ({
    note: `holes, blocks of ${blockSize}`,
    layout: holedLayout(3, 5, blockSize, 7),
  })),
  { note: "every block", layout: BlockLayout.dense(3, 4, 16) },
  {
    note: "one block of many",
    layout: BlockLayout.fromMask(
      Uint8Array.from({ length: 64 }, (_, i) => (i === 27 ? 1 : 0)),
      8,
      8,
      16,
    ),
  },
  { note: "no block", layout: BlockLayout.fromMask(new Uint8Array(12), 3, 4, 16) },
  {
    note: "a tenth",
    layout: BlockLayout.balanced({ outFeatures: 320, inFeatures: 320, blockSize: 16, density: 0.1, seed: 2 }),
  },
];

// The count is taken by the kernels as they run: every multiplication in the shipped WebAssembly goes through a counter.
// An engine that is told to do without relaxed SIMD cannot run the others; the wide build runs on all that have it, if slowly.
for (const { name, rows } of variants.filter((one) => one.name === "base" || fusesMultiplyAdd()))
  describe(`multiply-adds of the ${name} kernels`, () => {
    let run: CountingRunner;
    beforeAll(async () => {
      run = await countingRunner(name, shippedKernels());
    });

    for (const { note, layout } of cases)
      for (const tokens of [1, 24, 33, 300])
        it(`are stored blocks × b² × tokens: ${note}, ${tokens} tokens`, () => {
          const { blockSize: b, blocks, crowIndices, colIndices, ccolIndices, rowIndices, blockPermutation } = layout;
          const shape = [layout.rows * b, layout.cols * b] as const;
          const [outputs, inputs] = shape;
          const [x, dy, dense] = [
            normals(tokens * inputs, 1),
            normals(tokens * outputs, 2),
            normals(outputs * inputs, 3),
          ];
          const w = masked(dense, layout, shape);
          const values = new Float32Array(blocks * b * b);
          layout.forEachBlock((row, col, block) => {
            for (let i = 0; i < b; i++)
              for (let j = 0; j < b; j++)
                values[(block * b + i) * b + j] = dense[(row * b + i) * inputs + col * b + j]!;
          });
          const index = ints(
            Int32Array.of(...crowIndices, ...colIndices, ...ccolIndices, ...rowIndices, ...blockPermutation),
          );
          const attrs = { shape, blockSize: b, blocks };
          const exact = blocks * b * b * tokens;
          const inTiles = blocks * b * b * Math.ceil(tokens / rows) * rows;
          expect(layout.multiplyAdds(tokens)).toBe(exact);

          const forward = run(
            blockSparseLinearOp,
            [floats(x, tokens, inputs), floats(values, blocks, b, b), null, index],
            [layoutOf(tokens, outputs), null],
            { ...attrs, activation: "none" },
          );
          expect(
            worstError(forward.outputs[0]!, forwardOracle(x, w, new Float64Array(outputs), tokens, shape)),
          ).toBeLessThanOrEqual(1e-5);
          expect(forward.multiplications, "forward").toBe(inTiles);

          const dx = run(
            ddsOp,
            [floats(dy, tokens, outputs), floats(values, blocks, b, b), index],
            [layoutOf(tokens, inputs)],
            attrs,
          );
          expect(worstError(dx.outputs[0]!, inputGradientOracle(dy, w, tokens, shape))).toBeLessThanOrEqual(1e-5);
          expect(dx.multiplications, "input gradient").toBe(inTiles);

          if (blocks === 0) return; // A result without elements is not launched.
          const dw = run(
            sddOp,
            [floats(dy, tokens, outputs), floats(x, tokens, inputs), index],
            [layoutOf(blocks, b, b)],
            attrs,
          );
          const full = weightGradientOracle(dy, x, tokens, shape);
          const wanted = new Float64Array(values.length);
          layout.forEachBlock((row, col, block) => {
            for (let i = 0; i < b; i++)
              for (let j = 0; j < b; j++) wanted[(block * b + i) * b + j] = full[(row * b + i) * inputs + col * b + j]!;
          });
          expect(worstError(dw.outputs[0]!, wanted)).toBeLessThanOrEqual(1e-5);
          expect(dw.multiplications, "weight gradient").toBe(exact);
        });
  });
