import { namedScope } from "../named-scope.ts";
import { normalizeDims, type Dims } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkFloat } from "./check-float.ts";
import { readOptions, VARIANCE, type ReduceOptions } from "./dim-options.ts";
import { div, square, sqrt, sub } from "./elementwise/elementwise.ts";
import { mean } from "./mean.ts";
import { rootOr0 } from "./root-or-0.ts";
import { narrow, stopGradient } from "./move/move.ts";
import { sum } from "./reduce/reduce.ts";

/** `correction` 1 (Bessel's) divides by n − 1, 0 by n. */
export interface VarOptions extends ReduceOptions {
  correction?: number | undefined;
}

/**
 * The variance over some dims, or over all of them: Σ(x − x̄)² / (n − correction). Shapes and options as `sum`.
 *
 * The first element along the dims is subtracted before the mean is taken: differences of nearby floats are exact (Sterbenz),
 * so a large mean costs no digits. {@link https://docs.pytorch.org/docs/stable/generated/torch.var.html torch.var}
 *
 * @example
 * await variance(tensor([1, 2, 3])).item(); // 1
 */
export const variance = (x: Tensor, options: Dims | VarOptions = {}): Tensor =>
  namedScope("variance", () => {
    checkFloat("variance", x);
    const { dim = null, keepdim, correction = 1 } = readOptions<VarOptions>("variance", options, VARIANCE);
    const dims = normalizeDims("variance", dim, x.shape);
    const count = dims.reduce((n, d) => n * x.shape[d]!, 1);
    let first = stopGradient(x);
    for (const d of dims) first = narrow(first, d, 0, Math.min(1, x.shape[d]!));
    const shifted = count === 0 ? x : sub(x, first);
    const centred = sub(shifted, mean(shifted, { dim, keepdim: true }));
    return div(sum(square(centred), { dim, keepdim }), Math.max(count - correction, 0));
  });

/**
 * The standard deviation, √variance. Shapes and options as `variance`. The gradient at equal values is 0, as in torch.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.std.html torch.std}
 */
export const std = (x: Tensor, options: Dims | VarOptions = {}): Tensor =>
  namedScope("std", () => {
    checkFloat("std", x);
    const read = readOptions<VarOptions>("std", options, VARIANCE);
    normalizeDims("std", read.dim ?? null, x.shape);
    return rootOr0(sqrt, variance(x, read));
  });
