import { full } from "../create.ts";
import { DTypeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import type { Tensor } from "../tensor.ts";
import { checkFloat } from "./check-float.ts";
import {
  abs,
  add,
  clamp,
  div,
  eq,
  gt,
  log,
  logicalAnd,
  logicalOr,
  lt,
  maskedFill,
  maximum,
  mul,
  ne,
  neg,
  pow,
  softplus,
  sqrt,
  square,
  sub,
  where,
} from "./elementwise/elementwise.ts";
import { stopGradient } from "./move/move.ts";
import { vectorNorm } from "./vector-norm.ts";

/** 2ˣ. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.exp2.html torch.exp2} */
export const exp2 = (x: Tensor): Tensor =>
  namedScope("exp2", () => {
    checkFloat("exp2", x);
    return pow(full([], 2, { device: x.device }), x);
  });

/** log₂ x; −∞ at 0, NaN below it. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.log2.html torch.log2} */
export const log2 = (x: Tensor): Tensor => namedScope("log2", () => div(log(x), Math.LN2));

/** log₁₀ x; −∞ at 0, NaN below it. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.log10.html torch.log10} */
export const log10 = (x: Tensor): Tensor => namedScope("log10", () => div(log(x), Math.LN10));

/**
 * √(x² + y²), whose squares may leave float32; ∞ beside NaN wins. The gradient at (0, 0) is NaN, as in torch.
 *
 * Shape: any two that broadcast → their common shape. {@link https://docs.pytorch.org/docs/stable/generated/torch.hypot.html torch.hypot}
 *
 * @throws ShapeError when the shapes do not broadcast, DTypeError unless both are float32.
 * @example
 * await hypot(tensor([3, 3e30]), tensor([4, 4e30])).data(); // [5, 5e30]
 */
export const hypot = (x: Tensor, y: Tensor): Tensor =>
  namedScope("hypot", () => {
    checkFloat("hypot", x);
    checkFloat("hypot", y);
    const largest = stopGradient(maximum(abs(x), abs(y)));
    const one = full([], 1, { device: x.device });
    const unit = where(logicalAnd(gt(largest, 0), lt(largest, Infinity)), largest, one);
    const size = mul(sqrt(add(square(div(x, unit)), square(div(y, unit)))), unit);
    return maskedFill(size, logicalOr(eq(abs(x), Infinity), eq(abs(y), Infinity)), Infinity);
  });

/**
 * ln(eˣ + eʸ), without overflow: max + softplus(−|x − y|).
 *
 * Shape: any two that broadcast → their common shape. {@link https://docs.pytorch.org/docs/stable/generated/torch.logaddexp.html torch.logaddexp}
 *
 * @throws ShapeError when the shapes do not broadcast, DTypeError unless both are float32.
 * @example
 * await logaddexp(tensor([1000]), tensor([1000])).data(); // [1000.693…]
 */
export const logaddexp = (x: Tensor, y: Tensor): Tensor =>
  namedScope("logaddexp", () => {
    checkFloat("logaddexp", x);
    checkFloat("logaddexp", y);
    // Equal infinities have no difference.
    const apart = maskedFill(neg(abs(sub(x, y))), eq(x, y), 0);
    return add(maximum(x, y), softplus(apart));
  });

/**
 * start + weight (end − start). For a weight of ½ or more it is counted back from the end, so that 1 gives exactly that.
 *
 * Shape: all that broadcast → their common shape. {@link https://docs.pytorch.org/docs/stable/generated/torch.lerp.html torch.lerp}
 *
 * @throws ShapeError when the shapes do not broadcast, DTypeError unless all are float32.
 * @example
 * await lerp(tensor([1, 2]), tensor([3, 4]), 0.25).data(); // [1.5, 2.5]
 */
export const lerp = (start: Tensor, end: Tensor, weight: Tensor | number): Tensor =>
  namedScope("lerp", () => {
    checkFloat("lerp", start);
    const difference = sub(end, start);
    const fromStart = (): Tensor => add(start, mul(difference, weight));
    const fromEnd = (rest: Tensor | number): Tensor => sub(end, mul(difference, rest));
    if (typeof weight !== "number") return where(lt(abs(weight), 0.5), fromStart(), fromEnd(add(neg(weight), 1)));
    return Math.abs(weight) < 0.5 ? fromStart() : fromEnd(1 - weight);
  });

/** Order, dim and smallest divisor of `normalize`. */
export interface NormalizeOptions {
  /** Order of the norm, 2 unless said otherwise. */
  p?: number | undefined;
  /** 1 unless said otherwise, as in torch. */
  dim?: number | undefined;
  eps?: number | undefined;
}

/**
 * x divided by its p-norm along a dim, or by `eps` where that is smaller. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.normalize.html torch.nn.functional.normalize}
 *
 * @throws ShapeError when the dim is outside, ArgumentError when p is negative, DTypeError unless x is float32.
 * @example
 * await normalize(tensor([[3, 4]])).data(); // [0.6, 0.8]
 */
export const normalize = (x: Tensor, { p = 2, dim = 1, eps = 1e-12 }: NormalizeOptions = {}): Tensor =>
  namedScope("normalize", () => {
    checkFloat("normalize", x);
    return div(x, clamp(vectorNorm(x, { p, dim, keepdim: true }), eps));
  });

/** Either x or y, not both, on bool tensors. {@link https://docs.pytorch.org/docs/stable/generated/torch.logical_xor.html torch.logical_xor} */
export const logicalXor = (x: Tensor, y: Tensor): Tensor =>
  namedScope("logicalXor", () => {
    if (x.dtype !== "bool") throw new DTypeError(`logicalXor: expected bool, got ${x.dtype}; compare first`);
    return ne(x, y);
  });
