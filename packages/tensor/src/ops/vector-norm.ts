import { ArgumentError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { normalizeDims, type Dims } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { readOptions, VECTOR_NORM, type ReduceOptions } from "./dim-options.ts";
import { abs, cast, ne, pow, sqrt, square } from "./elementwise/elementwise.ts";
import { amax, sum } from "./reduce/reduce.ts";
import { rootOr0 } from "./root-or-0.ts";

export interface VectorNormOptions extends ReduceOptions {
  /** Order of the norm: 2 (Euclid), 1, Infinity, 0 (how many are not zero), or any positive number. */
  p?: number | undefined;
}

/**
 * The p-norm of a vector, (Σ|x|ᵖ)^(1/p), over some dims or over all of them. Shapes and options as `sum`.
 *
 * The gradient at zero is zero, as in torch; so is that of a zero among others where p < 1.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html torch.linalg.vector_norm}
 *
 * @throws ArgumentError when p is negative.
 * @example
 * await vectorNorm(tensor([3, 4])).item(); // 5
 */
export const vectorNorm = (x: Tensor, options: Dims | VectorNormOptions = {}): Tensor =>
  namedScope("vectorNorm", () => {
    const { p = 2, ...over } = readOptions<VectorNormOptions>("vectorNorm", options, VECTOR_NORM);
    normalizeDims("vectorNorm", over.dim ?? null, x.shape);
    if (!(p >= 0)) throw new ArgumentError(`vectorNorm: p is 0 or more, got ${p}`);
    if (p === 0) return sum(cast(ne(x, 0), "float32"), over);
    if (p === 1) return sum(abs(x), over);
    if (p === Infinity) return amax(abs(x), over);
    const total = p === 2 ? sum(square(x), over) : sum(pow(abs(x), p), over);
    return rootOr0((y) => (p === 2 ? sqrt(y) : pow(y, 1 / p)), total);
  });
