/**
 * Elementwise kernels: y = f(x), z = f(x, y) and y = c ? a : b on operands of any strides, broadcast to a contiguous result.
 *
 * One task computes `chunk` elements of the result (see assembly/map.as.ts for the words, and elementwise-walk.as.ts for the order of work). An op is one
 * class and one line in `apply1`, `apply2` or `apply3`; the exports at the end name it. float32 throughout; error bounds stand at
 * each function in assembly/math.as.ts, everything else is correctly rounded. NaN and infinities behave as in torch.
 * bool is a byte, 0 or 1: it is read as four int32 lanes, and written from the lanes of a mask.
 */
import { constant, madd, nmadd } from "../../assembly/simd.as";
import {
  cos4, erf4, exp4, gelu4, geluSlope4, geluTanh4, geluTanhSlope4, log4, pow4, sigmoid4, silu4, sin4, softplus4, tanh4,
} from "../../assembly/math.as";
import { binary, ternary, unary } from "./elementwise-walk.as";

// The ops, as types: the compiler then leaves out all other rows before it inlines one.
class Neg {} class Exp {} class Log {} class Sqrt {} class Rsqrt {} class Abs {} class Tanh {} class Sigmoid {}
class Relu {} class Erf {} class Sin {} class Cos {} class Square {} class Reciprocal {} class Silu {}
class Softplus {} class Sign {} class Floor {} class Gelu {} class GeluTanh {} class Clamp {} class NegI {}
class AbsI {} class SignI {} class Not {} class F32ToI32 {} class F32ToBool {} class I32ToF32 {} class I32ToBool {}
class Copy {} class Add {} class Sub {} class Mul {} class Div {} class Maximum {} class Minimum {} class Pow {}
class Eq {} class Ne {} class Lt {} class Le {} class Gt {} class Ge {} class AddI {} class SubI {} class MulI {}
class MaximumI {} class MinimumI {} class EqI {} class NeI {} class LtI {} class LeI {} class GtI {} class GeI {}
class And {} class Or {} class TanhBackward {} class SigmoidBackward {} class GeluBackward {}
class GeluTanhBackward {} class ReluBackward {} class AbsBackward {} class SiluBackward {} class Where {}
class WhereBool {} class DivBackward {} class PowBackward {} class MaximumBackward {} class MinimumBackward {}
class Log1p {} class Expm1 {} class Atan2 {}

// @ts-ignore: decorator
@inline function is<A, B>(): bool {
  return idof<A>() == idof<B>();
}

const ONE: usize = memory.data<f32>([1]);

/** (x > 0) - (x < 0): 0 for NaN. */
// @ts-ignore: decorator
@inline function sign4(x: v128): v128 {
  const signed = v128.or(v128.and(x, i32x4.splat(0x80000000)), constant(ONE, 0));
  return v128.and(signed, f32x4.gt(f32x4.abs(x), i32x4.splat(0)));
}

/** d silu(x)/dx = s + x s (1 − s): 0 and 1 far out, where the limits of x make 0 of ∞ · 0. */
// @ts-ignore: decorator
@inline function siluSlope4(x: v128): v128 {
  const c = f32x4.max(f32x4.min(x, f32x4.splat(200)), f32x4.splat(-200)), s = sigmoid4(c);
  return f32x4.mul(s, f32x4.add(constant(ONE, 0), f32x4.mul(c, f32x4.sub(constant(ONE, 0), s))));
}

// [sqrt 1/2 - 1, sqrt 2 - 1, 2, three coefficients of (2 atanh s - 2 s) / s^3, 1]
const LOG1P: usize = memory.data<f32>([-0.29289323, 0.41421357, 2, 0.298737185, 0.399774745, 0.666667765, 1]);

/**
 * ln(1 + x) within 4 ulp. Near 0 the sum 1 + x would round x away: there it is 2 atanh s = x - s (x - s^2 P(s^2)), s = x / (2 + x), as
 * in log4 with f = x, and exactly x where x is tiny.
 */
