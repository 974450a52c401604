/** Functions of four lanes that only elementwise.as.ts uses; what several families share is in assembly/math.as.ts. */
import { constant, madd, nmadd } from "../../assembly/simd.as";
import { fault } from "../../assembly/fault.as";
import { log4, pow4, sigmoid4 } from "../../assembly/math.as";

const ONE: usize = memory.data<f32>([1]);

/** (x > 0) - (x < 0): 0 for NaN. */
// @ts-ignore: decorator
@inline export function sign4(x: v128): v128 {
  const signed = v128.or(v128.and(x, i32x4.splat(0x80000000)), constant(ONE, 0));
  return v128.and(signed, f32x4.gt(f32x4.abs(x), i32x4.splat(0)));
}

/** d silu(x)/dx = s + x s (1 − s): 0 and 1 far out, where the limits of x make 0 of ∞ · 0. */
// @ts-ignore: decorator
@inline export function siluSlope4(x: v128): v128 {
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
@inline export function log1p4(x: v128): v128 {
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
@inline export function expm14(x: v128): v128 {
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
@inline export function atan24(y: v128, x: v128): v128 {
  const one = constant(ATAN2, 1), zero = i32x4.splat(0);
  const across = f32x4.abs(x), up = f32x4.abs(y);
  const smallest = f32x4.min(across, up), largest = f32x4.max(across, up);
  // Two infinities have the angle of equal numbers, two zeros that of 0.
  const ratio = v128.andnot(
    v128.bitselect(one, f32x4.div(smallest, largest), f32x4.eq(smallest, largest)),
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

/** The exact rest of x / y; of whole numbers by 0 a fault. WebAssembly gives 0 for -2^31 % -1. */
// @ts-ignore: decorator
@inline export function rest<T>(x: T, y: T): T {
  if (!isInteger<T>() || y != 0) return x % y;
  fault(y as i32);
  return y;
}

// The largest float32, and the smallest normal one, as bits.
const MAX_BITS: i32 = 0x7f7fffff;
const TINY_BITS: i32 = 0x00800000;

/** −x y / z: divides first where that stays among the normal numbers, else multiplies first. */
// @ts-ignore: decorator
@inline export function divBackward4(x: v128, y: v128, z: v128): v128 {
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
@inline export function powBackward4(dz: v128, x: v128, y: v128): v128 {
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
