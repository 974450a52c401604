/**
 * Elementary functions on four floats.
 *
 * Polynomials are minimax fits of our own (reweighted least squares in 40 digits), written with the coefficient of the highest
 * power first. Error bounds count the fit and all roundings, with and without fused multiply-add. NaN comes out where NaN
 * goes in. The clamps are written so that a NaN in the first operand passes: pmin(a, b) = b < a ? b : a.
 *
 * Constants sit in tables: V8 makes vector literals anew in each round of a loop. A loop that works on four vectors a round
 * loads them once for all four (Binaryen joins equal loads), which is why the elementwise loops do that.
 */
import { constant, madd, nmadd } from "./simd.as";

const BITS: usize = memory.data<i32>([0x80000000, 0x7fffffff]);

/** |x| and −|x|, from a table too. */
// @ts-ignore: decorator
@inline function magnitude(x: v128): v128 {
  return v128.and(x, constant(BITS, 1));
}

// @ts-ignore: decorator
@inline function minusMagnitude(x: v128): v128 {
  return v128.or(x, constant(BITS, 0));
}

// [least, most, log2 e, 1.5 * 2^23, 1.5 * 2^23 - 1, ln 2 high, ln 2 low, five coefficients of (e^r - 1 - r) / r^2, 1]
const EXP: usize = memory.data<f32>([
  -86.6433, 89, 1.4426950409, 12582912, 12582911, 0.693359375, -2.12194440055e-4,
  1.38143743e-3, 8.36880005e-3, 4.16684002e-2, 0.166665211, 0.499999925, 1,
]);

/**
 * e^x 2^-s: x = n ln 2 + r with |r| <= ln 2 / 2; n - s goes into the exponent of e^r. `magic` is 1.5 * 2^23 - s. A NaN whose low bits are
 * not 0, as log4 makes it, would come out of that addition as a number.
 */
// @ts-ignore: decorator
@inline function expInside(x: v128, magic: v128): v128 {
  const one = constant(EXP, 12);
  const shifted = madd(x, constant(EXP, 2), magic);
  const n = f32x4.sub(shifted, magic);
  const r = nmadd(n, constant(EXP, 6), nmadd(n, constant(EXP, 5), x));
  let q = madd(constant(EXP, 7), r, constant(EXP, 8));
  q = madd(q, r, constant(EXP, 9));
  q = madd(q, r, constant(EXP, 10));
  q = madd(q, r, constant(EXP, 11));
  q = madd(madd(q, r, one), r, one);
  return v128.or(i32x4.add(q, i32x4.shl(shifted, 23)), f32x4.ne(q, q));
}

/** e^x for -86.6 <= x <= 88. */
// @ts-ignore: decorator
@inline function expBetween(x: v128): v128 {
  return expInside(x, constant(EXP, 3));
}

/**
 * e^x within 2 ulp. Results below 2^-125 are 0, those above the largest float Infinity: e^x / 2 always fits, and doubling it makes
 * Infinity by itself where there is too much.
 */
// @ts-ignore: decorator
@inline export function exp4(x: v128): v128 {
  const half = expInside(f32x4.pmin(x, constant(EXP, 1)), constant(EXP, 4));
  return v128.andnot(f32x4.add(half, half), f32x4.lt(x, constant(EXP, 0)));
}

/** e^x for x <= 0, within 2 ulp. What the arithmetic makes of an x below the least does not matter: it becomes 0. */
// @ts-ignore: decorator
@inline export function expNegative4(x: v128): v128 {
  return v128.andnot(expBetween(x), f32x4.lt(x, constant(EXP, 0)));
}

// [least normal, 2^23, sqrt 1/2, 0x007fffff, 1, 2, three coefficients of (2 atanh s - 2 s) / s^3, ln 2 high, ln 2 low, Infinity]
const LOG: usize = memory.data<f32>([
  1.17549435e-38, 8388608, 0.70710677, 1.1754942e-38, 1, 2,
  0.298737185, 0.399774745, 0.666667765, 0.693359375, -2.12194440055e-4, Infinity,
]);

