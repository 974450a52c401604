import { scope } from "../scope.ts";
import { normalizeDims } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { div } from "./elementwise/elementwise.ts";
import { sum, type ReduceOptions } from "./reduce/reduce.ts";

/**
 * The mean over some dims, or over all of them: Σx / n. NaN for no elements. Shapes as `sum`.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.mean.html torch.mean}
 *
 * @example
 * await mean(tensor([1, 2, 3, 6])).item(); // 3
 */
export const mean = (x: Tensor, options: ReduceOptions = {}): Tensor =>
  scope(() => {
    const count = normalizeDims("mean", options.dim ?? null, x.shape).reduce((n, d) => n * x.shape[d]!, 1);
    return div(sum(x, options), count);
  });
