/** Arithmetic that every kernel family shares. A sum's order is fixed by its shape, so no thread count changes a bit. */

/**
 * Whether this is the wide build: relaxed SIMD in the form that V8 pairs into 256-bit instructions, with tiles that only those have registers
 * for. Each value is made by the same operations in the same order as in the relaxed build.
 */
// @ts-ignore: decorator
@inline export const WIDE: bool = isDefined(TESSERA_WIDE);

/** a · b + c: one rounding where the engine has relaxed SIMD, else two. */
// @ts-ignore: decorator
@inline export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** c − a · b: one rounding where the engine has relaxed SIMD, else two. */
// @ts-ignore: decorator
@inline export function nmadd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

/** All four lanes set to the float at `address`. V8 makes literals anew in each round of a loop; memory it reads once. */
// @ts-ignore: decorator
@inline export function constant(table: usize, index: usize): v128 {
  return v128.load32_splat(table + (index << 2));
}

/** Lanes 0 and 1 as float64. */
// @ts-ignore: decorator
@inline export function low64(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

/** Lanes 2 and 3 as float64. */
// @ts-ignore: decorator
@inline export function high64(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
}

/** A running float64 sum, two lanes wide, plus four floats. */
// @ts-ignore: decorator
@inline export function accumulate(sum: v128, v: v128): v128 {
  return f64x2.add(sum, f64x2.add(low64(v), high64(v)));
}

/** The sum of both lanes. */
// @ts-ignore: decorator
@inline export function sum64(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** Two pairs of float64 rounded to four floats. */
// @ts-ignore: decorator
@inline export function narrow64(low: v128, high: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

/** The largest lane; NaN if any lane is. */
// @ts-ignore: decorator
@inline export function max4(v: v128): f32 {
  const pair = f32x4.max(v, v128.shuffle<i64>(v, v, 1, 1));
  return max(f32x4.extract_lane(pair, 0), f32x4.extract_lane(pair, 1));
}

// Exported functions with vectors in their types draw a warning unless they are inlined; hence the pairs.

function lanes(at: usize, step: usize, n: i32): v128 {
  let v = v128.load32_zero(at);
  if (n > 1) v = v128.load32_lane(at + step, v, 1);
  if (n > 2) v = v128.load32_lane(at + 2 * step, v, 2);
  if (n > 3) v = v128.load32_lane(at + 3 * step, v, 3);
  return v;
}

/** The first `n` of four 4-byte elements `step` bytes apart; the other lanes are 0. Reads no byte outside them. */
// @ts-ignore: decorator
@inline export function loadLanes(at: usize, step: usize, n: i32): v128 {
  return lanes(at, step, n);
}

function putLanes(at: usize, v: v128, step: usize, n: i32): void {
  v128.store32_lane(at, v, 0);
  if (n > 1) v128.store32_lane(at + step, v, 1);
  if (n > 2) v128.store32_lane(at + 2 * step, v, 2);
  if (n > 3) v128.store32_lane(at + 3 * step, v, 3);
}

/** Stores the first `n` lanes `step` bytes apart, and touches no byte outside them. */
// @ts-ignore: decorator
@inline export function storeLanes(at: usize, v: v128, step: usize, n: i32): void {
  putLanes(at, v, step, n);
}
