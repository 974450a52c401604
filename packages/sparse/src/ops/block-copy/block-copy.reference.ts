import type { Data, ReferenceKernel } from "@tessera/tensor/extend";
import { segmentsOf, type MatrixAttrs } from "../../block-index.ts";
import type { BlockCopySignature } from "./block-copy.ts";

/** Visits each element that a stored block shares with the matrix: its place in the values, and in the dense matrix. */
const forEachShared = (
  { values: index }: Data,
  attrs: MatrixAttrs,
  visit: (inValues: number, inDense: number) => void,
): void => {
  const {
    shape: [outputs, inputs],
    blockSize: b,
  } = attrs;
  const { colIndices } = segmentsOf(attrs);
  for (let o = 0; o < outputs; o++) {
    const row = Math.floor(o / b);
    for (let block = index[row]!; block < index[row + 1]!; block++) {
      const first = index[colIndices + block]! * b;
      for (let i = first; i < Math.min(first + b, inputs); i++)
        visit((block * b + (o % b)) * b + (i - first), o * inputs + i);
    }
  }
};

export const gatherBlocksReference: ReferenceKernel<BlockCopySignature> = ([dense, index], [values], attrs) => {
  values.values.fill(0);
  forEachShared(index, attrs, (inValues, inDense) => {
    values.values[inValues] = dense.values[inDense]!;
  });
};

export const scatterBlocksReference: ReferenceKernel<BlockCopySignature> = ([values, index], [dense], attrs) => {
  dense.values.fill(0);
  forEachShared(index, attrs, (inValues, inDense) => {
    dense.values[inDense] = values.values[inValues]!;
  });
};
