import { ShapeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { normalizeDim, showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { narrow, permute, reshape } from "./move/move.ts";
import { slice } from "./slice.ts";

/**
 * The elements whose place along `dim2` is `offset` more than along `dim1`, in a last dim. A copy where PyTorch gives a view.
 * Shape: [n, m, …] → […, k], k the length of that diagonal, 0 when it lies outside.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.diagonal.html torch.diagonal}
 *
 * @throws ShapeError when the two dims are the same one, or outside.
 * @example
 * await diagonal(tensor([[1, 2], [3, 4]])).data(); // [1, 4]
 */
export const diagonal = (x: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor =>
  namedScope("diagonal", () => {
    const row = normalizeDim("diagonal", dim1, x.shape);
    const column = normalizeDim("diagonal", dim2, x.shape);
    if (row === column)
      throw new ShapeError(`diagonal: expected two dims of ${showShape(x.shape)}, got ${dim1} and ${dim2}`);
    const others = x.shape.map((_, d) => d).filter((d) => d !== row && d !== column);
    const top = Math.min(Math.max(-offset, 0), x.shape[row]!);
    const left = Math.min(Math.max(offset, 0), x.shape[column]!);
    const length = Math.min(x.shape[row]! - top, x.shape[column]! - left);
    const square = narrow(narrow(x, row, top, length), column, left, length);
    // In a flat k × k square, elements of the diagonal are k + 1 apart.
    const flat = reshape(permute(square, [...others, row, column]), [
      ...others.map((d) => x.shape[d]!),
      length * length,
    ]);
    return slice(flat, others.length, { step: length + 1 });
  });