// @ts-ignore: decorator
@inline function log1p4(x: v128): v128 {
  const s = f32x4.div(x, f32x4.add(x, constant(LOG1P, 2)));
  const z = f32x4.mul(s, s);
  let p = madd(constant(LOG1P, 3), z, constant(LOG1P, 4));
  p = f32x4.mul(madd(p, z, constant(LOG1P, 5)), z);
  const near = f32x4.sub(x, f32x4.mul(s, f32x4.sub(x, p)));
  const isNear = v128.and(f32x4.ge(x, constant(LOG1P, 0)), f32x4.le(x, constant(LOG1P, 1)));
  return v128.bitselect(near, log4(f32x4.add(x, constant(LOG1P, 6))), isNear);
}

// [-86.6, 89, log2 e, 1.5 * 2^23 - 1, ln 2 high, ln 2 low, five coefficients of (e^r - 1 - r) / r^2, 1, 1/2]
const EXPM1: usize = memory.data<f32>([
  -86.6433, 89, 1.4426950409, 12582911, 0.693145752, 1.42860682e-6,
  1.38143743e-3, 8.36880005e-3, 4.16684002e-2, 0.166665211, 0.499999925, 1, 0.5,
]);

/**
 * e^x - 1 within 3 ulp: x = n ln 2 + r as in exp4, e^r - 1 = r (1 + r Q(r)) with |r| <= ln 2 / 2, and 2^n (e^r - 1) + (2^n - 1), of which
 * halves are taken so that 2^n fits. Where n is 0 it is e^r - 1 itself, exactly x where x is tiny: both parts of ln 2 are positive, so that
 * -0 stays as it is.
 */
// @ts-ignore: decorator
@inline function expm14(x: v128): v128 {
  const one = constant(EXPM1, 11), half = constant(EXPM1, 12), magic = constant(EXPM1, 3);
  const c = f32x4.pmax(f32x4.pmin(x, constant(EXPM1, 1)), constant(EXPM1, 0));
  const shifted = madd(c, constant(EXPM1, 2), magic);
  const n = f32x4.sub(shifted, magic);
  const r = nmadd(n, constant(EXPM1, 5), nmadd(n, constant(EXPM1, 4), c));
  let q = madd(constant(EXPM1, 6), r, constant(EXPM1, 7));
  q = madd(q, r, constant(EXPM1, 8));
  q = madd(q, r, constant(EXPM1, 9));
  q = madd(q, r, constant(EXPM1, 10));
  const p = f32x4.mul(madd(q, r, one), r);
  const scale = i32x4.add(i32x4.shl(shifted, 23), one);
  const y = madd(scale, p, f32x4.sub(scale, half));
  return v128.bitselect(p, f32x4.add(y, y), f32x4.eq(n, i32x4.splat(0)));
}

// [tan(pi / 8), 1, four coefficients of (atan t - t) / t^3, then pi / 4, pi / 2 and pi, each in two parts]
const ATAN2: usize = memory.data<f32>([
  0.41421357, 1, 0.0805347487, -0.138776079, 0.199777037, -0.333329499,
  0.785398185, -2.18556941e-8, 1.57079637, -4.37113883e-8, 3.14159274, -8.74227766e-8,
]);

/**
 * The angle of (x, y) within 3 ulp. t = min / max of |x|, |y|, and (t - 1) / (t + 1) with pi / 4 above tan(pi / 8); atan t = t + t^3 P(t^2),
 * a minimax fit of our own. Then pi / 2 minus it where |y| > |x|, pi minus that where x has a sign, and y's sign.
 */
