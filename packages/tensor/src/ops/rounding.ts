import { namedScope } from "../named-scope.ts";
import type { Tensor } from "../tensor.ts";
import { checkFloat } from "./check-float.ts";
import {
  abs,
  eq,
  floor,
  gt,
  logicalAnd,
  logicalOr,
  lt,
  maskedFill,
  mul,
  ne,
  neg,
  sub,
  where,
} from "./elementwise/elementwise.ts";
import { clone, stopGradient } from "./move/move.ts";

/** f of a float32 tensor; int32 is whole already. */
const whole = (op: string, x: Tensor, f: () => Tensor): Tensor =>
  namedScope(op, () => {
    if (x.dtype === "int32") return clone(x);
    checkFloat(op, x);
    return f();
  });

/** ⌈x⌉ = −⌊−x⌋, which keeps −0. */
const ceiling = (x: Tensor): Tensor => neg(floor(neg(x)));

/**
 * The nearest whole number upwards; int32 stays. Its gradient is 0. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.ceil.html torch.ceil}
 *
 * @throws DTypeError when x is bool.
 * @example
 * await ceil(tensor([1.2, -1.2])).data(); // [2, -1]
 */
export const ceil = (x: Tensor): Tensor => whole("ceil", x, () => ceiling(x));

/** The nearest whole number towards 0; int32 stays. Its gradient is 0. {@link https://docs.pytorch.org/docs/stable/generated/torch.trunc.html torch.trunc} */
export const trunc = (x: Tensor): Tensor => whole("trunc", x, () => where(lt(x, 0), ceiling(x), floor(x)));

/**
 * What x has beyond the whole number towards 0, with the sign of x; NaN at ±∞. Its gradient is 1. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.frac.html torch.frac}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await frac(tensor([1.25, -1.25])).data(); // [0.25, -0.25]
 */
export const frac = (x: Tensor): Tensor =>
  namedScope("frac", () => {
    checkFloat("frac", x);
    return sub(x, stopGradient(where(lt(x, 0), ceiling(x), floor(x))));
  });

/**
 * The nearest whole number, the even one of two; int32 stays. Its gradient is 0. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.round.html torch.round}
 *
 * @throws DTypeError when x is bool.
 * @example
 * await round(tensor([0.5, 1.5, -0.7])).data(); // [0, 2, -1]
 */
export const round = (x: Tensor): Tensor =>
  whole("round", x, () => {
    const low = floor(x);
    // Exact: both have the same last place, or the difference rounds to 1 beside a tiny x.
    const rest = sub(x, low);
    const isOdd = ne(mul(floor(mul(low, 0.5)), 2), low);
    const up = logicalOr(gt(rest, 0.5), logicalAnd(eq(rest, 0.5), isOdd));
    // −(−⌊x⌋ − 1), so that −0.3 gives −0.
    return where(up, neg(sub(neg(low), 1)), low);
  });

/** Whether x is NaN, as bool; of int32 and bool nothing is. Not differentiable. {@link https://docs.pytorch.org/docs/stable/generated/torch.isnan.html torch.isnan} */
export const isnan = (x: Tensor): Tensor => namedScope("isnan", () => ne(x, x));

/** Whether x is ∞ or −∞, as bool; of int32 and bool nothing is. Not differentiable. {@link https://docs.pytorch.org/docs/stable/generated/torch.isinf.html torch.isinf} */
export const isinf = (x: Tensor): Tensor =>
  namedScope("isinf", () => (x.dtype === "float32" ? eq(abs(x), Infinity) : ne(x, x)));

/** Whether x is neither ±∞ nor NaN, as bool; of int32 and bool all is. Not differentiable. {@link https://docs.pytorch.org/docs/stable/generated/torch.isfinite.html torch.isfinite} */
export const isfinite = (x: Tensor): Tensor =>
  namedScope("isfinite", () => (x.dtype === "float32" ? lt(abs(x), Infinity) : eq(x, x)));

const MAX_FLOAT32 = 3.4028234663852886e38;

/** What takes the place of NaN (0), ∞ and −∞ (float32's largest and smallest numbers). */
export interface NanToNumOptions {
  nan?: number | undefined;
  posinf?: number | undefined;
  neginf?: number | undefined;
}

/**
 * x with numbers in place of NaN and infinities, whose gradient is 0; int32 stays. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nan_to_num.html torch.nan_to_num}
 *
 * @throws DTypeError when x is bool.
 * @example
 * await nanToNum(tensor([NaN, Infinity, 1]), { posinf: 9 }).data(); // [0, 9, 1]
 */
export const nanToNum = (
  x: Tensor,
  { nan = 0, posinf = MAX_FLOAT32, neginf = -MAX_FLOAT32 }: NanToNumOptions = {},
): Tensor =>
  whole("nanToNum", x, () =>
    maskedFill(maskedFill(maskedFill(x, ne(x, x), nan), eq(x, Infinity), posinf), eq(x, -Infinity), neginf),
  );
