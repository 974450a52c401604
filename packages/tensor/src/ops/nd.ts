import { full, zeros } from "../create.ts";
import { DTypeError, ShapeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { checkShape, showShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add, ge, logicalAnd, lt, mul, where } from "./elementwise/elementwise.ts";
import { indexAdd, indexSelect } from "./index/index.ts";
import { reshape, select } from "./move/move.ts";

/** Rows of a tensor of that shape, counted through its first dims, of which the last dim of the indices names one each. */
interface Rows {
  /** Their number, one for each place; −1 where a place is outside. */
  readonly index: Tensor;
  readonly count: number;
  readonly places: Shape;
  readonly rest: Shape;
}

const rowsOf = (op: string, shape: Shape, indices: Tensor): Rows => {
  if (indices.dtype !== "int32")
    throw new DTypeError(`${op}: the indices are int32, got ${indices.dtype}; cast them first`);
  const depth = indices.shape.at(-1);
  if (depth === undefined || depth > shape.length)
    throw new ShapeError(
      `${op}: expected indices […, k] with k up to ${shape.length}, the dims of ${showShape(shape)}, got ${showShape(indices.shape)}`,
    );
  const { device } = indices;
  const places = indices.shape.slice(0, -1);
  let index = zeros(places, { dtype: "int32", device });
  let inside = full(places, 1, { dtype: "bool", device });
  for (let d = 0; d < depth; d++) {
    const one = select(indices, -1, d);
    inside = logicalAnd(inside, logicalAnd(ge(one, 0), lt(one, shape[d]!)));
    index = add(mul(index, shape[d]!), one);
  }
  const outside = full([], -1, { dtype: "int32", device });
  return {
    index: reshape(where(inside, index, outside), [-1]),
    count: shape.slice(0, depth).reduce((n, size) => n * size, 1),
    places,
    rest: shape.slice(depth),
  };
};

/**
 * Slices of x by places: y[…] = x[indices[…, 0], …, indices[…, k − 1]]. The gradient adds up the uses of a slice.
 *
 * Shape: x any, indices int32 `[…, k]` → `[…]` and the dims of x after the first k.
 * {@link https://www.tensorflow.org/api_docs/python/tf/gather_nd tf.gather_nd}; `x[i, j]` in PyTorch
 *
 * @throws IndexError when a place is outside, negative ones too; it says −1. ShapeError when k is more than x has dims, DTypeError unless the
 * indices are int32.
 * @example
 * await gatherNd(tensor([[1, 2], [3, 4]]), tensor(new Int32Array([0, 1, 1, 0]), [2, 2])).data(); // [2, 3]
 */
export const gatherNd = (x: Tensor, indices: Tensor): Tensor =>
  namedScope("gatherNd", () => {
    const { index, count, places, rest } = rowsOf("gatherNd", x.shape, indices);
    return reshape(indexSelect(reshape(x, [count, ...rest]), 0, index), [...places, ...rest]);
  });

/**
 * Zeros with slices added at places: y[indices[…, 0], …, indices[…, k − 1]] += updates[…].
 *
 * Shape: indices int32 `[…, k]`, updates `[…]` and the dims of `shape` after the first k → `shape`.
 * {@link https://www.tensorflow.org/api_docs/python/tf/scatter_nd tf.scatter_nd}; `index_put(accumulate=True)` in PyTorch
 *
 * @throws IndexError when a place is outside, negative ones too; it says −1. ShapeError when the shapes do not fit, DTypeError unless the indices
 * are int32 and the updates float32 or int32.
 * @example
 * const indices = tensor(new Int32Array([2, 0, 2]), [3, 1]);
 * await scatterNd(indices, tensor([5, 7, 1]), [4]).data(); // [7, 0, 6, 0]
 */
export const scatterNd = (indices: Tensor, updates: Tensor, shape: Shape): Tensor =>
  namedScope("scatterNd", () => {
    checkShape("scatterNd", shape);
    const { index, count, places, rest } = rowsOf("scatterNd", shape, indices);
    const expected = [...places, ...rest];
    if (showShape(updates.shape) !== showShape(expected))
      throw new ShapeError(`scatterNd: expected updates ${showShape(expected)}, got ${showShape(updates.shape)}`);
    const empty = zeros([count, ...rest], { dtype: updates.dtype, device: updates.device });
    const flat = reshape(updates, [index.numel(), ...rest]);
    return reshape(indexAdd(empty, 0, index, flat), shape);
  });