// @ts-ignore: decorator
@inline function atan24(y: v128, x: v128): v128 {
  const one = constant(ATAN2, 1), zero = i32x4.splat(0);
  const across = f32x4.abs(x), up = f32x4.abs(y);
  const lowest = f32x4.min(across, up), largest = f32x4.max(across, up);
  // Two infinities have the angle of equal numbers, two zeros that of 0.
  const ratio = v128.andnot(
    v128.bitselect(one, f32x4.div(lowest, largest), f32x4.eq(lowest, largest)),
    f32x4.eq(largest, zero),
  );
  const turned = f32x4.gt(ratio, constant(ATAN2, 0));
  const t = v128.bitselect(f32x4.div(f32x4.sub(ratio, one), f32x4.add(ratio, one)), ratio, turned);
  const z = f32x4.mul(t, t);
  let p = madd(constant(ATAN2, 2), z, constant(ATAN2, 3));
  p = madd(p, z, constant(ATAN2, 4));
  p = madd(p, z, constant(ATAN2, 5));
  p = madd(f32x4.mul(p, z), t, t);
  let angle = v128.bitselect(f32x4.add(f32x4.add(p, constant(ATAN2, 7)), constant(ATAN2, 6)), p, turned);
  const steep = f32x4.sub(constant(ATAN2, 8), f32x4.sub(angle, constant(ATAN2, 9)));
  angle = v128.bitselect(steep, angle, f32x4.gt(up, across));
  const behind = f32x4.sub(constant(ATAN2, 10), f32x4.sub(angle, constant(ATAN2, 11)));
  angle = v128.bitselect(behind, angle, i32x4.lt_s(x, zero));
  return v128.or(angle, v128.and(y, i32x4.splat(0x80000000)));
}

/** f(x); p and q are the attributes of the op, in all lanes. */
// @ts-ignore: decorator
@inline export function apply1<F>(x: v128, p: v128, q: v128): v128 {
  const zero = i32x4.splat(0);
  if (is<F, Neg>()) return f32x4.neg(x);
  if (is<F, Exp>()) return exp4(x);
  if (is<F, Log>()) return log4(x);
  if (is<F, Log1p>()) return log1p4(x);
  if (is<F, Expm1>()) return expm14(x);
  if (is<F, Sqrt>()) return f32x4.sqrt(x);
  if (is<F, Rsqrt>()) return f32x4.div(constant(ONE, 0), f32x4.sqrt(x));
  if (is<F, Abs>()) return f32x4.abs(x);
  if (is<F, Tanh>()) return tanh4(x);
  if (is<F, Sigmoid>()) return sigmoid4(x);
  if (is<F, Relu>()) return f32x4.pmax(x, zero);
  if (is<F, Erf>()) return erf4(x);
  if (is<F, Sin>()) return sin4(x);
  if (is<F, Cos>()) return cos4(x);
  if (is<F, Square>()) return f32x4.mul(x, x);
  if (is<F, Reciprocal>()) return f32x4.div(constant(ONE, 0), x);
  if (is<F, Silu>()) return silu4(x);
  if (is<F, Softplus>()) return softplus4(x);
  if (is<F, Sign>()) return sign4(x);
  if (is<F, Floor>()) return f32x4.floor(x);
  if (is<F, Gelu>()) return gelu4(x);
  if (is<F, GeluTanh>()) return geluTanh4(x);
  if (is<F, Clamp>()) return f32x4.pmin(f32x4.pmax(x, p), q);
  if (is<F, NegI>()) return i32x4.neg(x);
  if (is<F, AbsI>()) return i32x4.abs(x);
  if (is<F, SignI>()) return i32x4.sub(i32x4.lt_s(x, zero), i32x4.gt_s(x, zero));
  if (is<F, Not>()) return i32x4.eq(x, zero);
  if (is<F, F32ToI32>()) return i32x4.trunc_sat_f32x4_s(x);
  if (is<F, F32ToBool>()) return f32x4.ne(x, zero);
  if (is<F, I32ToF32>()) return f32x4.convert_i32x4_s(x);
  if (is<F, I32ToBool>()) return i32x4.ne(x, zero);
  return x;
}

