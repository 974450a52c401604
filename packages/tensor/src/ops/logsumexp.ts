import { namedScope } from "../named-scope.ts";
import { normalizeDims, type Dims } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkFloat } from "./check-float.ts";
import { readOptions, REDUCTION, type ReduceOptions } from "./dim-options.ts";
import { abs, add, exp, eq, log, maskedFill, sub } from "./elementwise/elementwise.ts";
import { reshape, stopGradient } from "./move/move.ts";
import { amax, sum } from "./reduce/reduce.ts";

/**
 * ln Σ eˣ over some dims, or over all of them, without overflow: m + ln Σ e^(x − m) with m = max x; −∞ for no elements. Shapes and options as `sum`.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.logsumexp.html torch.logsumexp}
 *
 * @example
 * await logsumexp(tensor([1000, 1000])).item(); // 1000.693
 */
export const logsumexp = (x: Tensor, options: Dims | ReduceOptions = {}): Tensor =>
  namedScope("logsumexp", () => {
    const { dim = null, keepdim } = readOptions<ReduceOptions>("logsumexp", options, REDUCTION);
    checkFloat("logsumexp", x);
    const dims = normalizeDims("logsumexp", dim, x.shape);
    // ln 0 = −∞; nothing has no largest element.
    if (dims.some((d) => x.shape[d] === 0)) return log(sum(exp(x), { dim, keepdim }));
    const largest = stopGradient(amax(x, { dim, keepdim: true }));
    // ∞ − ∞ would be NaN; with 0 in its place the sum itself becomes ∞ or 0, and its logarithm is right.
    const shift = maskedFill(largest, eq(abs(largest), Infinity), 0);
    const total = sum(exp(sub(x, shift)), { dim, keepdim });
    return add(log(total), reshape(shift, total.shape));
  });
