import { ShapeError, type Tensor } from "@tessera/tensor";
import { bytesOf, checkFloat, defineOp, run, sameShape, showShape } from "@tessera/tensor/extend";
import {
  checkIndex,
  checkValues,
  matrixOf,
  type BlockIndex,
  type BlockSparse,
  type MatrixAttrs,
} from "../../block-index.ts";
import { gatherBlocksCpu, scatterBlocksCpu } from "./block-copy.cpu.ts";
import { gatherBlocksReference, scatterBlocksReference } from "./block-copy.reference.ts";
import { gatherBlocksWgsl, scatterBlocksWgsl } from "./block-copy.wgsl.ts";

export interface BlockCopySignature {
  inputs: [from: Tensor, index: Tensor];
  outputs: [to: Tensor];
  attrs: MatrixAttrs;
}

/** values[n] = the part of the matrix under block n, 0 where the block sticks out. */
export const gatherBlocksOp = defineOp<BlockCopySignature>({
  name: "gatherBlocks",
  family: "embedding and indexing",
  infer: ([dense, index], attrs) => {
    checkFloat("gatherBlocks", dense);
    checkIndex("gatherBlocks", index, attrs);
    if (!sameShape(dense.shape, attrs.shape))
      throw new ShapeError(
        `gatherBlocks: expected a ${showShape(attrs.shape)} matrix for this index, got ${showShape(dense.shape)}`,
      );
    return [{ shape: [attrs.blocks, attrs.blockSize, attrs.blockSize], dtype: "float32" }];
  },
  // Only what is under a block is read.
  cost: ({ outputs: [values] }) => ({ bytes: 2 * bytesOf(values) }),
  kernels: { reference: gatherBlocksReference, cpu: gatherBlocksCpu, webgpu: gatherBlocksWgsl },
});

/** The matrix with the values in their blocks and 0 elsewhere. */
export const scatterBlocksOp = defineOp<BlockCopySignature>({
  name: "scatterBlocks",
  family: "embedding and indexing",
  infer: ([values, index], attrs) => {
    checkFloat("scatterBlocks", values);
    checkIndex("scatterBlocks", index, attrs);
    checkValues("scatterBlocks", values, attrs);
    return [{ shape: attrs.shape, dtype: "float32" }];
  },
  kernels: { reference: scatterBlocksReference, cpu: scatterBlocksCpu, webgpu: scatterBlocksWgsl },
});

/**
 * The blocks of a dense matrix that an index names, in its order. Elements of blocks that stick out are 0.
 *
 * Shape: dense `[out, in]`, n blocks of b × b → `[n, b, b]`.
 *
 * @throws ShapeError when the matrix does not have the shape that the index is for.
 */
export const gatherBlocks = (dense: Tensor, index: BlockIndex): Tensor =>
  run(gatherBlocksOp, [dense, index.index], matrixOf(index))[0];

/**
 * The dense matrix of a block-sparse one: its values where they belong, 0 elsewhere.
 *
 * Shape: values `[n, b, b]` → `[out, in]`.
 */
export const scatterBlocks = (w: BlockSparse): Tensor => run(scatterBlocksOp, [w.values, w.index], matrixOf(w))[0];
