import { vjp } from "@tessera/autograd";
import { BlockLayout, BlockSparseMatrix, blockSparseLinear, dds, dsd, sdd, type BlockSparse } from "@tessera/sparse";
import type { Tensor } from "@tessera/tensor";
import { permute, tensor, type Backend } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { dataOf } from "../support/data-of.ts";
import { devices, oracle } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";
import {
  forwardOracle,
  holedLayout,
  inputGradientOracle,
  masked,
  normals,
  weightGradientOracle,
  worstError,
  type MaskedCase,
} from "./oracle.ts";

// A float32 product of n terms against float64: well below 1e-5 of its scale for the n here.
const TOLERANCE = 1e-5;

const allDevices = [oracle, ...devices];
const cases: MaskedCase[] = [];
for (const blockSize of [4, 8, 16, 20, 32, 64]) {
  const [rows, cols] = [3, 5];
  const shape = [rows * blockSize, cols * blockSize] as const;
  for (const tokens of [1, 33, 129])
    cases.push({
      note: "empty row and column",
      layout: holedLayout(rows, cols, blockSize, blockSize + tokens),
      shape,
      tokens,
    });
  cases.push({
    note: "no block at all",
    layout: BlockLayout.fromMask(new Uint8Array(rows * cols), rows, cols, blockSize),
    shape,
    tokens: 33,
  });
  cases.push({ note: "every block", layout: BlockLayout.dense(rows, cols, blockSize), shape, tokens: 33 });
  // One feature too many for the grid before, one too few for the next, and odd sizes that no vector divides.
  for (const [missingRows, missingCols] of [
    [1, blockSize - 1],
    [blockSize - 1, 3],
  ] as const)
    cases.push({
      note: "ragged",
      layout: holedLayout(rows, cols, blockSize, blockSize),
      shape: [rows * blockSize - missingRows, cols * blockSize - missingCols],
      tokens: 33,
    });
  cases.push({
    note: "balanced",
    layout: BlockLayout.balanced({
      outFeatures: 7 * blockSize,
      inFeatures: 5 * blockSize,
      blockSize,
      density: 0.4,
      seed: 3,
    }),
    shape: [7 * blockSize, 5 * blockSize],
    tokens: 13,
  });
}
// More tokens than a chunk of the weight gradient and than a task of the others.
cases.push({ note: "many tokens", layout: holedLayout(5, 7, 16, 1), shape: [80, 112], tokens: 700 });
cases.push({
  note: "many blocks",
  layout: BlockLayout.balanced({ outFeatures: 1000, inFeatures: 520, blockSize: 8, density: 0.1, seed: 5 }),
  shape: [1000, 520],
  tokens: 25,
});
// Long lines, beyond which tiles are not computed in pairs: one has all blocks, one half of them, one none.
for (const wide of [true, false]) {
  const [lines, depth, blockSize] = [3, 215, 20];
  const mask = Array.from({ length: lines }, (_, line) =>
    Array.from({ length: depth }, (_, at) => line === 0 || (line === 1 && at >= 115)),
  );
  const [rows, cols] = wide ? [lines, depth] : [depth, lines];
  cases.push({
    note: `long ${wide ? "rows" : "columns"}`,
    layout: BlockLayout.fromMask(
      wide ? mask : Array.from({ length: depth }, (_, at) => mask.map((line) => line[at]!)),
      rows,
      cols,
      blockSize,
    ),
    shape: [rows * blockSize - 3, cols * blockSize - 7],
    tokens: 193,
  });
}
cases.push({ note: "one block, ragged", layout: BlockLayout.dense(1, 1, 32), shape: [5, 3], tokens: 2 });
cases.push({ note: "no token", layout: holedLayout(3, 5, 8, 1), shape: [24, 40], tokens: 0 });

/** The same numbers with the two dims swapped in memory. */
const swapped = (values: Float32Array, [m, n]: readonly [number, number], device: Backend): Tensor => {
  const flipped = Float32Array.from({ length: m * n }, (_, at) => values[(at % m) * n + Math.floor(at / m)]!);
  return permute(tensor(flipped, [n, m], { device }), [1, 0]);
};

const title = ({ note, layout, shape, tokens }: MaskedCase): string =>
  `${note}: [${shape.join(", ")}] in ${layout.blockSize}s, ${layout.blocks} blocks, ${tokens} tokens`;

