import { numel, scope, ShapeError, transpose, type Tensor } from "@tessera/tensor";
import {
  checkBias,
  checkFloat,
  defineOp,
  layerSpecs,
  run,
  sameShape,
  showShape,
  tokensOf,
  type Cost,
  type LayerAttrs,
  type Layout,
  type TensorSpec,
} from "@tessera/tensor/extend";
import type { Activation } from "@tessera/tensor/ops/matmul";
import {
  checkIndex,
  checkValues,
  leadingDims,
  matrixOf,
  type BlockIndex,
  type BlockSparse,
  type MatrixAttrs,
} from "../../block-index.ts";
import { blockSparseLinearCpu, ddsCpu, sddCpu } from "./block-matmul.cpu.ts";
import { blockSparseLinearReference, ddsReference, sddReference } from "./block-matmul.reference.ts";
import { blockSparseLinearWgsl, ddsWgsl, sddWgsl } from "./block-matmul.wgsl.ts";

/** `pre` is what the activation was given: only the backward reads it, and without an activation there is none. */
export interface BlockSparseLinearSignature {
  inputs: [x: Tensor, values: Tensor, bias: Tensor | null, index: Tensor];
  outputs: [y: Tensor, pre: Tensor | null];
  attrs: MatrixAttrs & LayerAttrs;
}
export interface DdsSignature {
  inputs: [dy: Tensor, values: Tensor, index: Tensor];
  outputs: [dx: Tensor];
  attrs: MatrixAttrs;
}
export interface SddSignature {
  inputs: [dy: Tensor, x: Tensor, index: Tensor];
  outputs: [dValues: Tensor];
  attrs: MatrixAttrs;
}

/** Throws unless the values and the index belong to the matrix. */
const checkMatrix = (op: string, values: TensorSpec, index: TensorSpec, attrs: MatrixAttrs): void => {
  checkIndex(op, index, attrs);
  checkValues(op, values, attrs);
};

/** Every stored element meets every token: a row of x, or of dy. */
const productCost = (blocks: Layout, tokens: Layout): Cost => ({
  multiplyAdds: numel(blocks.shape) * tokensOf(tokens),
});
const layerCost = ({
  inputs: [x, values],
}: {
  readonly inputs: readonly [x: Layout, values: Layout, ...unknown[]];
}): Cost => productCost(values, x);

/** y = f(x Wᵀ + b) in one pass. */
export const blockSparseLinearOp = defineOp<BlockSparseLinearSignature>({
  name: "blockSparseLinear",
  family: "block-sparse products",
  infer: ([x, values, bias, index], attrs) => {
    const op = "blockSparseLinear";
    const [outputs, inputs] = attrs.shape;
    checkFloat(op, x, values, bias);
    checkMatrix(op, values, index, attrs);
    checkBias(op, bias, outputs, () => `${showShape(attrs.shape)} matrix`);
    return layerSpecs([...leadingDims(op, "x", x, inputs, attrs.shape), outputs], attrs);
  },
  extras: 1,
  cost: layerCost,
  kernels: { reference: blockSparseLinearReference, cpu: blockSparseLinearCpu, webgpu: blockSparseLinearWgsl },
});

/** dx = dy W. */
export const ddsOp = defineOp<DdsSignature>({
  name: "dds",
  family: "block-sparse products",
  infer: ([dy, values, index], attrs) => {
    const [outputs, inputs] = attrs.shape;
    checkFloat("dds", dy, values);
    checkMatrix("dds", values, index, attrs);
    return [{ shape: [...leadingDims("dds", "a left factor", dy, outputs, attrs.shape), inputs], dtype: "float32" }];
  },
  cost: layerCost,
  kernels: { reference: ddsReference, cpu: ddsCpu, webgpu: ddsWgsl },
});

