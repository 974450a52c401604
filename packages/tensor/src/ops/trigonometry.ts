import { namedScope } from "../named-scope.ts";
import type { Tensor } from "../tensor.ts";
import { checkFloat } from "./check-float.ts";
import {
  abs,
  add,
  atan2,
  clamp,
  cos,
  div,
  expm1,
  le,
  log,
  log1p,
  mul,
  neg,
  reciprocal,
  sign,
  sin,
  sqrt,
  square,
  sub,
  where,
} from "./elementwise/elementwise.ts";

/** A composed function of one float32 tensor. Each is written so that nothing cancels, in its gradient neither. */
const float = (op: string, x: Tensor, f: () => Tensor): Tensor =>
  namedScope(op, () => {
    checkFloat(op, x);
    return f();
  });

/**
 * The tangent of an angle in radians. On webgpu right up to angles of about 10⁵, as `sin`.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.tan.html torch.tan}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await tan(tensor([0, Math.PI / 4])).data(); // [0, 1]
 */
export const tan = (x: Tensor): Tensor => float("tan", x, () => div(sin(x), cos(x)));

/** √(1 − x), in parts that are exact where x is near ±1. */
const below1 = (x: Tensor): Tensor => sqrt(add(neg(x), 1));
const aboveMinus1 = (x: Tensor): Tensor => sqrt(add(x, 1));

/**
 * The angle in radians whose sine is x, from −π/2 to π/2: 2 arctan(x / (1 + √(1 − x²))). NaN beyond ±1, where the gradient is ∞.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.asin.html torch.asin}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await asin(tensor([0.5, 1])).data(); // [π/6, π/2]
 */
export const asin = (x: Tensor): Tensor =>
  float("asin", x, () => mul(atan2(x, add(mul(below1(x), aboveMinus1(x)), 1)), 2));

/**
 * The angle in radians whose cosine is x, from 0 to π: 2 arctan(√(1 − x) / √(1 + x)). NaN beyond ±1, where the gradient is −∞.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.acos.html torch.acos}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await acos(tensor([0.5, 1])).data(); // [π/3, 0]
 */
export const acos = (x: Tensor): Tensor => float("acos", x, () => mul(atan2(below1(x), aboveMinus1(x)), 2));

/** From here on float32 has no other arctangent than π/2. */
const FLAT = 1e12;

/**
 * The angle in radians whose tangent is x, from −π/2 to π/2. For a quotient of coordinates `atan2` knows the quadrant too.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.atan.html torch.atan}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await atan(tensor([1, -Infinity])).data(); // [π/4, -π/2]
 */
export const atan = (x: Tensor): Tensor => float("atan", x, () => atan2(clamp(x, -FLAT, FLAT), 1));

/** sinh(x / 2) = (e^(x/2) − 1 − (e^(−x/2) − 1)) / 2, whose square float32 holds wherever it holds sinh x. */
const sinhOfHalf = (x: Tensor): Tensor => {
  const half = mul(x, 0.5);
  return mul(sub(expm1(half), expm1(neg(half))), 0.5);
};

/**
 * The hyperbolic sine, (eˣ − e⁻ˣ) / 2, to the last digits where x is near 0: 2 sinh(x/2) √(1 + sinh²(x/2)).
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.sinh.html torch.sinh}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await sinh(tensor([1])).data(); // [1.175…]
 */
export const sinh = (x: Tensor): Tensor =>
  float("sinh", x, () => {
    const half = sinhOfHalf(x);
    return mul(mul(half, 2), sqrt(add(square(half), 1)));
  });

/**
 * The hyperbolic cosine, (eˣ + e⁻ˣ) / 2 = 1 + 2 sinh²(x/2).
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.cosh.html torch.cosh}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await cosh(tensor([1])).data(); // [1.543…]
 */
export const cosh = (x: Tensor): Tensor =>
  float("cosh", x, () => {
    const half = sinhOfHalf(x);
    return add(mul(mul(half, 2), half), 1);
  });

/** artanh t = (ln(1 + t) − ln(1 − t)) / 2: the two have opposite signs. */
const twiceAtanh = (t: Tensor): Tensor => sub(log1p(t), log1p(neg(t)));

/**
 * The number whose hyperbolic sine is x, to the last digits where x is near 0.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.asinh.html torch.asinh}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await asinh(tensor([1, -3e38])).data(); // [0.881…, -89.2…]
 */
export const asinh = (x: Tensor): Tensor =>
  float("asinh", x, () => {
    // 2 artanh(x / (1 + √(1 + x²))) near 0; ln |x| + ln(1 + √(1 + x⁻²)) beyond, where no square overflows. Each sees what it is good for.
    const near = clamp(x, -1, 1);
    const small = twiceAtanh(div(near, add(sqrt(add(square(near), 1)), 1)));
    const far = clamp(abs(x), 1);
    const large = add(log(far), log1p(sqrt(add(square(reciprocal(far)), 1))));
    return where(le(abs(x), 1), small, mul(large, sign(x)));
  });

/** Beyond it arcosh x is ln 2x to the last digit; a power of two, so that dividing by it is exact. */
const LARGE = 2 ** 60;

/**
 * The number, 0 or more, whose hyperbolic cosine is x: ln(1 + t + √t √(t + 2)) with t = x − 1. NaN below 1, where the gradient is ∞.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.acosh.html torch.acosh}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await acosh(tensor([1, 3e38])).data(); // [0, 89.2…]
 */
export const acosh = (x: Tensor): Tensor =>
  float("acosh", x, () => {
    const t = sub(clamp(x, -Infinity, LARGE), 1);
    const within = log1p(add(t, mul(sqrt(t), sqrt(add(t, 2)))));
    return add(within, log(mul(clamp(x, LARGE), 1 / LARGE)));
  });

/**
 * The number whose hyperbolic tangent is x, (ln(1 + x) − ln(1 − x)) / 2: ±∞ at ±1 and NaN beyond.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.atanh.html torch.atanh}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await atanh(tensor([0.5, 1])).data(); // [0.549…, Infinity]
 */
export const atanh = (x: Tensor): Tensor => float("atanh", x, () => mul(twiceAtanh(x), 0.5));
