import { ones } from "../create.ts";
import { namedScope } from "../named-scope.ts";
import { normalizeDims, type Dims } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { readOptions, REDUCTION, type ReduceOptions } from "./dim-options.ts";
import { cast, mul } from "./elementwise/elementwise.ts";
import { cat, clone, narrow, permute, reshape } from "./move/move.ts";
import { runningOptions, shifted, type RunningOptions } from "./running.ts";

const counted = (x: Tensor): Tensor => (x.dtype === "bool" ? cast(x, "int32") : x);

/**
 * Π x over some dims, or over all of them. bool counts as int32, whose products wrap around; the product of nothing is 1.
 *
 * Halves are multiplied until one is left, so that the gradient divides by nothing: it is right where elements are 0. Shapes and options
 * as `sum`. {@link https://docs.pytorch.org/docs/stable/generated/torch.prod.html torch.prod}
 *
 * @throws ShapeError when a dim is outside or named twice, ArgumentError when an option is unknown or no such thing.
 * @example
 * await prod(tensor([[1, 2], [3, 4]]), { dim: 1 }).data(); // [2, 12]
 */
export const prod = (x: Tensor, options: Dims | ReduceOptions = {}): Tensor =>
  namedScope("prod", () => {
    const { dim = null, keepdim = false } = readOptions<ReduceOptions>("prod", options, REDUCTION);
    const dims = normalizeDims("prod", dim, x.shape);
    const kept = [...x.shape.keys()].filter((d) => !dims.includes(d));
    const length = dims.reduce((n, d) => n * x.shape[d]!, 1);
    const rest = kept.map((d) => x.shape[d]!);
    const shape = keepdim ? x.shape.map((size, d) => (dims.includes(d) ? 1 : size)) : rest;
    const { device } = x;
    if (length === 0) return ones(shape, { dtype: x.dtype === "bool" ? "int32" : x.dtype, device });
    let y = reshape(permute(counted(x), [...dims, ...kept]), [length, ...rest]);
    for (let n = length; n > 1; n = Math.ceil(n / 2)) {
      const half = n >> 1;
      const products = mul(narrow(y, 0, 0, half), narrow(y, 0, half, half));
      y = n % 2 === 0 ? products : cat([products, narrow(y, 0, n - 1, 1)], 0);
    }
    return clone(reshape(y, shape));
  });

/**
 * Running products along a dim: y_j = Π_{k ≤ j} x_k. bool counts as int32, whose products wrap around. The gradient divides by nothing.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.cumprod.html torch.cumprod}
 *
 * @param dim the dim alone, or `{ dim, exclusive, reverse }`
 * @throws ShapeError when the dim is outside, ArgumentError when an option is unknown or no such thing.
 * @example
 * await cumprod(tensor([1, 2, 3]), 0).data(); // [1, 2, 6]
 */
export const cumprod = (x: Tensor, dim: number | RunningOptions): Tensor =>
  namedScope("cumprod", () => {
    const { at, exclusive, reverse } = runningOptions("cumprod", x, dim);
    const n = x.shape[at] ?? 1;
    let y = exclusive ? shifted(counted(x), at, reverse, 1) : clone(counted(x));
    // Each round doubles how many elements before it an element has taken in (Hillis and Steele, 1986).
    for (let step = 1; step < n; step *= 2) {
      const [from, to] = reverse ? [step, 0] : [0, step];
      const products = mul(narrow(y, at, to, n - step), narrow(y, at, from, n - step));
      const done = narrow(y, at, reverse ? n - step : 0, step);
      y = cat(reverse ? [products, done] : [done, products], at);
    }
    return y;
  });