/** ln x within 2 ulp, for subnormal x too; -Infinity at 0, NaN below it. */
// @ts-ignore: decorator
@inline export function log4(x: v128): v128 {
  const one = constant(LOG, 4), infinity = constant(LOG, 11);
  const root = constant(LOG, 2);
  const tiny = f32x4.lt(x, constant(LOG, 0));
  const scaled = v128.bitselect(f32x4.mul(x, constant(LOG, 1)), x, tiny);
  // x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt 2.
  const above = i32x4.sub(scaled, root);
  const exponent = i32x4.sub(i32x4.shr_s(above, 23), v128.and(tiny, i32x4.splat(23)));
  const k = f32x4.convert_i32x4_s(exponent);
  const f = f32x4.sub(i32x4.add(v128.and(above, constant(LOG, 3)), root), one);
  // ln(1 + f) = 2 atanh s = f - s (f - s^2 P(s^2)), s = f / (2 + f).
  const s = f32x4.div(f, f32x4.add(f, constant(LOG, 5)));
  const z = f32x4.mul(s, s);
  let p = madd(constant(LOG, 6), z, constant(LOG, 7));
  p = f32x4.mul(madd(p, z, constant(LOG, 8)), z);
  const tail = f32x4.sub(f32x4.mul(s, f32x4.sub(f, p)), f32x4.mul(k, constant(LOG, 10)));
  const y = madd(k, constant(LOG, 9), f32x4.sub(f, tail));
  const zero = i32x4.splat(0);
  const finite = v128.bitselect(y, x, f32x4.lt(x, infinity));
  const atZero = v128.bitselect(f32x4.neg(infinity), finite, f32x4.eq(x, zero));
  return v128.or(atZero, f32x4.lt(x, zero));
}

// [9.02, -9.02, four coefficients of the numerator, four of the denominator, 1, -1]
const TANH: usize = memory.data<f32>([
  9.02, -9.02, 1.3319199e-8, 2.05835843e-5, 3.49404131e-3, 0.133797238,
  7.76207479e-7, 3.28310354e-4, 2.5871099e-2, 0.46713039, 1, -1,
]);

/** tanh x = x P(x^2) / Q(x^2), clamped where it rounds to 1; relative error at most 4e-7, never beyond +-1. */
// @ts-ignore: decorator
@inline export function tanh4(x: v128): v128 {
  const one = constant(TANH, 10);
  const c = f32x4.pmax(f32x4.pmin(x, constant(TANH, 0)), constant(TANH, 1));
  const z = f32x4.mul(c, c);
  let p = madd(constant(TANH, 2), z, constant(TANH, 3));
  p = madd(p, z, constant(TANH, 4));
  p = madd(p, z, constant(TANH, 5));
  p = madd(p, z, one);
  let q = madd(constant(TANH, 6), z, constant(TANH, 7));
  q = madd(q, z, constant(TANH, 8));
  q = madd(q, z, constant(TANH, 9));
  q = madd(q, z, one);
  return f32x4.pmax(f32x4.pmin(f32x4.div(f32x4.mul(c, p), q), one), constant(TANH, 11));
}

const ONE: usize = memory.data<f32>([1]);

/** sigmoid x = 1 / (1 + e^-x); relative error at most 4e-7 down to x = -86, below it 0. */
// @ts-ignore: decorator
@inline export function sigmoid4(x: v128): v128 {
  const e = expNegative4(minusMagnitude(x));
  const r = f32x4.div(constant(ONE, 0), f32x4.add(e, constant(ONE, 0)));
  return v128.bitselect(f32x4.mul(e, r), r, f32x4.lt(x, i32x4.splat(0)));
}

/** silu x = x sigmoid x; relative error at most 4e-7. */
// @ts-ignore: decorator
@inline export function silu4(x: v128): v128 {
  return f32x4.mul(x, sigmoid4(x));
}

// [2, four coefficients of (2 atanh s - 2 s) / s^3 for s <= 1/3]
const LOG1P: usize = memory.data<f32>([2, 0.280244328, 0.279991466, 0.400216989, 0.666664132]);

/** softplus x = ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|); relative error at most 4e-7. */
// @ts-ignore: decorator
@inline export function softplus4(x: v128): v128 {
  const e = expNegative4(minusMagnitude(x));
  const two = constant(LOG1P, 0);
  const s = f32x4.div(e, f32x4.add(e, two));
  const z = f32x4.mul(s, s);
  let p = madd(constant(LOG1P, 1), z, constant(LOG1P, 2));
  p = madd(p, z, constant(LOG1P, 3));
  p = madd(p, z, constant(LOG1P, 4));
  return madd(s, madd(p, z, two), f32x4.pmax(x, i32x4.splat(0)));
}

