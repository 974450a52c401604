import { Tensor, type Backend } from "@tessera/tensor";
import type { BlockLayout } from "./block-layout.ts";

/** How many rows and columns of a block lie inside the matrix. */
export const insideOf = (
  layout: BlockLayout,
  [outputs, inputs]: readonly [number, number],
  row: number,
  col: number,
) => ({
  height: Math.min(layout.blockSize, outputs - row * layout.blockSize),
  width: Math.min(layout.blockSize, inputs - col * layout.blockSize),
});

/** How many of a layout's elements lie inside the matrix: what a layer with it can learn. */
export const elementsInside = (layout: BlockLayout, shape: readonly [number, number]): number => {
  let elements = 0;
  layout.forEachBlock((row, col) => {
    const { height, width } = insideOf(layout, shape, row, col);
    elements += height * width;
  });
  return elements;
};

/** How many inputs each row of blocks sees. */
export const fanInOfRows = (layout: BlockLayout, shape: readonly [number, number]): number[] => {
  const fanIn = new Array<number>(layout.rows).fill(0);
  layout.forEachBlock((row, col) => {
    fanIn[row]! += insideOf(layout, shape, row, col).width;
  });
  return fanIn;
};

/**
 * `[blocks, b, b]`: a number for each row of blocks, repeated over its blocks, and 0 where a block sticks out. As a factor it
 * scales rows and clears the padding at once.
 */
export const rowFactors = (
  layout: BlockLayout,
  shape: readonly [number, number],
  factors: readonly number[],
  device: Backend,
): Tensor => {
  const { blockSize: b } = layout;
  const values = new Float32Array(layout.blocks * b * b);
  layout.forEachBlock((row, col, block) => {
    const { height, width } = insideOf(layout, shape, row, col);
    for (let i = 0; i < height; i++) values.fill(factors[row]!, (block * b + i) * b, (block * b + i) * b + width);
  });
  return Tensor.fromHost(values, [layout.blocks, b, b], "float32", device, "rowFactors");
};
