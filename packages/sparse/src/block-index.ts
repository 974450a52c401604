import { DTypeError, narrow, scope, ShapeError, Tensor, type Backend } from "@tessera/tensor";
import { showShape, type TensorSpec } from "@tessera/tensor/extend";
import { blockGrid, type BlockLayout } from "./block-layout.ts";

/** Which matrix an op's values and index belong to: where the index has what follows from it. */
export interface MatrixAttrs {
  /** Of the matrix: `[out, in]`. Blocks at the lower and right edges may stick out. */
  readonly shape: readonly [number, number];
  readonly blockSize: number;
  /** How many are stored. */
  readonly blocks: number;
}

/**
 * A layout on a device: what the products walk. Kernels trust it; `blockIndex` makes it from a `BlockLayout`, which is checked.
 */
export interface BlockIndex extends MatrixAttrs {
  /**
   * One int32 tensor with five segments, of a matrix with R rows and C columns of blocks of which n are stored: `crowIndices [R + 1]`,
   * where each row of blocks starts in `colIndices [n]`, the column of each block, by rows; `ccolIndices [C + 1]`, where each column of
   * blocks starts in `rowIndices [n]`, the row of each block, by columns; and `blockPermutation [n]`, where each block of the order by
   * columns stands in the order by rows.
   */
  readonly index: Tensor;
}

/** A block-sparse matrix as the products take it. `values [n, b, b]` are in the order by rows; what sticks out is 0. */
export interface BlockSparse extends BlockIndex {
  readonly values: Tensor;
}

/** How many numbers an index has. */
const lengthOf = ({ shape: [outputs, inputs], blockSize, blocks }: MatrixAttrs): number =>
  Math.ceil(outputs / blockSize) + Math.ceil(inputs / blockSize) + 2 + 3 * blocks;

/** Rows and columns of blocks, and where in an index its segments begin. */
export const segmentsOf = ({ shape: [outputs, inputs], blockSize, blocks }: MatrixAttrs) => {
  const [rows, cols] = [Math.ceil(outputs / blockSize), Math.ceil(inputs / blockSize)];
  const colIndices = rows + 1;
  const ccolIndices = colIndices + blocks;
  const rowIndices = ccolIndices + cols + 1;
  return { rows, cols, crowIndices: 0, colIndices, ccolIndices, rowIndices, blockPermutation: rowIndices + blocks };
};

/**
 * Puts a layout on a device.
 *
 * @throws ShapeError when its grid is not the one that covers the matrix.
 */
export const blockIndex = (layout: BlockLayout, shape: readonly [number, number], device: Backend): BlockIndex => {
  const { blockSize, blocks } = layout;
  const { rows, cols } = blockGrid("blockIndex", shape, blockSize);
  if (rows !== layout.rows || cols !== layout.cols)
    throw new ShapeError(
      `blockIndex: a ${showShape(shape)} matrix has ${rows} × ${cols} blocks of ${blockSize}, the layout ${layout.rows} × ${layout.cols}; make one for this shape`,
    );
  const matrix = { shape, blockSize, blocks };
  const starts = segmentsOf(matrix);
  const packed = new Int32Array(lengthOf(matrix));
  for (const name of ["crowIndices", "colIndices", "ccolIndices", "rowIndices", "blockPermutation"] as const)
    packed.set(layout[name], starts[name]);
  return { ...matrix, index: Tensor.fromHost(packed, [packed.length], "int32", device, "blockIndex") };
};

/** The index by rows as PyTorch's BSR tensors have it, as views. */
export const rowIndexOf = ({ index, ...matrix }: BlockIndex): { crowIndices: Tensor; colIndices: Tensor } =>
  scope(() => {
    const { crowIndices, colIndices, ccolIndices } = segmentsOf(matrix);
    return {
      crowIndices: narrow(index, 0, crowIndices, colIndices - crowIndices),
      colIndices: narrow(index, 0, colIndices, ccolIndices - colIndices),
    };
  });

/** Of something that has more than these, an index or the attributes of a layer: the attributes of a product, and no others. */
export const matrixOf = ({ shape, blockSize, blocks }: MatrixAttrs): MatrixAttrs => ({ shape, blockSize, blocks });

/** Throws unless the index is as long as that of the matrix. The numbers in it were checked when its layout was made. */
export const checkIndex = (op: string, index: TensorSpec, matrix: MatrixAttrs): void => {
  const length = lengthOf(matrix);
  if (index.dtype === "int32" && index.shape.length === 1 && index.shape[0] === length) return;
  const { shape, blockSize, blocks } = matrix;
  const expected = `${op}: expected an index int32 [${length}] for ${blocks} blocks of ${blockSize} in a ${showShape(shape)} matrix`;
  const got = `got ${index.dtype} ${showShape(index.shape)}; make it with blockIndex`;
  throw index.dtype === "int32" ? new ShapeError(`${expected}, ${got}`) : new DTypeError(`${expected}, ${got}`);
};

/** Throws unless the values are one block for each that the index lists. */
export const checkValues = (op: string, values: TensorSpec, { blocks, blockSize }: MatrixAttrs): void => {
  const [n, height, width, ...rest] = values.shape;
  if (rest.length > 0 || height !== blockSize || width !== blockSize || n !== blocks)
    throw new ShapeError(
      `${op}: expected values [${blocks}, ${blockSize}, ${blockSize}] for this index, got ${showShape(values.shape)}; were they made for another layout?`,
    );
};

/** The leading dims of x, once its last one is known to be `width`. */
export const leadingDims = (
  op: string,
  name: string,
  x: TensorSpec,
  width: number,
  shape: readonly number[],
): readonly number[] => {
  if (x.shape.length === 0 || x.shape.at(-1) !== width)
    throw new ShapeError(
      `${op}: expected ${name} [..., ${width}] for the ${showShape(shape)} matrix, got ${showShape(x.shape)}; the matrix is [out, in]`,
    );
  return x.shape.slice(0, -1);
};
