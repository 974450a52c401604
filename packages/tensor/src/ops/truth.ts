import { namedScope } from "../named-scope.ts";
import type { Dims } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { ReduceOptions } from "./dim-options.ts";
import { eq, gt, ne } from "./elementwise/elementwise.ts";
import { sum } from "./reduce/reduce.ts";

/**
 * Whether some element is not 0, over some dims or over all of them, as bool; NaN is not 0, and of nothing none is. Not differentiable.
 *
 * Shapes and options as `sum`. {@link https://docs.pytorch.org/docs/stable/generated/torch.any.html torch.any}
 *
 * @throws ShapeError when a dim is outside or named twice, ArgumentError when an option is unknown or no such thing.
 * @example
 * await any(tensor([[0, 0], [0, 3]]), { dim: 1 }).data(); // [0, 1]
 */
export const any = (x: Tensor, options: Dims | ReduceOptions = {}): Tensor =>
  namedScope("any", () => gt(sum(ne(x, 0), options), 0));

/**
 * Whether no element is 0, over some dims or over all of them, as bool; of nothing it is true. Not differentiable.
 *
 * Shapes and options as `sum`. {@link https://docs.pytorch.org/docs/stable/generated/torch.all.html torch.all}
 *
 * @throws ShapeError when a dim is outside or named twice, ArgumentError when an option is unknown or no such thing.
 * @example
 * await all(tensor([[1, 2], [0, 3]]), { dim: 1 }).data(); // [1, 0]
 */
export const all = (x: Tensor, options: Dims | ReduceOptions = {}): Tensor =>
  namedScope("all", () => eq(sum(eq(x, 0), options), 0));
