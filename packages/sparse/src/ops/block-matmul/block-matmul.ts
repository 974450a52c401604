import { numel, scope, ShapeError, transpose, type Tensor } from "@tessera/tensor";
import { defineOp, run, sameShape, showShape, type Cost, type Layout, type TensorSpec } from "@tessera/tensor/extend";
import type { Activation } from "@tessera/tensor/ops/matmul";
import {
  checkFloat,
  checkIndex,
  checkValues,
  indexInputs,
  leadingDims,
  type BlockIndex,
  type BlockSparse,
  type IndexInputs,
  type MatrixAttrs,
} from "../../block-index.ts";
import { activatedBlockSparseLinearCpu, blockSparseLinearCpu, ddsCpu, sddCpu } from "./block-matmul.cpu.ts";
import { activatedBlockSparseLinearWgsl, blockSparseLinearWgsl, ddsWgsl, sddWgsl } from "./block-matmul.wgsl.ts";
import {
  activatedBlockSparseLinearReference,
  blockSparseLinearReference,
  ddsReference,
  sddReference,
} from "./block-matmul.reference.ts";

export interface BlockSparseLinearSignature {
  inputs: [x: Tensor, values: Tensor, bias: Tensor | null, ...index: IndexInputs];
  outputs: [y: Tensor];
  attrs: MatrixAttrs;
}
/** `pre` is the value before the activation: only the backward reads it. */
export interface ActivatedBlockSparseLinearSignature {
  inputs: [x: Tensor, values: Tensor, bias: Tensor | null, ...index: IndexInputs];
  outputs: [y: Tensor, pre: Tensor | null];
  attrs: MatrixAttrs & { readonly activation: Activation };
}
export interface DdsSignature {
  inputs: [dy: Tensor, values: Tensor, ...index: IndexInputs];
  outputs: [dx: Tensor];
  attrs: MatrixAttrs;
}
export interface SddSignature {
  inputs: [dy: Tensor, x: Tensor, ...index: IndexInputs];
  outputs: [dValues: Tensor];
  attrs: MatrixAttrs;
}

type IndexSpecs = Parameters<typeof checkIndex>[1];

const linearShape = (
  x: TensorSpec,
  values: TensorSpec,
  bias: TensorSpec | null,
  index: IndexSpecs,
  attrs: MatrixAttrs,
): number[] => {
  const op = "blockSparseLinear";
  const [outputs, inputs] = attrs.shape;
  checkFloat(op, x, values, bias);
  checkIndex(op, index, attrs);
  checkValues(op, values, index[1], attrs);
  if (bias && !sameShape(bias.shape, [outputs]))
    throw new ShapeError(
      `${op}: expected a bias [${outputs}] for the ${showShape(attrs.shape)} matrix, got ${showShape(bias.shape)}; reshape it`,
    );
  return [...leadingDims(op, "x", x, inputs, attrs.shape), outputs];
};

/** Every stored element meets every token: a row of x, or of dy. */
const productCost = (blocks: Layout, tokens: Layout): Cost => ({
  multiplyAdds: numel(blocks.shape) * numel(tokens.shape.slice(0, -1)),
});
const layerCost = ({
  inputs: [x, values],
}: {
  readonly inputs: readonly [x: Layout, values: Layout, ...unknown[]];
}): Cost => productCost(values, x);

/** y = x Wᵀ + b. */
export const blockSparseLinearOp = defineOp<BlockSparseLinearSignature>({
  name: "blockSparseLinear",
  family: "block-sparse products",
  infer: ([x, values, bias, ...index], attrs) => [
    { shape: linearShape(x, values, bias, index, attrs), dtype: "float32" },
  ],
  cost: layerCost,
  kernels: { reference: blockSparseLinearReference, cpu: blockSparseLinearCpu, webgpu: blockSparseLinearWgsl },
});

/** y = f(x Wᵀ + b) in one pass. An op of its own, so that the plain product keeps neither its output nor a pre-activation. */
export const activatedBlockSparseLinearOp = defineOp<ActivatedBlockSparseLinearSignature>({
  name: "activatedBlockSparseLinear",
  family: "block-sparse products",
  infer: ([x, values, bias, ...index], attrs) => {
    const out = { shape: linearShape(x, values, bias, index, attrs), dtype: "float32" } as const;
    return [out, out];
  },
  extras: 1,
  cost: layerCost,
  kernels: {
    reference: activatedBlockSparseLinearReference,
    cpu: activatedBlockSparseLinearCpu,
    webgpu: activatedBlockSparseLinearWgsl,
  },
});

/** dx = dy W. */
export const ddsOp = defineOp<DdsSignature>({
  name: "dds",
  family: "block-sparse products",
  infer: ([dy, values, ...index], attrs) => {
    const [outputs, inputs] = attrs.shape;
    checkFloat("dds", dy, values);
    checkIndex("dds", index, attrs);
    checkValues("dds", values, index[1], attrs);
    return [{ shape: [...leadingDims("dds", "a left factor", dy, outputs, attrs.shape), inputs], dtype: "float32" }];
  },
  cost: layerCost,
  kernels: { reference: ddsReference, cpu: ddsCpu, webgpu: ddsWgsl },
});

/** dW = dyᵀ x, where blocks are. */
export const sddOp = defineOp<SddSignature>({
  name: "sdd",
  family: "block-sparse products",
  infer: ([dy, x, ...index], attrs) => {
    const { shape, blockSize } = attrs;
    checkFloat("sdd", dy, x);
    checkIndex("sdd", index, attrs);
    const [left, right] = [leadingDims("sdd", "dy", dy, shape[0], shape), leadingDims("sdd", "x", x, shape[1], shape)];
    if (!sameShape(left, right))
      throw new ShapeError(
        `sdd: expected one row of dy for each row of x, got ${showShape(dy.shape)} and ${showShape(x.shape)}; reshape them alike`,
      );
    return [{ shape: [index[1].shape[0]!, blockSize, blockSize], dtype: "float32" }];
  },
  cost: ({ inputs: [dy], outputs: [dValues] }) => productCost(dValues, dy),
  kernels: { reference: sddReference, cpu: sddCpu, webgpu: sddWgsl },
});

const matrix = ({ shape, blockSize }: BlockIndex): MatrixAttrs => ({ shape, blockSize });

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
  { activation }: { activation?: Activation | undefined } = {},
): Tensor => {
  const inputs: BlockSparseLinearSignature["inputs"] = [x, weight.values, bias, ...indexInputs(weight)];
  return activation === undefined
    ? run(blockSparseLinearOp, inputs, matrix(weight))[0]
    : run(activatedBlockSparseLinearOp, inputs, { ...matrix(weight), activation })[0];
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
): Tensor => (transposed ? blockSparseLinear(x, w) : run(ddsOp, [x, w.values, ...indexInputs(w)], matrix(w))[0]);

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
  return scope(() => run(sddOp, [transpose(a, 0, 1), b, ...indexInputs(index)], matrix(index))[0]);
};