for (const device of allDevices)
  describe(`products on ${device.name}`, () => {
    for (const [n, one] of cases.entries())
      for (const contiguous of n % 3 === 0 ? [true, false] : [true])
        it(`${title(one)}${contiguous ? "" : ", views"}`, () =>
          withoutLeaks(async () => {
            const { layout, shape, tokens } = one;
            const [outputs, inputs] = shape;
            const [x, dy, dense, bias] = [
              normals(tokens * inputs, 1),
              normals(tokens * outputs, 2),
              normals(outputs * inputs, 3),
              normals(outputs, 4),
            ];
            const w = masked(dense, layout, shape);
            const make = (values: Float32Array, width: number): Tensor =>
              contiguous ? tensor(values, [tokens, width], { device }) : swapped(values, [tokens, width], device);

            const [y, dx, dValues, dBias, byDds, byDsd, byDsdTransposed, bySdd] = await dataOf(() => {
              const matrix = BlockSparseMatrix.fromDense(tensor(dense, [outputs, inputs], { device }), layout);
              const pulled = vjp(
                (xs: Tensor, values: Tensor, bs: Tensor) => blockSparseLinear(xs, withValues(matrix, values), bs),
                make(x, inputs),
                matrix.values,
                tensor(bias, [outputs], { device }),
              );
              const [dx, dValues, dBias] = pulled.pullback(make(dy, outputs));
              return [
                pulled.value,
                dx!,
                dValues!,
                dBias!,
                // The same by the literature's names.
                dds(make(dy, outputs), matrix),
                dsd(matrix, permute(make(x, inputs), [1, 0])),
                dsd(matrix, permute(make(dy, outputs), [1, 0]), { transposed: true }),
                sdd(permute(make(dy, outputs), [1, 0]), make(x, inputs), matrix),
              ];
            });
            const near = (got: ArrayLike<number>, want: ArrayLike<number>, name: string): void =>
              expect(worstError(got, want), name).toBeLessThanOrEqual(TOLERANCE);
            const wantedDx = inputGradientOracle(dy, w, tokens, shape);
            const dDense = masked(weightGradientOracle(dy, x, tokens, shape), layout, shape);
            const db = Float64Array.from({ length: outputs }, (_, o) =>
              Array.from({ length: tokens }, (_, t) => dy[t * outputs + o]!).reduce((a, b) => a + b, 0),
            );
            near(y, forwardOracle(x, w, bias, tokens, shape), "forward");
            near(dx, wantedDx, "input gradient");
            expectBlocks(dValues, dDense, one);
            near(dBias, db, "bias gradient");
            near(byDds, wantedDx, "dds");
            const unbiased = forwardOracle(x, w, new Float64Array(outputs), tokens, shape);
            near(transposed(byDsd, outputs, tokens), unbiased, "dsd");
            near(transposed(byDsdTransposed, inputs, tokens), wantedDx, "dsd transposed");
            expectBlocks(bySdd, dDense, one);
          }));
  });

for (const device of allDevices)
  it(`what sticks out of a weight gradient is 0 even where inputs are not finite, on ${device.name}`, () =>
    withoutLeaks(async () => {
      const shape = [13, 11] as const;
      const layout = BlockLayout.dense(2, 2, 8);
      const bad = (values: Float32Array): Float32Array =>
        values.map((value, i) => (i % 3 === 0 ? NaN : i % 3 === 1 ? Infinity : value));
      const [values] = await dataOf(() => {
        const dy = tensor(bad(normals(5 * 13, 1)), [5, 13], { device });
        const x = tensor(bad(normals(5 * 11, 2)), [5, 11], { device });
        return [sdd(permute(dy, [1, 0]), x, BlockSparseMatrix.zeros(shape, { layout, device }))];
      });
      const padding: number[] = [];
      layout.forEachBlock((row, col, block) => {
        for (let i = 0; i < 8; i++)
          for (let j = 0; j < 8; j++)
            if (row * 8 + i >= 13 || col * 8 + j >= 11) padding.push(values[(block * 8 + i) * 8 + j]!);
      });
      expect(padding.length).toBe(4 * 64 - 13 * 11);
      expect(padding.filter((value) => value !== 0)).toEqual([]);
    }));

const withValues = ({ shape, blockSize, blocks, index }: BlockSparseMatrix, values: Tensor): BlockSparse => ({
  shape,
  blockSize,
  blocks,
  index,
  values,
});

const transposed = (values: ArrayLike<number>, m: number, n: number): Float64Array =>
  Float64Array.from({ length: m * n }, (_, at) => values[(at % m) * n + Math.floor(at / m)]!);

/** Values against a dense matrix: equal in the blocks, exactly 0 where a block sticks out. */
const expectBlocks = (
  values: ArrayLike<number>,
  dense: Float64Array,
  { layout, shape: [outputs, inputs] }: MaskedCase,
): void => {
  const { blockSize: b } = layout;
  const want = new Float64Array(layout.blocks * b * b);
  const padding: number[] = [];
  layout.forEachBlock((row, col, block) => {
    for (let i = 0; i < b; i++)
      for (let j = 0; j < b; j++) {
        const [o, k] = [row * b + i, col * b + j];
        const at = (block * b + i) * b + j;
        if (o < outputs && k < inputs) want[at] = dense[o * inputs + k]!;
        else padding.push(values[at]!);
      }
  });
  expect(worstError(values, want), "weight gradient").toBeLessThanOrEqual(TOLERANCE);
  expect(
    padding.filter((value) => value !== 0),
    "what sticks out",
  ).toEqual([]);
};
