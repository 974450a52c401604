import { namedScope } from "../named-scope.ts";
import { normalizeDim } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { select } from "./move/move.ts";

/**
 * The slices along a dim, without that dim, as views. Shape: [n, a] → n of [a] for dim 0.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.unbind.html torch.unbind}
 *
 * @throws ShapeError when the dim is outside.
 * @example
 * unbind(zeros([2, 3])).length; // 2
 */
export const unbind = (x: Tensor, dim = 0): Tensor[] =>
  namedScope("unbind", () => {
    const at = normalizeDim("unbind", dim, x.shape);
    return Array.from({ length: x.shape[at]! }, (_, index) => select(x, at, index));
  });