// [6, eight coefficients of W, 1, 1/2, eight of S]
const GELU: usize = memory.data<f32>([
  6,
  1.47472079e-7, -9.91946649e-7, 6.79480399e-6, 5.24518582e-5, 2.57127776e-5, 3.29023926e-3, 2.11359728e-2, 4.98679578e-2,
  1, 0.5,
  -1.12882544e-5, 1.44192643e-4, -5.80621010e-4, -8.73789366e-4, 2.00179536e-2, -1.09404147e-1, -6.36537015e-1, -7.97890246e-1,
]);

/** W(a)^16, where W^-16 = erfc(a / sqrt 2) = 2 (1 - Phi(a)) for 0 <= a <= 6. The sixteenth root is nearly straight: no exp. */
// @ts-ignore: decorator
@inline function tailPower(a: v128): v128 {
  let w = madd(constant(GELU, 1), a, constant(GELU, 2));
  w = madd(w, a, constant(GELU, 3));
  w = madd(w, a, constant(GELU, 4));
  w = madd(w, a, constant(GELU, 5));
  w = madd(w, a, constant(GELU, 6));
  w = madd(w, a, constant(GELU, 7));
  w = madd(w, a, constant(GELU, 8));
  w = madd(w, a, constant(GELU, 9));
  w = f32x4.mul(w, w);
  w = f32x4.mul(w, w);
  w = f32x4.mul(w, w);
  return f32x4.mul(w, w);
}

/**
 * gelu x = x Phi(x) = max(x, 0) - |x| (1 - Phi(|x|)): small values come from the tail, not from a difference. Error at most
 * 3e-6 |gelu x| + 2e-8. (Powers of a polynomial for erfc: after Hastings, Abramowitz and Stegun 7.1.28.)
 */
// @ts-ignore: decorator
@inline export function gelu4(x: v128): v128 {
  const zero = i32x4.splat(0);
  const a = f32x4.pmin(magnitude(x), constant(GELU, 0));
  const below = f32x4.div(f32x4.mul(a, constant(GELU, 10)), tailPower(a));
  // + 0 · min(x, 0): NaN at -Infinity, like the definition.
  return madd(f32x4.pmin(x, zero), zero, f32x4.sub(f32x4.pmax(x, zero), below));
}

/** d gelu / dx = Phi(x) + x phi(x) = s(-x) or 1 - s(x), s(a) = 1 - Phi(a) - a phi(a) = W^-16 S(a) / 2; absolute error at most 1e-6. */
// @ts-ignore: decorator
@inline export function geluSlope4(x: v128): v128 {
  const a = f32x4.pmin(magnitude(x), constant(GELU, 0));
  let s = madd(constant(GELU, 11), a, constant(GELU, 12));
  s = madd(s, a, constant(GELU, 13));
  s = madd(s, a, constant(GELU, 14));
  s = madd(s, a, constant(GELU, 15));
  s = madd(s, a, constant(GELU, 16));
  s = madd(s, a, constant(GELU, 17));
  s = madd(s, a, constant(GELU, 18));
  s = madd(s, a, constant(GELU, 9));
  s = f32x4.div(f32x4.mul(s, constant(GELU, 10)), tailPower(a));
  return v128.bitselect(s, f32x4.sub(constant(GELU, 9), s), f32x4.lt(x, i32x4.splat(0)));
}

// [9, -9, -2 sqrt(2 / pi), -2 sqrt(2 / pi) 0.044715, 1, 2 sqrt(2 / pi), 2 sqrt(2 / pi) 3 0.044715]
const GELU_TANH: usize = memory.data<f32>([9, -9, -1.59576912, -0.0713548163, 1, 1.59576912, 0.214064449]);

/** gelu x with tanh: x / 2 (1 + tanh u) = x / (1 + e^(-2 u)), u = sqrt(2 / pi) (x + 0.044715 x^3); relative error 6e-6 at most from -7 up, 1.2e-5 below. */
// @ts-ignore: decorator
@inline export function geluTanh4(x: v128): v128 {
  const zero = i32x4.splat(0);
  const floored = f32x4.pmax(x, constant(GELU_TANH, 1));
  const c = f32x4.pmin(floored, constant(GELU_TANH, 0));
  const slope = madd(f32x4.mul(c, c), constant(GELU_TANH, 3), constant(GELU_TANH, 2));
  const e = expBetween(f32x4.mul(c, slope));
  // + 0 · min(x, 0): NaN at -Infinity, like the definition.
  return madd(f32x4.pmin(x, zero), zero, f32x4.div(floored, f32x4.add(e, constant(GELU_TANH, 4))));
}

