import { ShapeError } from "../../error.ts";
import { defineOp, run, type Cost } from "../../op.ts";
import { namedScope } from "../../named-scope.ts";
import { broadcastShapes, numel, sameShape, showShape, type Layout, type Shape, type TensorSpec } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { reshape, unsqueeze } from "../move/move.ts";
import { checkBias, checkFloat, layerSpecs, type Activation, type LayerAttrs } from "./epilogue.ts";
import { addmmCpu, linearCpu, matmulCpu } from "./matmul.cpu.ts";
import { addmmWgsl, linearWgsl, matmulWgsl } from "./matmul.wgsl.ts";
import { addmmReference, linearReference, matmulReference } from "./matmul.reference.ts";

export type { Activation } from "./epilogue.ts";

export interface MatmulSignature {
  inputs: [a: Tensor, b: Tensor];
  outputs: [c: Tensor];
}
/** `input` has the shape of the result. */
export interface AddmmSignature {
  inputs: [a: Tensor, b: Tensor, input: Tensor];
  outputs: [c: Tensor];
}
/** `pre` is what the activation was given: only the backward reads it, and without an activation there is none. */
export interface LinearSignature {
  inputs: [x: Tensor, weight: Tensor, bias: Tensor | null];
  outputs: [y: Tensor, pre: Tensor | null];
  attrs: LayerAttrs;
}

const productShape = (a: Shape, b: Shape): number[] => {
  const [m, inner] = a.slice(-2) as [number, number];
  const [k, n] = b.slice(-2) as [number, number];
  if (inner !== k)
    throw new ShapeError(
      `matmul: inner sizes differ, ${showShape(a)} @ ${showShape(b)} (${inner} ≠ ${k}); transpose the right side?`,
    );
  return [...broadcastShapes("matmul", a.slice(0, -2), b.slice(0, -2)), m, n];
};

const linearShape = (x: TensorSpec, weight: TensorSpec, bias: TensorSpec | null): number[] => {
  checkFloat("linear", x, weight, bias);
  if (weight.shape.length !== 2)
    throw new ShapeError(`linear: expected a weight [out, in], got shape ${showShape(weight.shape)}; reshape it`);
  const [outputs, inputs] = weight.shape as [number, number];
  const width = x.shape.at(-1);
  if (width !== inputs)
    throw new ShapeError(
      `linear: expected x [..., ${inputs}] for the weight ${showShape(weight.shape)}, got ${showShape(x.shape)}; the weight is [out, in]`,
    );
  checkBias("linear", bias, outputs, () => `weight ${showShape(weight.shape)}`);
  return [...x.shape.slice(0, -1), outputs];
};

interface Product {
  readonly inputs: readonly [a: Layout, ...unknown[]];
  readonly outputs: readonly [c: Layout, ...unknown[]];
}
/** M N K for C = A B, with A [M, K]. */
const productCost = ({ inputs: [a], outputs: [c] }: Product): Cost => ({
  multiplyAdds: numel(c.shape) * (a.shape.at(-1) ?? 0),
});

/** C[…] = A[…] · B[…] for operands with at least two dims. */
export const matmulOp = defineOp<MatmulSignature>({
  name: "matmul",
  family: "dense products",
  infer: ([a, b]) => {
    checkFloat("matmul", a, b);
    return [{ shape: productShape(a.shape, b.shape), dtype: "float32" }];
  },
  cost: productCost,
  kernels: { reference: matmulReference, cpu: matmulCpu, webgpu: matmulWgsl },
});

/** C[…] = input[…] + A[…] · B[…], in one pass over C. */
export const addmmOp = defineOp<AddmmSignature>({
  name: "addmm",
  family: "dense products",
  infer: ([a, b, input]) => {
    checkFloat("addmm", a, b, input);
    const shape = productShape(a.shape, b.shape);
    if (!sameShape(input.shape, shape))
      throw new ShapeError(
        `addmm: expected an input ${showShape(shape)} like the product, got ${showShape(input.shape)}; expand it`,
      );
    return [{ shape, dtype: "float32" }];
  },
  cost: productCost,
  kernels: { reference: addmmReference, cpu: addmmCpu, webgpu: addmmWgsl },
});

/** y = f(x Wᵀ + b) in one pass. */
export const linearOp = defineOp<LinearSignature>({
  name: "linear",
  family: "dense products",
  infer: ([x, weight, bias], attrs) => layerSpecs(linearShape(x, weight, bias), attrs),
  extras: 1,
  cost: productCost,
  kernels: { reference: linearReference, cpu: linearCpu, webgpu: linearWgsl },
});

/**
 * The matrix product of the last two dims, `C[i, j] = Σ_k A[i, k] · B[k, j]`, with the leading dims broadcast.
 *
 * A 1-d operand is a row on the left and a column on the right; its dim is not in the result. Views are read in place.
 *
 * Shape: `[…, M, K] @ […, K, N] → […, M, N]`. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.matmul.html torch.matmul}
 *
 * @throws ShapeError when the inner sizes differ, the leading dims do not broadcast, or an operand is 0-d.
 * @example
 * await matmul(tensor([[1, 2], [3, 4]]), tensor([1, -1])).data(); // [-1, -1]
 */
export const matmul = (a: Tensor, b: Tensor): Tensor => {
  if (a.ndim === 0 || b.ndim === 0)
    throw new ShapeError(
      `matmul: expected at least 1-d operands, got ${showShape(a.shape)} @ ${showShape(b.shape)}; use mul`,
    );
  if (a.ndim > 1 && b.ndim > 1) return run(matmulOp, [a, b])[0];
  return namedScope("matmul", () => {
    const c = run(matmulOp, [a.ndim === 1 ? unsqueeze(a, 0) : a, b.ndim === 1 ? unsqueeze(b, 1) : b])[0];
    const rows = a.ndim === 1 ? [] : [c.size(-2)];
    const columns = b.ndim === 1 ? [] : [c.size(-1)];
    return reshape(c, [...c.shape.slice(0, -2), ...rows, ...columns]);
  });
};

/**
 * A matrix product added to something of its shape, in one pass: `C = input + A · B`, with the leading dims broadcast.
 *
 * Shape: input `[…, M, N]`, `[…, M, K] @ […, K, N]` → `[…, M, N]`. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.addmm.html torch.addmm}, and torch.baddbmm for batches
 *
 * @throws ShapeError when the inner sizes differ, the leading dims do not broadcast, or the input has another shape.
 * @example
 * await addmm(tensor([[10]]), tensor([[1, 2]]), tensor([[3], [4]])).data(); // [21]
 */
export const addmm = (input: Tensor, a: Tensor, b: Tensor): Tensor => {
  if (a.ndim < 2 || b.ndim < 2)
    throw new ShapeError(
      `addmm: expected matrices, got ${showShape(a.shape)} @ ${showShape(b.shape)}; unsqueeze the vector`,
    );
  return run(addmmOp, [a, b, input])[0];
};

/**
 * `y = f(x Wᵀ + b)`: a dense layer, with its activation in the same pass.
 *
 * Shape: x `[…, in]`, weight `[out, in]`, bias `[out]` → `[…, out]`. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear.html torch.nn.functional.linear}
 *
 * @throws ShapeError when the sizes do not fit together.
 * @example
 * await linear(tensor([1, 2]), tensor([[1, 1], [0, 2]]), tensor([10, 20])).data(); // [13, 24]
 */
export const linear = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  { activation }: { readonly activation?: Activation | undefined } = {},
): Tensor => run(linearOp, [x, weight, bias], { activation: activation ?? "none" })[0];
