import { namedScope } from "../named-scope.ts";
import type { Tensor } from "../tensor.ts";
import type { ArgmaxOptions } from "./dim-options.ts";
import { neg, sub } from "./elementwise/elementwise.ts";
import { argmax } from "./reduce/reduce.ts";

/**
 * Where the smallest element is along a dim, as int32: the first of equal ones, and NaN before all. Not differentiable.
 *
 * Shape: as `argmax`. {@link https://docs.pytorch.org/docs/stable/generated/torch.argmin.html torch.argmin}
 *
 * @param dim the dim alone, −1 unless said otherwise, with further `options`; or `{ dim, keepdim }`
 * @throws ShapeError when the dim is outside, or empty, ArgumentError when an option is unknown or no such thing.
 * @example
 * await argmin(tensor([[1, 2], [4, 3]]), { dim: 1 }).data(); // [0, 1]
 */
export const argmin = (
  x: Tensor,
  dim: number | ArgmaxOptions = {},
  options: { keepdim?: boolean | undefined } = {},
): Tensor =>
  // −1 − x turns the order of all of int32 round, where −x does not: −2³¹ is its own negative.
  namedScope("argmin", () => argmax(x.dtype === "int32" ? sub(neg(x), 1) : neg(x), dim, options));