/** The derivative of geluTanh4: s + x s (1 - s) 2 u', s = 1 / (1 + e^(-2 u)); absolute error at most 5e-7. */
// @ts-ignore: decorator
@inline export function geluTanhSlope4(x: v128): v128 {
  const one = constant(GELU_TANH, 4);
  const c = f32x4.pmin(f32x4.pmax(x, constant(GELU_TANH, 1)), constant(GELU_TANH, 0));
  const z = f32x4.mul(c, c);
  const e = expBetween(f32x4.mul(c, madd(z, constant(GELU_TANH, 3), constant(GELU_TANH, 2))));
  const s = f32x4.div(one, f32x4.add(e, one));
  const rest = f32x4.mul(f32x4.mul(e, s), s);
  return madd(f32x4.mul(rest, c), madd(z, constant(GELU_TANH, 6), constant(GELU_TANH, 5)), s);
}

// [0.75, -0.75, six coefficients of erf(x) / x, sqrt 2, 6, 1]
const ERF: usize = memory.data<f32>([
  0.75, -0.75, -6.74960487e-4, 5.11435977e-3, -2.68346326e-2, 0.112833768, -0.376126188, 1.12837917, 1.41421356, 6, 1,
]);

/** erf x: its odd polynomial near 0, 1 - W(|x| sqrt 2)^-16 beyond; relative error at most 2e-6. */
// @ts-ignore: decorator
@inline export function erf4(x: v128): v128 {
  const m = magnitude(x);
  const one = constant(ERF, 10);
  const tail = f32x4.div(one, tailPower(f32x4.pmin(f32x4.mul(m, constant(ERF, 8)), constant(ERF, 9))));
  const far = v128.or(f32x4.sub(one, tail), v128.and(x, constant(BITS, 0)));
  const c = f32x4.pmax(f32x4.pmin(x, constant(ERF, 0)), constant(ERF, 1));
  const z = f32x4.mul(c, c);
  let p = madd(constant(ERF, 2), z, constant(ERF, 3));
  p = madd(p, z, constant(ERF, 4));
  p = madd(p, z, constant(ERF, 5));
  p = madd(p, z, constant(ERF, 6));
  p = madd(p, z, constant(ERF, 7));
  return v128.bitselect(far, f32x4.mul(x, p), f32x4.gt(m, constant(ERF, 0)));
}

// Rare functions go lane by lane through float64: correctly rounded but for one case in a billion.

// @ts-ignore: decorator
@inline function lane(x: v128, index: u8): f64 {
  switch (index) {
    case 0: return <f64>f32x4.extract_lane(x, 0);
    case 1: return <f64>f32x4.extract_lane(x, 1);
    case 2: return <f64>f32x4.extract_lane(x, 2);
    default: return <f64>f32x4.extract_lane(x, 3);
  }
}

// @ts-ignore: decorator
@inline function four(a: f64, b: f64, c: f64, d: f64): v128 {
  let y = f32x4.splat(<f32>a);
  y = f32x4.replace_lane(y, 1, <f32>b);
  y = f32x4.replace_lane(y, 2, <f32>c);
  return f32x4.replace_lane(y, 3, <f32>d);
}

// @ts-ignore: decorator
@inline export function sin4(x: v128): v128 {
  return four(NativeMath.sin(lane(x, 0)), NativeMath.sin(lane(x, 1)), NativeMath.sin(lane(x, 2)), NativeMath.sin(lane(x, 3)));
}

// @ts-ignore: decorator
@inline export function cos4(x: v128): v128 {
  return four(NativeMath.cos(lane(x, 0)), NativeMath.cos(lane(x, 1)), NativeMath.cos(lane(x, 2)), NativeMath.cos(lane(x, 3)));
}

/** x^y with C's special cases: 1^NaN = 1, (-1)^±infinity = 1, x^0 = 1, a negative x only to whole powers. */
function power(x: f64, y: f64): f64 {
  return x == 1 || (x == -1 && abs(y) == Infinity) ? 1 : NativeMath.pow(x, y);
}

// @ts-ignore: decorator
@inline export function pow4(x: v128, y: v128): v128 {
  return four(
    power(lane(x, 0), lane(y, 0)), power(lane(x, 1), lane(y, 1)), power(lane(x, 2), lane(y, 2)), power(lane(x, 3), lane(y, 3)),
  );
}
