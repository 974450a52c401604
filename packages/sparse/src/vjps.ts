import { defineFamilyVjps, rule, type VjpTable, type VjpTables } from "@tessera/autograd";
import { cast, gt, mul, type Tensor } from "@tessera/tensor";
import { run } from "@tessera/tensor/extend";
import { geluBackward } from "@tessera/tensor/ops/elementwise";
import type { Activation } from "@tessera/tensor/ops/matmul";
import type { IndexInputs, MatrixAttrs } from "./block-index.ts";
import { families } from "./families.ts";
import { gatherBlocksOp, scatterBlocksOp } from "./ops/block-copy/block-copy.ts";
import { blockSparseLinearOp, ddsOp, sddOp } from "./ops/block-matmul/block-matmul.ts";

/** x Wᵀ (+ b) */
const product = (
  x: Tensor,
  values: Tensor,
  index: IndexInputs,
  { shape, blockSize }: MatrixAttrs,
  bias: Tensor | null = null,
): Tensor => run(blockSparseLinearOp, [x, values, bias, ...index], { shape, blockSize })[0];
/** dy W */
const inputGradient = (dy: Tensor, values: Tensor, index: IndexInputs, { shape, blockSize }: MatrixAttrs): Tensor =>
  run(ddsOp, [dy, values, ...index], { shape, blockSize })[0];
/** dyᵀ x where blocks are */
const weightGradient = (dy: Tensor, x: Tensor, index: IndexInputs, { shape, blockSize }: MatrixAttrs): Tensor =>
  run(sddOp, [dy, x, ...index], { shape, blockSize })[0];

/** dL/d pre for y = f(pre). */
const throughActivation = (dy: Tensor, pre: Tensor, activation: Activation): Tensor =>
  activation === "relu"
    ? mul(dy, cast(gt(pre, 0), "float32"))
    : geluBackward(dy, pre, activation === "geluTanh" ? "tanh" : "none");

const noIndexGradients = [null, null, null, null, null] as const;

/**
 * The products are closed under differentiation: the gradients of x Wᵀ, dy W and dyᵀ x are made of the other two, so each
 * differentiates again. Indices have no gradient.
 */
const blockMatmulVjps = {
  // y = x Wᵀ + b: dx = dy W, dW = dyᵀ x, db = Σ dy, which the tape sums
  blockSparseLinear: rule({
    reads: ({ inputs: [x, values, , ...index], needs }) => ({
      x: needs[1] ? x : null,
      values: needs[0] ? values : null,
      index,
    }),
    vjp: ([dy], { x, values, index, needs, attrs }) => [
      values && inputGradient(dy, values, index, attrs),
      x && weightGradient(dy, x, index, attrs),
      needs[2] ? dy : null,
      ...noIndexGradients,
    ],
  }),
  activatedBlockSparseLinear: rule({
    reads: ({ inputs: [x, values, , ...index], outputs: [, pre], needs }) => ({
      x: needs[1] ? x : null,
      values: needs[0] ? values : null,
      index,
      pre,
    }),
    recompute: {
      reads: ({ inputs: [x, values, bias, ...index] }) => ({ x, values, bias, index }),
      make: ({ x, values, bias, index, attrs }) => ({ pre: product(x, values, index, attrs, bias) }),
    },
    vjp: ([dy], { x, values, index, pre, needs, attrs }) => {
      const dpre = throughActivation(dy, pre, attrs.activation);
      return [
        values && inputGradient(dpre, values, index, attrs),
        x && weightGradient(dpre, x, index, attrs),
        needs[2] ? dpre : null,
        ...noIndexGradients,
      ];
    },
  }),
  // z = dy W, with cotangent g: d dy = g Wᵀ, dW = dyᵀ g
  dds: rule({
    reads: ({ inputs: [dy, values, ...index], needs }) => ({
      dy: needs[1] ? dy : null,
      values: needs[0] ? values : null,
      index,
    }),
    vjp: ([g], { dy, values, index, attrs }) => [
      values && product(g, values, index, attrs),
      dy && weightGradient(dy, g, index, attrs),
      ...noIndexGradients,
    ],
  }),
  // V = dyᵀ x, with cotangent G in the same blocks: d dy = x Gᵀ, dx = dy G
  sdd: rule({
    reads: ({ inputs: [dy, x, ...index], needs }) => ({ dy: needs[1] ? dy : null, x: needs[0] ? x : null, index }),
    vjp: ([g], { dy, x, index, attrs }) => [
      x && product(x, g, index, attrs),
      dy && inputGradient(dy, g, index, attrs),
      ...noIndexGradients,
    ],
  }),
} satisfies VjpTable<typeof families.blockMatmul>;

/** Each copy is the other's gradient. */
const blockCopyVjps = {
  gatherBlocks: rule({
    reads: ({ inputs: [, ...index] }) => ({ index }),
    vjp: ([dValues], { index, attrs }) => [run(scatterBlocksOp, [dValues, ...index], attrs)[0], null, null],
  }),
  scatterBlocks: rule({
    reads: ({ inputs: [, ...index] }) => ({ index }),
    vjp: ([dDense], { index, attrs }) => [run(gatherBlocksOp, [dDense, ...index], attrs)[0], null, null],
  }),
} satisfies VjpTable<typeof families.blockCopy>;

const rules = { blockMatmul: blockMatmulVjps, blockCopy: blockCopyVjps } satisfies VjpTables<typeof families>;

defineFamilyVjps(families, rules);
