import { BlockLayout } from "@tessera/sparse";
import type * as family from "@tessera/sparse/ops/block-matmul";
import { normal, values } from "../support/generate.ts";
import type { SampleTable } from "../support/sample.ts";

type Shape = readonly [number, number];

/** A layout as sample arguments: made on each device. */
const index = (layout: BlockLayout, shape: Shape) => {
  const { crowIndices, colIndices, ccolIndices, rowIndices, blockPermutation, blockSize, blocks } = layout;
  const packed = [...crowIndices, ...colIndices, ...ccolIndices, ...rowIndices, ...blockPermutation];
  return { shape, blockSize, blocks, index: values(packed, [packed.length], "int32") };
};

/** A matrix of that layout. What sticks out of it is not 0 here: no product may look at it. */
export const sparse = (layout: BlockLayout, shape: Shape) => ({
  ...index(layout, shape),
  values: normal(layout.blocks, layout.blockSize, layout.blockSize),
});

export const holes = (blockSize: number) =>
  BlockLayout.fromMask(
    [
      [1, 0, 0, 0, 1],
      [0, 0, 0, 0, 0],
      [0, 1, 1, 0, 1],
    ],
    3,
    5,
    blockSize,
  );
export const noBlock = BlockLayout.fromMask(
  [
    [0, 0],
    [0, 0],
  ],
  2,
  2,
  16,
);
export const ragged = BlockLayout.fromMask(
  [
    [1, 0, 1],
    [0, 1, 0],
    [1, 0, 1],
  ],
  3,
  3,
  8,
);

/** So deep that a task's tokens do not fit into a cache at once. */
const deepMask = [16, 20].map((every) => Array.from({ length: 512 }, (_, column) => (column % every === 0 ? 1 : 0)));
const deep = sparse(BlockLayout.fromMask(deepMask, 2, 512, 16), [32, 8192]);
const small = sparse(holes(4), [12, 20]);
const medium = sparse(holes(16), [48, 80]);
const odd = sparse(ragged, [19, 21]);
const wide = sparse(holes(32), [96, 160]);
const widest = sparse(holes(64), [192, 320]);
const empty = sparse(noBlock, [32, 32]);