/** dW = dyᵀ x, where blocks are. */
export const sddOp = defineOp<SddSignature>({
  name: "sdd",
  family: "block-sparse products",
  infer: ([dy, x, index], attrs) => {
    const { shape, blockSize, blocks } = attrs;
    checkFloat("sdd", dy, x);
    checkIndex("sdd", index, attrs);
    const [left, right] = [leadingDims("sdd", "dy", dy, shape[0], shape), leadingDims("sdd", "x", x, shape[1], shape)];
    if (!sameShape(left, right))
      throw new ShapeError(
        `sdd: expected one row of dy for each row of x, got ${showShape(dy.shape)} and ${showShape(x.shape)}; reshape them alike`,
      );
    return [{ shape: [blocks, blockSize, blockSize], dtype: "float32" }];
  },
  cost: ({ inputs: [dy], outputs: [dValues] }) => productCost(dValues, dy),
  kernels: { reference: sddReference, cpu: sddCpu, webgpu: sddWgsl },
});

/**
 * `y = f(x Wᵀ + b)` with a block-sparse W: what `linear` does, on the stored blocks alone. It makes out · in · density
 * multiply-adds for each row of x, and so does each of its gradients.
 *
 * Shape: x `[…, in]`, weight `[out, in]`, bias `[out]` → `[…, out]`. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear.html torch.nn.functional.linear}
 *
 * @throws ShapeError when the sizes do not fit together.
 * @example
 * const weight = BlockSparseMatrix.randn([64, 128], { density: 0.25, blockSize: 16, seed: 1 });
 * blockSparseLinear(ones([10, 128]), weight).shape; // [10, 64]
 */
export const blockSparseLinear = (
  x: Tensor,
  weight: BlockSparse,
  bias: Tensor | null = null,
  { activation }: { readonly activation?: Activation | undefined } = {},
): Tensor => {
  const { values, index, shape, blockSize, blocks } = weight;
  return run(blockSparseLinearOp, [x, values, bias, index], {
    shape,
    blockSize,
    blocks,
    activation: activation ?? "none",
  })[0];
};

/**
 * Dense = dense × sparse: `x W`, or `x Wᵀ` when `transposed`. The first is the input gradient of a layer, the second its forward.
 *
 * Shape: x `[…, out]`, W `[out, in]` → `[…, in]`; transposed, `[…, in]` → `[…, out]`.
 * The name is that of {@link https://github.com/stanford-futuredata/stk stk} and Triton: output, left and right factor.
 *
 * @throws ShapeError when the inner sizes differ.
 */
export const dds = (
  x: Tensor,
  w: BlockSparse,
  { transposed = false }: { transposed?: boolean | undefined } = {},
): Tensor => (transposed ? blockSparseLinear(x, w) : run(ddsOp, [x, w.values, w.index], matrixOf(w))[0]);

/**
 * Dense = sparse × dense: `W x`, or `Wᵀ x` when `transposed`. Computed as (xᵀ Wᵀ)ᵀ.
 *
 * Shape: W `[out, in]`, x `[in, n]` → `[out, n]`; transposed, `[out, n]` → `[in, n]`.
 *
 * @throws ShapeError when x is not a matrix, or the inner sizes differ.
 */
export const dsd = (
  w: BlockSparse,
  x: Tensor,
  { transposed = false }: { transposed?: boolean | undefined } = {},
): Tensor => {
  if (x.ndim !== 2)
    throw new ShapeError(
      `dsd: expected a matrix at the right, got shape ${showShape(x.shape)}; reshape it, or use dds`,
    );
  return scope(() => transpose(dds(transpose(x, 0, 1), w, { transposed: !transposed }), 0, 1));
};

/**
 * Sparse = dense × dense: the values of `a b` in the blocks of a layout, and nothing of the rest. The weight gradient of a layer
 * is `sdd(dyᵀ, x)`. Elements of blocks that stick out of the matrix are 0.
 *
 * Shape: a `[out, n]`, b `[n, in]`, n blocks of b × b → `[blocks, b, b]`.
 *
 * @throws ShapeError when the factors are not matrices of the layout's size, or their inner sizes differ.
 */
export const sdd = (a: Tensor, b: Tensor, index: BlockIndex): Tensor => {
  if (a.ndim !== 2 || b.ndim !== 2)
    throw new ShapeError(
      `sdd: expected two matrices, got shapes ${showShape(a.shape)} and ${showShape(b.shape)}; reshape them`,
    );
  return scope(() => run(sddOp, [transpose(a, 0, 1), b, index.index], matrixOf(index))[0]);
};
