import {
  add,
  dispose,
  DTypeError,
  mul,
  randn,
  scope,
  ShapeError,
  tensorsIn,
  zeros,
  type DeviceLike,
  type Generator,
  type Tensor,
} from "@tessera/tensor";
import { inspectCustom, resolveDevice, sameShape, showShape } from "@tessera/tensor/extend";
import { blockIndex, rowIndexOf, type BlockSparse } from "./block-index.ts";
import { showDensity, type BlockLayout } from "./block-layout.ts";
import { layoutOf, type LayoutOptions } from "./layout-options.ts";
import { gatherBlocks, scatterBlocks } from "./ops/block-copy/block-copy.ts";
import { rowFactors } from "./padding.ts";

/** Which blocks, and where. */
export interface BlockSparseMatrixOptions extends LayoutOptions {
  readonly device?: DeviceLike | undefined;
  readonly generator?: Generator | undefined;
}

/**
 * A matrix of which only some blocks are stored, in PyTorch's BSR form: `values [n, b, b]` with `crowIndices` and `colIndices`,
 * and the same index by columns, which the input gradient walks. A shape that the block size does not divide is covered by
 * blocks that stick out; there their values are 0, and gradients too.
 *
 * The matrix takes part in scopes: one that is returned survives, others are freed.
 * {@link https://docs.pytorch.org/docs/stable/sparse.html#sparse-bsr-tensor torch.sparse_bsr_tensor}
 *
 * @example
 * const w = BlockSparseMatrix.fromDense(weight, BlockLayout.fromMask(mask, 6, 4, 16)); // weight [96, 64]
 * const y = blockSparseLinear(x, w); // x [10, 64] → [10, 96]
 */
export class BlockSparseMatrix implements BlockSparse {
  readonly shape: readonly [number, number]; // [out, in]
  readonly layout: BlockLayout;
  readonly values: Tensor; // [n, b, b]
  readonly index: Tensor; // the layout, see BlockIndex
  readonly crowIndices: Tensor; // [R + 1], a view of it
  readonly colIndices: Tensor; // [n], likewise

  /**
   * Takes `values` over. What sticks out of the matrix must be 0 in them.
   *
   * @param shape `[out, in]`; without it, that of the whole grid
   * @throws ShapeError or DTypeError when values, layout and shape do not fit together.
   */
  constructor(values: Tensor, layout: BlockLayout, shape?: readonly [number, number]) {
    const { rows, cols, blockSize: b, blocks } = layout;
    if (values.dtype !== "float32")
      throw new DTypeError(`BlockSparseMatrix: expected float32 values, got ${values.dtype}; cast them`);
    if (!sameShape(values.shape, [blocks, b, b]))
      throw new ShapeError(
        `BlockSparseMatrix: expected values [${blocks}, ${b}, ${b}] for this layout, got ${showShape(values.shape)}`,
      );
    const index = blockIndex(layout, shape ?? [rows * b, cols * b], values.device);
    this.shape = index.shape;
    this.layout = layout;
    this.values = values;
    this.index = index.index;
    ({ crowIndices: this.crowIndices, colIndices: this.colIndices } = rowIndexOf(index));
  }

  /**
   * The blocks of a dense matrix that a layout names, each where it was; the rest is dropped.
   *
   * @throws ShapeError when it is not a matrix, or the layout is for another shape.
   */
  static fromDense(dense: Tensor, layout: BlockLayout): BlockSparseMatrix {
    const [outputs, inputs] = dense.shape;
    if (dense.ndim !== 2 || outputs === undefined || inputs === undefined)
      throw new ShapeError(`BlockSparseMatrix.fromDense: expected a matrix, got shape ${showShape(dense.shape)}`);
    return scope(() => {
      const shape = [outputs, inputs] as const;
      return new BlockSparseMatrix(gatherBlocks(dense, blockIndex(layout, shape, dense.device)), layout, shape);
    });
  }

  /** Stored zeros. */
  static zeros(shape: readonly [number, number], options: BlockSparseMatrixOptions = {}): BlockSparseMatrix {
    const layout = layoutOf("BlockSparseMatrix.zeros", shape, options);
    const { blocks, blockSize: b } = layout;
    return scope(
      () => new BlockSparseMatrix(zeros([blocks, b, b], { device: resolveDevice(options.device) }), layout, shape),
    );
  }

  /** Standard normal values in the stored blocks. */
  static randn(shape: readonly [number, number], options: BlockSparseMatrixOptions = {}): BlockSparseMatrix {
    const layout = layoutOf("BlockSparseMatrix.randn", shape, options);
    const { blocks, blockSize: b, rows } = layout;
    const device = resolveDevice(options.device);
    return scope(() => {
      const values = randn([blocks, b, b], { device, generator: options.generator });
      const inside = rowFactors(layout, shape, new Array<number>(rows).fill(1), device);
      // −0 becomes 0.
      return new BlockSparseMatrix(add(mul(values, inside), 0), layout, shape);
    });
  }

  get blockSize(): number {
    return this.layout.blockSize;
  }

  /** How many are stored. */
  get blocks(): number {
    return this.layout.blocks;
  }

  /** The share of blocks that is stored. */
  get density(): number {
    return this.layout.density;
  }

  /** Bytes of the values and of the index. */
  get bytes(): number {
    return 4 * (this.values.numel() + this.index.numel());
  }

  /** The dense matrix, 0 where no block is stored. Shape: `[out, in]`. */
  toDense(): Tensor {
    return scatterBlocks(this);
  }

  /** Frees the values and the index. */
  dispose(): void {
    dispose(this);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  [tensorsIn](): Iterable<Tensor> {
    return [this.values, this.index, this.crowIndices, this.colIndices];
  }

  toString(): string {
    const { shape, blockSize, layout } = this;
    return `BlockSparseMatrix(shape=${showShape(shape)}, blockSize=${blockSize}, blocks=${layout.blocks}, density=${showDensity(layout.density)})`;
  }

  [inspectCustom](): string {
    return this.toString();
  }
}