/** f(x, y). The backward ops take dy first, then what their forward saved. */
// @ts-ignore: decorator
@inline export function apply2<F>(x: v128, y: v128): v128 {
  if (is<F, Add>()) return f32x4.add(x, y);
  if (is<F, Sub>()) return f32x4.sub(x, y);
  if (is<F, Mul>()) return f32x4.mul(x, y);
  if (is<F, Div>()) return f32x4.div(x, y);
  if (is<F, Maximum>()) return f32x4.max(x, y);
  if (is<F, Minimum>()) return f32x4.min(x, y);
  if (is<F, Pow>()) return pow4(x, y);
  if (is<F, Atan2>()) return atan24(x, y);
  if (is<F, Eq>()) return f32x4.eq(x, y);
  if (is<F, Ne>()) return f32x4.ne(x, y);
  if (is<F, Lt>()) return f32x4.lt(x, y);
  if (is<F, Le>()) return f32x4.le(x, y);
  if (is<F, Gt>()) return f32x4.gt(x, y);
  if (is<F, Ge>()) return f32x4.ge(x, y);
  if (is<F, AddI>()) return i32x4.add(x, y);
  if (is<F, SubI>()) return i32x4.sub(x, y);
  if (is<F, MulI>()) return i32x4.mul(x, y);
  if (is<F, MaximumI>()) return i32x4.max_s(x, y);
  if (is<F, MinimumI>()) return i32x4.min_s(x, y);
  if (is<F, EqI>()) return i32x4.eq(x, y);
  if (is<F, NeI>()) return i32x4.ne(x, y);
  if (is<F, LtI>()) return i32x4.lt_s(x, y);
  if (is<F, LeI>()) return i32x4.le_s(x, y);
  if (is<F, GtI>()) return i32x4.gt_s(x, y);
  if (is<F, GeI>()) return i32x4.ge_s(x, y);
  if (is<F, And>()) return i32x4.gt_s(v128.and(x, y), i32x4.splat(0));
  if (is<F, Or>()) return i32x4.gt_s(v128.or(x, y), i32x4.splat(0));
  if (is<F, TanhBackward>()) return f32x4.mul(x, f32x4.sub(constant(ONE, 0), f32x4.mul(y, y)));
  if (is<F, SigmoidBackward>()) return f32x4.mul(f32x4.mul(x, y), f32x4.sub(constant(ONE, 0), y));
  if (is<F, GeluBackward>()) return f32x4.mul(x, geluSlope4(y));
  if (is<F, GeluTanhBackward>()) return f32x4.mul(x, geluTanhSlope4(y));
  // These select, so that no NaN or infinity passes where the slope is 0.
  if (is<F, ReluBackward>()) return v128.andnot(x, f32x4.le(y, i32x4.splat(0)));
  if (is<F, AbsBackward>()) {
    // NaN passes at NaN.
    const passes = v128.or(f32x4.gt(f32x4.abs(y), i32x4.splat(0)), v128.and(f32x4.ne(x, x), f32x4.ne(y, y)));
    return v128.and(v128.xor(x, v128.and(y, i32x4.splat(0x80000000))), passes);
  }
  if (is<F, SiluBackward>()) return f32x4.mul(x, siluSlope4(y));
  return x;
}

// The largest float32, and the smallest normal one, as bits.
const MAX_BITS: i32 = 0x7f7fffff;
const TINY_BITS: i32 = 0x00800000;

/** −x y / z: divides first where that stays among the normal numbers, else multiplies first. */
// @ts-ignore: decorator
@inline function divBackward4(x: v128, y: v128, z: v128): v128 {
  const q = f32x4.div(y, z), size = v128.and(q, i32x4.splat(0x7fffffff));
  const inside = v128.and(i32x4.ge_s(size, i32x4.splat(TINY_BITS)), i32x4.le_s(size, i32x4.splat(MAX_BITS)));
  return f32x4.neg(v128.bitselect(f32x4.mul(x, q), f32x4.div(f32x4.mul(x, y), z), inside));
}

