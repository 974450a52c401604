import { IndexError, numel } from "@tessera/tensor";
import { hasKernels, type Data, type ReferenceKernel } from "@tessera/tensor/extend";
import { geluOp, reluOp } from "@tessera/tensor/ops/elementwise";
import type { Activation } from "@tessera/tensor/ops/matmul";
import type { MatrixAttrs } from "../../block-index.ts";
import type {
  ActivatedBlockSparseLinearSignature,
  BlockSparseLinearSignature,
  DdsSignature,
  SddSignature,
} from "./block-matmul.ts";

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
const blocksOf = (
  crowIndices: Data,
  colIndices: Data,
  { shape: [outputs, inputs], blockSize: b }: MatrixAttrs,
): Block[] => {
  const blocks: Block[] = [];
  for (let row = 0; row * b < outputs; row++)
    for (let block = crowIndices.values[row]!; block < crowIndices.values[row + 1]!; block++) {
      const col = colIndices.values[block];
      if (col === undefined || col < 0 || col * b >= inputs)
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

/** Rows of x: everything before the last dim. */
const tokensOf = (x: Data): number => numel(x.layout.shape.slice(0, -1));

/** y[t, o] = b[o] + Σ_i x[t, i] · W[o, i] over the stored blocks, in float64; `store` rounds it. */
const linearSums = (
  [x, values, bias, crowIndices, colIndices]: readonly [Data, Data, Data | null, Data, Data, ...Data[]],
  attrs: MatrixAttrs,
  store: (at: number, sum: number) => void,
): void => {
  const {
    shape: [outputs, inputs],
    blockSize,
  } = attrs;
  const blocks = blocksOf(crowIndices, colIndices, attrs);
  const sums = new Float64Array(outputs);
  for (let t = 0; t < tokensOf(x); t++) {
    for (let o = 0; o < outputs; o++) sums[o] = bias ? bias.values[o]! : 0;
    for (const { start, row, col, height, width } of blocks)
      for (let i = 0; i < height; i++)
        for (let j = 0; j < width; j++)
          sums[row + i]! += x.values[t * inputs + col + j]! * values.values[start + i * blockSize + j]!;
    for (let o = 0; o < outputs; o++) store(t * outputs + o, sums[o]!);
  }
};

export const blockSparseLinearReference: ReferenceKernel<BlockSparseLinearSignature> = (inputs, [y], attrs) =>
  linearSums(inputs, attrs, (at, sum) => {
    y.values[at] = sum;
  });

/** The activations are the elementwise ops themselves. */
const activate = (activation: Activation, x: Data, y: Data): void => {
  const op = activation === "relu" ? reluOp : geluOp;
  if (!hasKernels(op)) throw new TypeError(`${op.name} has no reference kernel`);
  op.kernels.reference([x], [y], { approximate: activation === "geluTanh" ? "tanh" : "none" }, {});
};

export const activatedBlockSparseLinearReference: ReferenceKernel<ActivatedBlockSparseLinearSignature> = (
  inputs,
  [y, pre],
  attrs,
) => {
  const sums = pre ?? { layout: y.layout, values: new Float32Array(y.values.length) };
  linearSums(inputs, attrs, (at, sum) => {
    sums.values[at] = sum;
  });
  activate(attrs.activation, sums, y);
};

/** dx[t, i] = Σ_o dy[t, o] · W[o, i] over the stored blocks. */
export const ddsReference: ReferenceKernel<DdsSignature> = ([dy, values, crowIndices, colIndices], [dx], attrs) => {
  const {
    shape: [outputs, inputs],
    blockSize,
  } = attrs;
  const blocks = blocksOf(crowIndices, colIndices, attrs);
  const sums = new Float64Array(inputs);
  for (let t = 0; t < tokensOf(dy); t++) {
    sums.fill(0);
    for (const { start, row, col, height, width } of blocks)
      for (let i = 0; i < height; i++)
        for (let j = 0; j < width; j++)
          sums[col + j]! += dy.values[t * outputs + row + i]! * values.values[start + i * blockSize + j]!;
    for (let i = 0; i < inputs; i++) dx.values[t * inputs + i] = sums[i]!;
  }
};

/** dW[block][i, j] = Σ_t dy[t, row + i] · x[t, col + j]; 0 where a block sticks out of the matrix. */
export const sddReference: ReferenceKernel<SddSignature> = ([dy, x, crowIndices, colIndices], [dValues], attrs) => {
  const {
    shape: [outputs, inputs],
    blockSize,
  } = attrs;
  dValues.values.fill(0);
  for (const { start, row, col, height, width } of blocksOf(crowIndices, colIndices, attrs))
    for (let i = 0; i < height; i++)
      for (let j = 0; j < width; j++) {
        let sum = 0;
        for (let t = 0; t < tokensOf(x); t++)
          sum += dy.values[t * outputs + row + i]! * x.values[t * inputs + col + j]!;
        dValues.values[start + i * blockSize + j] = sum;
      }
};
