import { namedScope } from "../named-scope.ts";
import { normalizeDims, type Dims } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkFloat } from "./check-float.ts";
import { readOptions, REDUCTION, type ReduceOptions } from "./dim-options.ts";
import { div } from "./elementwise/elementwise.ts";
import { sum } from "./reduce/reduce.ts";

/**
 * The mean over some dims, or over all of them: Σx / n. NaN for no elements. Shapes and options as `sum`.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.mean.html torch.mean}
 *
 * @example
 * await mean(tensor([1, 2, 3, 6])).item(); // 3
 */
export const mean = (x: Tensor, options: Dims | ReduceOptions = {}): Tensor =>
  namedScope("mean", () => {
    const { dim = null, keepdim } = readOptions<ReduceOptions>("mean", options, REDUCTION);
    const count = normalizeDims("mean", dim, x.shape).reduce((n, d) => n * x.shape[d]!, 1);
    // Before it adds up: sums of int32 are refused for another reason.
    checkFloat("mean", x);
    return div(sum(x, { dim, keepdim }), count);
  });