/** dz y |x|^(y−1) in halves that stay in range where the power does not; `p`, that power, is 0 or ∞ and has the sign. */
function powInHalves(dz: v128, x: v128, y: v128, p: v128): v128 {
  const sign = i32x4.splat(0x80000000);
  const half = pow4(f32x4.abs(x), f32x4.mul(f32x4.sub(y, constant(ONE, 0)), f32x4.splat(0.5)));
  const product = f32x4.mul(f32x4.mul(f32x4.mul(dz, half), y), v128.or(half, v128.and(p, sign)));
  // The power is finite, however large: nothing from above gives nothing.
  return v128.andnot(product, f32x4.eq(dz, i32x4.splat(0)));
}

/** dz y x^(y−1); 0 where y is. */
// @ts-ignore: decorator
@inline function powBackward4(dz: v128, x: v128, y: v128): v128 {
  let p = pow4(x, f32x4.sub(y, constant(ONE, 0)));
  // From 2^24 on every y is even and y − 1 odd, which float32 rounds away: the power of a negative x is negative.
  const huge = f32x4.ge(f32x4.abs(y), f32x4.splat(16777216)), finite = f32x4.lt(f32x4.abs(y), f32x4.splat(Infinity));
  const odd = v128.and(v128.and(huge, finite), f32x4.lt(x, i32x4.splat(0)));
  p = v128.or(p, v128.and(odd, i32x4.splat(0x80000000)));
  const size = v128.and(p, i32x4.splat(0x7fffffff));
  let dx = f32x4.mul(dz, f32x4.mul(y, p));
  const outside = v128.or(i32x4.lt_s(size, i32x4.splat(TINY_BITS)), i32x4.eq(size, i32x4.splat(MAX_BITS + 1)));
  // Of 0 and ∞ the power is as it should be.
  const known = v128.or(f32x4.eq(x, i32x4.splat(0)), f32x4.eq(f32x4.abs(x), f32x4.splat(Infinity)));
  const again = v128.andnot(outside, known);
  if (v128.any_true(again)) dx = v128.bitselect(powInHalves(dz, x, y, p), dx, again);
  return v128.andnot(dx, f32x4.eq(y, i32x4.splat(0)));
}

/** c ? a : b, where c is a byte; or what a backward of two operands gives for dy, and them. */
// @ts-ignore: decorator
@inline export function apply3<F>(c: v128, a: v128, b: v128): v128 {
  if (is<F, DivBackward>()) return divBackward4(c, a, b);
  if (is<F, PowBackward>()) return powBackward4(c, a, b);
  // Half for each of two equal ones, nothing for the one that lost; NaN loses to nothing.
  if (is<F, MaximumBackward>() || is<F, MinimumBackward>()) {
    const half = v128.bitselect(f32x4.mul(c, f32x4.splat(0.5)), c, f32x4.eq(a, b));
    return v128.andnot(half, is<F, MaximumBackward>() ? f32x4.lt(a, b) : f32x4.gt(a, b));
  }
  const y = v128.bitselect(a, b, i32x4.gt_s(c, i32x4.splat(0)));
  if (is<F, WhereBool>()) return i32x4.gt_s(y, i32x4.splat(0));
  return y;
}

// The kernels, by dtype of the operands. The words are those of assembly/map.as.ts.

