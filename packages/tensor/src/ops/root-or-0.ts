import type { Tensor } from "../tensor.ts";
import { eq, maskedFill } from "./elementwise/elementwise.ts";

/**
 * root(x), with gradient 0 where x is 0: the slope of a root is infinite there, and what it would multiply is 0. The root is taken of
 * 1 instead, and 0 put in its place.
 */
export const rootOr0 = (root: (x: Tensor) => Tensor, x: Tensor): Tensor => {
  const zero = eq(x, 0);
  return maskedFill(root(maskedFill(x, zero, 1)), zero, 0);
};
