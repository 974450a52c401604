import { defineVjps, type VjpTable } from "@tessera/autograd";
import { activeRecorders, cast, gt, mul, run, type Tensor } from "@tessera/tensor";
import { geluBackward } from "@tessera/tensor/ops/elementwise";
import type { Activation } from "@tessera/tensor/ops/matmul";
import type { IndexInputs, MatrixAttrs } from "./block-index.ts";
import * as blockCopy from "./ops/block-copy/block-copy.ts";
import * as blockMatmul from "./ops/block-matmul/block-matmul.ts";

const { gatherBlocksOp, scatterBlocksOp } = blockCopy;
const { blockSparseLinearOp, ddsOp, sddOp } = blockMatmul;

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
  blockSparseLinear: {
    saves: "inputs",
    vjp: ([dy], { inputs: [x, values, , ...index], needs, attrs }) => [
      needs[0] ? inputGradient(dy, values, index, attrs) : null,
      needs[1] ? weightGradient(dy, x, index, attrs) : null,
      needs[2] ? dy : null,
      ...noIndexGradients,
    ],
  },
  activatedBlockSparseLinear: {
    saves: "both",
    vjp: ([dy], { inputs: [x, values, bias, ...index], outputs: [, pre], needs, attrs }) => {
      // What is saved has no gradient: whoever differentiates again needs it computed again.
      const z = activeRecorders().length > 0 ? product(x, values, index, attrs, bias) : pre;
      const dz = throughActivation(dy, z, attrs.activation);
      return [
        needs[0] ? inputGradient(dz, values, index, attrs) : null,
        needs[1] ? weightGradient(dz, x, index, attrs) : null,
        needs[2] ? dz : null,
        ...noIndexGradients,
      ];
    },
  },
  // z = dy W, with cotangent g: d dy = g Wᵀ, dW = dyᵀ g
  dds: {
    saves: "inputs",
    vjp: ([g], { inputs: [dy, values, ...index], needs, attrs }) => [
      needs[0] ? product(g, values, index, attrs) : null,
      needs[1] ? weightGradient(dy, g, index, attrs) : null,
      ...noIndexGradients,
    ],
  },
  // V = dyᵀ x, with cotangent G in the same blocks: d dy = x Gᵀ, dx = dy G
  sdd: {
    saves: "inputs",
    vjp: ([g], { inputs: [dy, x, ...index], needs, attrs }) => [
      needs[0] ? product(x, g, index, attrs) : null,
      needs[1] ? inputGradient(dy, g, index, attrs) : null,
      ...noIndexGradients,
    ],
  },
} satisfies VjpTable<typeof blockMatmul>;

/** Each copy is the other's gradient. */
const blockCopyVjps = {
  gatherBlocks: {
    saves: "inputs",
    vjp: ([dValues], { inputs: [, ...index], attrs }) => [
      run(scatterBlocksOp, [dValues, ...index], attrs)[0],
      null,
      null,
    ],
  },
  scatterBlocks: {
    saves: "inputs",
    vjp: ([dDense], { inputs: [, ...index], attrs }) => [run(gatherBlocksOp, [dDense, ...index], attrs)[0], null, null],
  },
} satisfies VjpTable<typeof blockCopy>;

defineVjps(blockMatmul, blockMatmulVjps);
defineVjps(blockCopy, blockCopyVjps);