// y = f(x)
export function neg_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Neg, f32, f32>(task, x, y, words); }
export function exp_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Exp, f32, f32>(task, x, y, words); }
export function log_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Log, f32, f32>(task, x, y, words); }
export function log1p_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Log1p, f32, f32>(task, x, y, words); }
export function expm1_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Expm1, f32, f32>(task, x, y, words); }
export function sqrt_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Sqrt, f32, f32>(task, x, y, words); }
export function rsqrt_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Rsqrt, f32, f32>(task, x, y, words); }
export function abs_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Abs, f32, f32>(task, x, y, words); }
export function tanh_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Tanh, f32, f32>(task, x, y, words); }
export function sigmoid_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Sigmoid, f32, f32>(task, x, y, words); }
export function relu_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Relu, f32, f32>(task, x, y, words); }
export function erf_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Erf, f32, f32>(task, x, y, words); }
export function sin_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Sin, f32, f32>(task, x, y, words); }
export function cos_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Cos, f32, f32>(task, x, y, words); }
export function square_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Square, f32, f32>(task, x, y, words); }
export function reciprocal_f32(task: i32, x: usize, y: usize, words: usize): void {
  unary<Reciprocal, f32, f32>(task, x, y, words);
}
export function silu_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Silu, f32, f32>(task, x, y, words); }
export function softplus_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Softplus, f32, f32>(task, x, y, words); }
export function sign_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Sign, f32, f32>(task, x, y, words); }
export function floor_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Floor, f32, f32>(task, x, y, words); }
export function gelu_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Gelu, f32, f32>(task, x, y, words); }
export function gelu_tanh_f32(task: i32, x: usize, y: usize, words: usize): void { unary<GeluTanh, f32, f32>(task, x, y, words); }
export function clamp_f32(task: i32, x: usize, y: usize, words: usize, min: f32, max: f32): void {
  unary<Clamp, f32, f32>(task, x, y, words, min, max);
}
export function neg_i32(task: i32, x: usize, y: usize, words: usize): void { unary<NegI, i32, i32>(task, x, y, words); }
export function abs_i32(task: i32, x: usize, y: usize, words: usize): void { unary<AbsI, i32, i32>(task, x, y, words); }
export function sign_i32(task: i32, x: usize, y: usize, words: usize): void { unary<SignI, i32, i32>(task, x, y, words); }
export function not_bool(task: i32, x: usize, y: usize, words: usize): void { unary<Not, u8, u8>(task, x, y, words); }

// Casts. To int32 towards zero; NaN gives 0 and what is too large the nearest int32.
export function cast_f32_i32(task: i32, x: usize, y: usize, words: usize): void { unary<F32ToI32, f32, i32>(task, x, y, words); }
export function cast_f32_bool(task: i32, x: usize, y: usize, words: usize): void { unary<F32ToBool, f32, u8>(task, x, y, words); }
export function cast_i32_f32(task: i32, x: usize, y: usize, words: usize): void { unary<I32ToF32, i32, f32>(task, x, y, words); }
export function cast_i32_bool(task: i32, x: usize, y: usize, words: usize): void { unary<I32ToBool, i32, u8>(task, x, y, words); }
export function cast_bool_f32(task: i32, x: usize, y: usize, words: usize): void { unary<I32ToF32, u8, f32>(task, x, y, words); }
export function cast_bool_i32(task: i32, x: usize, y: usize, words: usize): void { unary<Copy, u8, i32>(task, x, y, words); }

