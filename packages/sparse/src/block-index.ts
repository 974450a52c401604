import { DTypeError, scope, ShapeError, Tensor, type Backend } from "@tessera/tensor";
import { showShape, type TensorSpec } from "@tessera/tensor/extend";
import { blockGrid, type BlockLayout } from "./block-layout.ts";

/**
 * A layout on a device: what the products walk. R and C are the rows and columns of blocks, n the number of blocks. Kernels
 * trust it; `BlockSparseMatrix` makes it from a `BlockLayout`, which is checked.
 */
export interface BlockIndex {
  /** Of the matrix: `[out, in]`. Blocks at the lower and right edges may stick out. */
  readonly shape: readonly [number, number];
  readonly blockSize: number;
  /** `[R + 1]` int32: where each row of blocks starts in `colIndices`. */
  readonly crowIndices: Tensor;
  /** `[n]` int32: the column of each block, by rows. */
  readonly colIndices: Tensor;
  /** `[C + 1]` int32: where each column of blocks starts in `rowIndices`. */
  readonly ccolIndices: Tensor;
  /** `[n]` int32: the row of each block, by columns. */
  readonly rowIndices: Tensor;
  /** `[n]` int32: where each block of the order by columns stands in the order by rows. */
  readonly blockPermutation: Tensor;
}

/** A block-sparse matrix as the products take it. `values [n, b, b]` are in the order by rows; what sticks out is 0. */
export interface BlockSparse extends BlockIndex {
  readonly values: Tensor;
}

/**
 * Puts a layout on a device.
 *
 * @throws ShapeError when its grid is not the one that covers the matrix.
 */
export const blockIndex = (layout: BlockLayout, shape: readonly [number, number], device: Backend): BlockIndex => {
  const { rows, cols } = blockGrid("blockIndex", shape, layout.blockSize);
  if (rows !== layout.rows || cols !== layout.cols)
    throw new ShapeError(
      `blockIndex: a ${showShape(shape)} matrix has ${rows} × ${cols} blocks of ${layout.blockSize}, the layout ${layout.rows} × ${layout.cols}; make one for this shape`,
    );
  const list = (values: Int32Array): Tensor => Tensor.fromHost(values, [values.length], "int32", device, "blockIndex");
  return scope(() => ({
    shape,
    blockSize: layout.blockSize,
    crowIndices: list(layout.crowIndices),
    colIndices: list(layout.colIndices),
    ccolIndices: list(layout.ccolIndices),
    rowIndices: list(layout.rowIndices),
    blockPermutation: list(layout.blockPermutation),
  }));
};

/** The index as inputs of an op. */
export type IndexInputs = [
  crowIndices: Tensor,
  colIndices: Tensor,
  ccolIndices: Tensor,
  rowIndices: Tensor,
  blockPermutation: Tensor,
];
export const indexInputs = (index: BlockIndex): IndexInputs => [
  index.crowIndices,
  index.colIndices,
  index.ccolIndices,
  index.rowIndices,
  index.blockPermutation,
];

/** Which matrix an op's values belong to. */
export interface MatrixAttrs {
  readonly shape: readonly [number, number];
  readonly blockSize: number;
}

type IndexSpecs = readonly [
  crow: TensorSpec,
  col: TensorSpec,
  ccol: TensorSpec,
  row: TensorSpec,
  permutation: TensorSpec,
];

/** Throws unless every input is float32. */
export const checkFloat = (op: string, ...inputs: readonly (TensorSpec | null)[]): void => {
  for (const input of inputs)
    if (input && input.dtype !== "float32")
      throw new DTypeError(`${op}: expected float32, got ${input.dtype}; cast(x, "float32") first?`);
};

/** Throws unless the index fits the matrix. Shapes only: the numbers in it were checked when its layout was made. */
export const checkIndex = (
  op: string,
  index: IndexSpecs | readonly [TensorSpec, TensorSpec],
  { shape, blockSize }: MatrixAttrs,
): void => {
  const blocks = index[1].shape[0] ?? 0;
  const [rows, cols] = shape.map((size) => Math.ceil(size / blockSize)) as [number, number];
  const names = ["crowIndices", "colIndices", "ccolIndices", "rowIndices", "blockPermutation"];
  const lengths = [rows + 1, blocks, cols + 1, blocks, blocks];
  for (const [i, spec] of index.entries()) {
    if (spec.dtype !== "int32")
      throw new DTypeError(
        `${op}: expected int32 ${names[i]}, got ${spec.dtype}; make the index with BlockSparseMatrix`,
      );
    if (spec.shape.length !== 1 || spec.shape[0] !== lengths[i])
      throw new ShapeError(
        `${op}: expected ${names[i]} [${lengths[i]}] for a ${showShape(shape)} matrix in blocks of ${blockSize}, got ${showShape(spec.shape)}; make the index with BlockSparseMatrix`,
      );
  }
};

/** Throws unless the values are one block for each that the index lists. */
export const checkValues = (
  op: string,
  values: TensorSpec,
  colIndices: TensorSpec,
  { blockSize }: MatrixAttrs,
): void => {
  const [blocks, height, width, ...rest] = values.shape;
  if (rest.length > 0 || height !== blockSize || width !== blockSize || blocks !== colIndices.shape[0])
    throw new ShapeError(
      `${op}: expected values [${colIndices.shape[0]}, ${blockSize}, ${blockSize}] for this index, got ${showShape(values.shape)}; were they made for another layout?`,
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
