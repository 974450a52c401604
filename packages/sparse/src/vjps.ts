import {
  defineFamilyVjps,
  linearGradients,
  rule,
  type LinearProducts,
  type VjpTable,
  type VjpTables,
} from "@tessera/autograd";
import type { Tensor } from "@tessera/tensor";
import { run, type LayerAttrs } from "@tessera/tensor/extend";
import { matrixOf, type MatrixAttrs } from "./block-index.ts";
import { families } from "./families.ts";
import { gatherBlocksOp, scatterBlocksOp } from "./ops/block-copy/block-copy.ts";
import { blockSparseLinearOp, ddsOp, sddOp } from "./ops/block-matmul/block-matmul.ts";

/** x Wᵀ (+ b) */
const product = (x: Tensor, values: Tensor, index: Tensor, attrs: MatrixAttrs, bias: Tensor | null = null): Tensor =>
  run(blockSparseLinearOp, [x, values, bias, index], { ...matrixOf(attrs), activation: "none" })[0];
/** dy W */
const inputGradient = (dy: Tensor, values: Tensor, index: Tensor, attrs: MatrixAttrs): Tensor =>
  run(ddsOp, [dy, values, index], matrixOf(attrs))[0];
/** dyᵀ x where blocks are */
const weightGradient = (dy: Tensor, x: Tensor, index: Tensor, attrs: MatrixAttrs): Tensor =>
  run(sddOp, [dy, x, index], matrixOf(attrs))[0];

const products: LinearProducts<[index: Tensor], MatrixAttrs & LayerAttrs> = {
  forward: (x, values, bias, { others: [index], attrs }) => product(x, values, index, attrs, bias),
  inputGradient: (dy, values, { others: [index], attrs }) => inputGradient(dy, values, index, attrs),
  weightGradient: (dy, x, { others: [index], attrs }) => weightGradient(dy, x, index, attrs),
};

/**
 * The products are closed under differentiation: the gradients of x Wᵀ, dy W and dyᵀ x are made of the other two, so each
 * differentiates again. Indices have no gradient.
 */
const blockMatmulVjps = {
  blockSparseLinear: linearGradients(products),
  // z = dy W, with cotangent g: d dy = g Wᵀ, dW = dyᵀ g
  dds: rule({
    reads: ({ inputs: [dy, values, index], needs }) => ({
      dy: needs[1] ? dy : null,
      values: needs[0] ? values : null,
      index,
    }),
    vjp: ([g], { dy, values, index, attrs }) => [
      values && product(g, values, index, attrs),
      dy && weightGradient(dy, g, index, attrs),
      null,
    ],
  }),
  // V = dyᵀ x, with cotangent G in the same blocks: d dy = x Gᵀ, dx = dy G
  sdd: rule({
    reads: ({ inputs: [dy, x, index], needs }) => ({ dy: needs[1] ? dy : null, x: needs[0] ? x : null, index }),
    vjp: ([g], { dy, x, index, attrs }) => [
      x && product(x, g, index, attrs),
      dy && inputGradient(dy, g, index, attrs),
      null,
    ],
  }),
} satisfies VjpTable<typeof families.blockMatmul>;

/** Each copy is the other's gradient. */
const blockCopyVjps = {
  gatherBlocks: rule({
    reads: ({ inputs: [, index] }) => ({ index }),
    vjp: ([dValues], { index, attrs }) => [run(scatterBlocksOp, [dValues, index], attrs)[0], null],
  }),
  scatterBlocks: rule({
    reads: ({ inputs: [, index] }) => ({ index }),
    vjp: ([dDense], { index, attrs }) => [run(gatherBlocksOp, [dDense, index], attrs)[0], null],
  }),
} satisfies VjpTable<typeof families.blockCopy>;

const rules = { blockMatmul: blockMatmulVjps, blockCopy: blockCopyVjps } satisfies VjpTables<typeof families>;

defineFamilyVjps(families, rules);
