import { ShapeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { mul } from "./elementwise/elementwise.ts";
import { matmul } from "./matmul/matmul.ts";
import { reshape, unsqueeze } from "./move/move.ts";
import { sum } from "./reduce/reduce.ts";

const hasDims = (op: string, name: string, x: Tensor, dims: number): void => {
  if (x.ndim !== dims) throw new ShapeError(`${op}: expected ${dims} dims of ${name}, got ${showShape(x.shape)}`);
};
const agree = (op: string, a: number, b: number): void => {
  if (a !== b) throw new ShapeError(`${op}: sizes that agree expected, got ${a} and ${b}`);
};

/**
 * Every product of an element of a with one of b. float32 or int32.
 *
 * Shape: `[n]`, `[m]` → `[n, m]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.outer.html torch.outer}
 *
 * @throws ShapeError unless both have one dim, DTypeError when the dtypes differ.
 * @example
 * await outer(tensor([1, 2]), tensor([3, 4])).data(); // [3, 4, 6, 8]
 */
export const outer = (a: Tensor, b: Tensor): Tensor =>
  namedScope("outer", () => {
    hasDims("outer", "a", a, 1);
    hasDims("outer", "b", b, 1);
    return mul(unsqueeze(a, 1), b);
  });

/**
 * Σ a b of two vectors. float32, or int32, whose sum must fit.
 *
 * Shape: `[n]`, `[n]` → `[]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.dot.html torch.dot}
 *
 * @throws ShapeError unless both have one dim of one size, DTypeError when the dtypes differ.
 * @example
 * await dot(tensor([1, 2]), tensor([3, 4])).item(); // 11
 */
export const dot = (a: Tensor, b: Tensor): Tensor =>
  namedScope("dot", () => {
    hasDims("dot", "a", a, 1);
    hasDims("dot", "b", b, 1);
    agree("dot", a.size(0), b.size(0));
    return sum(mul(a, b));
  });

/**
 * A matrix times a vector. Shape: `[n, m]`, `[m]` → `[n]`.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.mv.html torch.mv}
 *
 * @throws ShapeError when the shapes are others, DTypeError unless both are float32.
 * @example
 * await mv(tensor([[1, 2], [3, 4]]), tensor([1, 1])).data(); // [3, 7]
 */
export const mv = (matrix: Tensor, vector: Tensor): Tensor =>
  namedScope("mv", () => {
    hasDims("mv", "the matrix", matrix, 2);
    hasDims("mv", "the vector", vector, 1);
    agree("mv", matrix.size(1), vector.size(0));
    return reshape(matmul(matrix, unsqueeze(vector, 1)), [matrix.size(0)]);
  });

/**
 * A matrix product for each of a batch; nothing is broadcast. Shape: `[b, n, k]`, `[b, k, m]` → `[b, n, m]`.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.bmm.html torch.bmm}
 *
 * @throws ShapeError when the shapes are others, DTypeError unless both are float32.
 * @example
 * bmm(randn([8, 2, 3]), randn([8, 3, 4])).shape; // [8, 2, 4]
 */
export const bmm = (a: Tensor, b: Tensor): Tensor =>
  namedScope("bmm", () => {
    hasDims("bmm", "a", a, 3);
    hasDims("bmm", "b", b, 3);
    agree("bmm", a.size(0), b.size(0));
    return matmul(a, b);
  });
