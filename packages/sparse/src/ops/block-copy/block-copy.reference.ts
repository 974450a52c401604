import type { Data, ReferenceKernel } from "@tessera/tensor/extend";
import type { MatrixAttrs } from "../../block-index.ts";
import type { BlockCopySignature } from "./block-copy.ts";

/** Visits each element that a stored block shares with the matrix: its place in the values, and in the dense matrix. */
const forEachShared = (
  crowIndices: Data,
  colIndices: Data,
  { shape: [outputs, inputs], blockSize: b }: MatrixAttrs,
  visit: (inValues: number, inDense: number) => void,
): void => {
  for (let o = 0; o < outputs; o++) {
    const row = Math.floor(o / b);
    for (let block = crowIndices.values[row]!; block < crowIndices.values[row + 1]!; block++) {
      const first = colIndices.values[block]! * b;
      for (let i = first; i < Math.min(first + b, inputs); i++)
        visit((block * b + (o % b)) * b + (i - first), o * inputs + i);
    }
  }
};

export const gatherBlocksReference: ReferenceKernel<BlockCopySignature> = (
  [dense, crowIndices, colIndices],
  [values],
  attrs,
) => {
  values.values.fill(0);
  forEachShared(crowIndices, colIndices, attrs, (inValues, inDense) => {
    values.values[inValues] = dense.values[inDense]!;
  });
};

export const scatterBlocksReference: ReferenceKernel<BlockCopySignature> = (
  [values, crowIndices, colIndices],
  [dense],
  attrs,
) => {
  dense.values.fill(0);
  forEachShared(crowIndices, colIndices, attrs, (inValues, inDense) => {
    dense.values[inDense] = values.values[inValues]!;
  });
};