export const blockMatmulSamples = {
  blockSparseLinear: [
    { args: [normal(6, 20), small, normal(12)] },
    { args: [normal(2, 3, 20), small], note: "leading dims, no bias" },
    { args: [normal(20), small, normal(12)], note: "one token without leading dims" },
    { args: [normal(33, 80), medium, normal(48)], note: "not a multiple of the tile" },
    { args: [normal(7, 21), odd, normal(19)], note: "ragged" },
    { args: [normal(5, 32), empty, normal(32)], note: "no block: the bias alone" },
    { args: [normal(0, 20), small, normal(12)], note: "no token" },
    { args: [normal(6, 20).transposed, small, normal(12)], note: "transposed view" },
    { args: [normal(6, 20).strided, small, normal(12)], note: "strided view" },
    { args: [normal(5, 100), sparse(BlockLayout.dense(3, 5, 20), [60, 100]), normal(60)], note: "every block" },
    {
      args: [normal(100, 8192), deep, normal(32), { activation: "gelu" }],
      note: "several groups of tokens a task",
      noGradient: "that of each group is the same product",
    },
    { args: [normal(9, 20), small, normal(12), { activation: "gelu" }], note: "gelu" },
    { args: [normal(9, 21), odd, normal(19), { activation: "gelu" }], note: "gelu, ragged" },
    { args: [normal(9, 32), empty, normal(32), { activation: "gelu" }], note: "gelu of the bias alone" },
    { args: [normal(9, 20), small, normal(12), { activation: "geluTanh" }], note: "gelu by tanh" },
    { args: [normal(9, 20), small, null, { activation: "relu" }], note: "relu", noGradient: "a corner" },
    { args: [normal(9, 160), wide, normal(96)], note: "blocks of 32" },
    { args: [normal(9, 320), widest, normal(192)], note: "blocks of 64" },
    {
      args: [normal(6, 12), small],
      throws:
        /blockSparseLinear: expected x \[\.\.\., 20\] for the \[12, 20\] matrix, got \[6, 12\]; the matrix is \[out, in\]/,
    },
    {
      args: [normal(), small],
      throws: /blockSparseLinear: expected x \[\.\.\., 20\] for the \[12, 20\] matrix, got \[\]/,
    },
    {
      args: [normal(6, 20), small, normal(20)],
      throws: /blockSparseLinear: expected a bias \[12\] for the \[12, 20\] matrix, got \[20\]/,
    },
    { args: [values([1, 2, 3, 4], [4], "int32"), small], throws: /blockSparseLinear: expected float32, got int32/ },
    {
      args: [normal(6, 20), { ...small, values: normal(4, 4, 4) }],
      throws: /expected values \[5, 4, 4\] for this index, got \[4, 4, 4\]; were they made for another layout\?/,
    },
    {
      args: [normal(6, 20), { ...small, shape: [16, 20] }],
      throws:
        /blockSparseLinear: expected an index int32 \[26\] for 5 blocks of 4 in a \[16, 20\] matrix, got int32 \[25\]; make it with blockIndex/,
    },
    {
      args: [normal(6, 20), { ...small, index: normal(25) }],
      throws: /blockSparseLinear: expected an index int32 \[25\] .*, got float32 \[25\]; make it with blockIndex/,
    },
  ],
  dds: [
    { args: [normal(6, 12), small] },
    { args: [normal(2, 3, 20), small, { transposed: true }], note: "transposed" },
    { args: [normal(33, 48), medium], note: "not a multiple of the tile" },
    { args: [normal(7, 19), odd], note: "ragged" },
    { args: [normal(7, 32), empty], note: "no block" },
    { args: [normal(0, 12), small], note: "no token" },
    { args: [normal(6, 12).transposed, small], note: "transposed view" },
    { args: [normal(9, 96), wide], note: "blocks of 32" },
    { args: [normal(9, 192), widest], note: "blocks of 64" },
    {
      args: [normal(6, 20), small],
      throws: /dds: expected a left factor \[\.\.\., 12\] for the \[12, 20\] matrix, got \[6, 20\]/,
    },
  ],
  dsd: [
    { args: [small, normal(20, 6)] },
    { args: [small, normal(12, 6), { transposed: true }], note: "transposed" },
    { args: [odd, normal(21, 5)], note: "ragged" },
    { args: [empty, normal(32, 3)], note: "no block" },
    {
      args: [small, normal(20)],
      throws: /dsd: expected a matrix at the right, got shape \[20\]; reshape it, or use dds/,
    },
  ],
  sdd: [
    { args: [normal(12, 6), normal(6, 20), index(holes(4), [12, 20])] },
    { args: [normal(48, 33), normal(33, 80), index(holes(16), [48, 80])], note: "not a multiple of the tile" },
    { args: [normal(19, 7), normal(7, 21), index(ragged, [19, 21])], note: "ragged" },
    { args: [normal(48, 700), normal(700, 80), index(holes(16), [48, 80])], note: "several chunks of tokens" },
    { args: [normal(32, 7), normal(7, 32), index(noBlock, [32, 32])], note: "no block" },
    { args: [normal(12, 0), normal(0, 20), index(holes(4), [12, 20])], note: "no token: zeros" },
    { args: [normal(12, 6).transposed, normal(6, 20).strided, index(holes(4), [12, 20])], note: "views" },
    { args: [normal(96, 9), normal(9, 160), index(holes(32), [96, 160])], note: "blocks of 32" },
    { args: [normal(192, 9), normal(9, 320), index(holes(64), [192, 320])], note: "blocks of 64" },
    {
      args: [normal(12, 6), normal(5, 20), index(holes(4), [12, 20])],
      throws: /sdd: expected one row of dy for each row of x, got \[6, 12\] and \[5, 20\]/,
    },
    {
      args: [normal(12), normal(1, 20), index(holes(4), [12, 20])],
      throws: /sdd: expected two matrices, got shapes \[12\] and \[1, 20\]/,
    },
  ],
} satisfies SampleTable<typeof family>;
