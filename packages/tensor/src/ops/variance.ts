import { scope } from "../scope.ts";
import { normalizeDims } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { div, square, sqrt, sub } from "./elementwise/elementwise.ts";
import { mean } from "./mean.ts";
import { narrow, stopGradient } from "./move/move.ts";
import { sum, type ReduceOptions } from "./reduce/reduce.ts";

/** `correction` 1 (Bessel's) divides by n − 1, 0 by n. */
export interface VarOptions extends ReduceOptions {
  correction?: number;
}

/**
 * The variance over some dims, or over all of them: Σ(x − x̄)² / (n − correction). Shapes as `sum`.
 *
 * The first element along the dims is subtracted before the mean is taken: differences of nearby floats are exact (Sterbenz),
 * so a large mean costs no digits. {@link https://docs.pytorch.org/docs/stable/generated/torch.var.html torch.var}
 *
 * @example
 * await variance(tensor([1, 2, 3])).item(); // 1
 */
export const variance = (x: Tensor, { dim = null, keepdim = false, correction = 1 }: VarOptions = {}): Tensor =>
  scope(() => {
    const dims = normalizeDims("variance", dim, x.shape);
    const count = dims.reduce((n, d) => n * x.shape[d]!, 1);
    let first = stopGradient(x);
    for (const d of dims) first = narrow(first, d, 0, Math.min(1, x.shape[d]!));
    const shifted = count === 0 ? x : sub(x, first);
    const centred = sub(shifted, mean(shifted, { dim, keepdim: true }));
    return div(sum(square(centred), { dim, keepdim }), Math.max(count - correction, 0));
  });

/** The standard deviation, √variance. {@link https://docs.pytorch.org/docs/stable/generated/torch.std.html torch.std} */
export const std = (x: Tensor, options: VarOptions = {}): Tensor => scope(() => sqrt(variance(x, options)));
