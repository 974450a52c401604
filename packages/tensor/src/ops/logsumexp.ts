import { scope } from "../scope.ts";
import { normalizeDims, type Dims } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { readOptions, REDUCTION, type ReduceOptions } from "./dim-options.ts";
import { abs, add, exp, eq, log, maskedFill, sub } from "./elementwise/elementwise.ts";
import { reshape, stopGradient } from "./move/move.ts";
import { amax, sum } from "./reduce/reduce.ts";

/**
 * ln Σ eˣ over some dims, or over all of them, without overflow: m + ln Σ e^(x − m) with m = max x. −∞ of nothing. Shapes and options as `sum`.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.logsumexp.html torch.logsumexp}
 *
 * @example
 * await logsumexp(tensor([1000, 1000])).item(); // 1000.693
 */
export const logsumexp = (x: Tensor, options: Dims | ReduceOptions = {}): Tensor =>
  scope(() => {
    const { dim = null, keepdim } = readOptions<ReduceOptions>("logsumexp", options, REDUCTION);
    const dims = normalizeDims("logsumexp", dim, x.shape);
    // Of nothing: ln 0 = −∞. There is no maximum to take off.
    if (dims.some((d) => x.shape[d] === 0)) return log(sum(x, { dim, keepdim }));
    const largest = stopGradient(amax(x, { dim, keepdim: true }));
    // ∞ − ∞ would be NaN; with 0 in its place the sum itself becomes ∞ or 0, and its logarithm is right.
    const shift = maskedFill(largest, eq(abs(largest), Infinity), 0);
    const total = sum(exp(sub(x, shift)), { dim, keepdim });
    return add(log(total), reshape(shift, total.shape));
  });
