import { IndexError } from "@tessera/tensor";
import { activations, tokensOf, type Data, type ReferenceKernel } from "@tessera/tensor/extend";
import { segmentsOf, type MatrixAttrs } from "../../block-index.ts";
import type { BlockSparseLinearSignature, DdsSignature, SddSignature } from "./block-matmul.ts";

/** Where a stored block lies: its place in the values, its first row and column, and how much of it lies inside the matrix. */
interface Block {
  readonly start: number;
  readonly row: number;
  readonly col: number;
  readonly height: number;
  readonly width: number;
}

/**
 * The stored blocks in the order of the values. Only the index by rows is read, so that the kernels that walk the index by
 * columns are checked against something that does not.
 */
const blocksOf = ({ values: index }: Data, attrs: MatrixAttrs): Block[] => {
  const {
    shape: [outputs, inputs],
    blockSize: b,
  } = attrs;
  const segments = segmentsOf(attrs);
  const blocks: Block[] = [];
  for (let row = 0; row * b < outputs; row++)
    for (let block = index[row]!; block < index[row + 1]!; block++) {
      const col = index[segments.colIndices + block]!;
      if (col < 0 || col * b >= inputs)
        throw new IndexError(
          `block ${block} of row ${row} lies at column ${col}, outside the ${Math.ceil(inputs / b)} columns of blocks`,
        );
      blocks.push({
        start: block * b * b,
        row: row * b,
        col: col * b,
        height: Math.min(b, outputs - row * b),
        width: Math.min(b, inputs - col * b),
      });
    }
  return blocks;
};

/** pre[t, o] = b[o] + Σ_i x[t, i] · W[o, i] over the stored blocks, in float64, and y = f(pre). */
export const blockSparseLinearReference: ReferenceKernel<BlockSparseLinearSignature> = (
  [x, values, bias, index],
  [y, pre],
  attrs,
) => {
  const {
    shape: [outputs, inputs],
    blockSize,
    activation,
  } = attrs;
  const blocks = blocksOf(index, attrs);
  const sums = new Float64Array(outputs);
  for (let t = 0, tokens = tokensOf(x.layout); t < tokens; t++) {
    for (let o = 0; o < outputs; o++) sums[o] = bias ? bias.values[o]! : 0;
    for (const { start, row, col, height, width } of blocks)
      for (let i = 0; i < height; i++)
        for (let j = 0; j < width; j++)
          sums[row + i]! += x.values[t * inputs + col + j]! * values.values[start + i * blockSize + j]!;
    for (let o = 0; o < outputs; o++) {
      y.values[t * outputs + o] = activations[activation](sums[o]!);
      if (pre) pre.values[t * outputs + o] = sums[o]!;
    }
  }
};

/** dx[t, i] = Σ_o dy[t, o] · W[o, i] over the stored blocks. */
export const ddsReference: ReferenceKernel<DdsSignature> = ([dy, values, index], [dx], attrs) => {
  const {
    shape: [outputs, inputs],
    blockSize,
  } = attrs;
  const blocks = blocksOf(index, attrs);
  const sums = new Float64Array(inputs);
  for (let t = 0, tokens = tokensOf(dy.layout); t < tokens; t++) {
    sums.fill(0);
    for (const { start, row, col, height, width } of blocks)
      for (let i = 0; i < height; i++)
        for (let j = 0; j < width; j++)
          sums[col + j]! += dy.values[t * outputs + row + i]! * values.values[start + i * blockSize + j]!;
    for (let i = 0; i < inputs; i++) dx.values[t * inputs + i] = sums[i]!;
  }
};

/** dW[block][i, j] = Σ_t dy[t, row + i] · x[t, col + j]; 0 where a block sticks out of the matrix. */
export const sddReference: ReferenceKernel<SddSignature> = ([dy, x, index], [dValues], attrs) => {
  const {
    shape: [outputs, inputs],
    blockSize,
  } = attrs;
  dValues.values.fill(0);
  const tokens = tokensOf(x.layout);
  const sums = new Float64Array(blockSize * blockSize);
  for (const { start, row, col, height, width } of blocksOf(index, attrs)) {
    sums.fill(0);
    // Token by token, along the rows of both: down a column each element lies in another line of the cache.
    for (let t = 0; t < tokens; t++)
      for (let i = 0; i < height; i++) {
        const dyi = dy.values[t * outputs + row + i]!;
        for (let j = 0; j < width; j++) sums[i * blockSize + j]! += dyi * x.values[t * inputs + col + j]!;
      }
    for (let i = 0; i < height; i++)
      for (let j = 0; j < width; j++) dValues.values[start + i * blockSize + j] = sums[i * blockSize + j]!;
  }
};