// z = f(x, y)
export function add_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Add, f32, f32>(2, task, x, y, z, words);
}
export function sub_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Sub, f32, f32>(2, task, x, y, z, words);
}
export function mul_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Mul, f32, f32>(2, task, x, y, z, words);
}
export function div_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Div, f32, f32>(2, task, x, y, z, words);
}
export function maximum_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Maximum, f32, f32>(1, task, x, y, z, words);
}
export function minimum_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Minimum, f32, f32>(1, task, x, y, z, words);
}
export function pow_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Pow, f32, f32>(0, task, x, y, z, words);
}
export function atan2_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Atan2, f32, f32>(0, task, x, y, z, words);
}
export function eq_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Eq, f32, u8>(0, task, x, y, z, words);
}
export function ne_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Ne, f32, u8>(0, task, x, y, z, words);
}
export function lt_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Lt, f32, u8>(0, task, x, y, z, words);
}
export function le_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Le, f32, u8>(0, task, x, y, z, words);
}
export function gt_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Gt, f32, u8>(0, task, x, y, z, words);
}
export function ge_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Ge, f32, u8>(0, task, x, y, z, words);
}
export function add_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<AddI, i32, i32>(0, task, x, y, z, words);
}
export function sub_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<SubI, i32, i32>(0, task, x, y, z, words);
}
export function mul_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<MulI, i32, i32>(0, task, x, y, z, words);
}
export function maximum_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<MaximumI, i32, i32>(0, task, x, y, z, words);
}
export function minimum_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<MinimumI, i32, i32>(0, task, x, y, z, words);
}
export function eq_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<EqI, i32, u8>(0, task, x, y, z, words);
}
export function ne_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<NeI, i32, u8>(0, task, x, y, z, words);
}
export function lt_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<LtI, i32, u8>(0, task, x, y, z, words);
}
export function le_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<LeI, i32, u8>(0, task, x, y, z, words);
}
export function gt_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<GtI, i32, u8>(0, task, x, y, z, words);
}
export function ge_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<GeI, i32, u8>(0, task, x, y, z, words);
}
export function eq_bool(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<EqI, u8, u8>(0, task, x, y, z, words);
}
export function ne_bool(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<NeI, u8, u8>(0, task, x, y, z, words);
}
export function and_bool(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<And, u8, u8>(0, task, x, y, z, words);
}
export function or_bool(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Or, u8, u8>(0, task, x, y, z, words);
}

// z = x · f'(y), with f' by what f gave or took: dx = dy · f'
export function tanh_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<TanhBackward, f32, f32>(1, task, x, y, z, words);
}
export function sigmoid_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<SigmoidBackward, f32, f32>(1, task, x, y, z, words);
}
export function gelu_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<GeluBackward, f32, f32>(1, task, x, y, z, words);
}
export function gelu_tanh_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<GeluTanhBackward, f32, f32>(1, task, x, y, z, words);
}
export function relu_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<ReluBackward, f32, f32>(1, task, x, y, z, words);
}
export function abs_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<AbsBackward, f32, f32>(1, task, x, y, z, words);
}
export function silu_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<SiluBackward, f32, f32>(1, task, x, y, z, words);
}

// The backwards of two operands: dz, then what the forward took or gave.
export function div_backward_f32(task: i32, x: usize, y: usize, z: usize, out: usize, words: usize): void {
  ternary<DivBackward, f32, f32>(2, task, x, y, z, out, words);
}
export function pow_backward_f32(task: i32, x: usize, y: usize, z: usize, out: usize, words: usize): void {
  ternary<PowBackward, f32, f32>(0, task, x, y, z, out, words);
}
export function maximum_backward_f32(task: i32, x: usize, y: usize, z: usize, out: usize, words: usize): void {
  ternary<MaximumBackward, f32, f32>(2, task, x, y, z, out, words);
}
export function minimum_backward_f32(task: i32, x: usize, y: usize, z: usize, out: usize, words: usize): void {
  ternary<MinimumBackward, f32, f32>(2, task, x, y, z, out, words);
}

// y = c ? a : b
export function where_f32(task: i32, condition: usize, a: usize, b: usize, y: usize, words: usize): void {
  ternary<Where, u8, f32>(2, task, condition, a, b, y, words);
}
export function where_i32(task: i32, condition: usize, a: usize, b: usize, y: usize, words: usize): void {
  ternary<Where, u8, i32>(0, task, condition, a, b, y, words);
}
export function where_bool(task: i32, condition: usize, a: usize, b: usize, y: usize, words: usize): void {
  ternary<WhereBool, u8, u8>(0, task, condition, a, b, y, words);
}
