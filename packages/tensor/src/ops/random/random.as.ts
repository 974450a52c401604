/**
 * Random numbers from Philox 4x32-10 (philox.as.ts): element i of draw d is the same number wherever and in whatever order it is
 * computed.
 *
 *   words(c) = Philox(key = (seedLow, seedHigh), counter = (c, 0, drawLow, drawHigh))      four words for elements 4c … 4c + 3
 *   uniform  u_i = (w_i >> 8) / 2^24                                      in [0, 1)
 *   normal   for i even: r = √(−2 ln(((w_i >> 8) + 1) / 2^24)),  φ = 2π (w_(i+1) >> 8) / 2^24:  z_i = r cos φ,  z_(i+1) = r sin φ
 *   dropout  y_i = x_i / (1 − p) where u_i >= p, else 0
 *
 * A 4 x 4 transpose puts the 16 words of four counters in order. A task computes `chunk`
 * elements, a multiple of 16. Words and uniforms are exact; normals are within 4e-7 |z| + 4e-7 of the formula (float32).
 * After Box and Muller, 1958.
 */
import { log4 } from "../../assembly/math.as";
import { philox4, word0, word1, word2, word3 } from "../../assembly/philox.as";
import { constant, loadLanes, madd, storeLanes } from "../../assembly/simd.as";

const LANES: usize = memory.data<i32>([0, 1, 2, 3]);

/** The n <= 16 elements of the counters block … block + 3. `kind`: 0 uniform, 1 normal, 2 dropout. */
// @ts-ignore: decorator
@inline function sixteen(
  kind: i32, block: i32, drawLow: i32, drawHigh: i32, seedLow: i32, seedHigh: i32, x: usize, y: usize, n: i32, p: v128, scale: v128,
): void {
  philox4(i32x4.add(i32x4.splat(block), v128.load(LANES)), drawLow, drawHigh, seedLow, seedHigh);
  const c0 = word0, c1 = word1, c2 = word2, c3 = word3;
  const ab0 = v128.shuffle<i32>(c0, c1, 0, 4, 1, 5), ab1 = v128.shuffle<i32>(c0, c1, 2, 6, 3, 7);
  const cd0 = v128.shuffle<i32>(c2, c3, 0, 4, 1, 5), cd1 = v128.shuffle<i32>(c2, c3, 2, 6, 3, 7);
  put8(kind, v128.shuffle<i64>(ab0, cd0, 0, 2), v128.shuffle<i64>(ab0, cd0, 1, 3), x, y, n, p, scale);
  if (n > 8) put8(kind, v128.shuffle<i64>(ab1, cd1, 0, 2), v128.shuffle<i64>(ab1, cd1, 1, 3), x + 32, y + 32, n - 8, p, scale);
}

// [2^-24, 1]
const UNIFORM: usize = memory.data<f32>([5.9604644775390625e-8, 1]);

/** The upper 24 bits of each word as a fraction of 2^24. */
// @ts-ignore: decorator
@inline function uniform4(words: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(words, 8)), constant(UNIFORM, 0));
}

// [-2, 4, four coefficients of sin(pi f / 2) / f, four of cos(pi f / 2), 1.5 · 2^23: adding it rounds]
const CIRCLE: usize = memory.data<f32>([
  -2, 4, -4.60167155e-3, 7.96800405e-2, -0.645963460, 1.57079632, -2.03986417e-2, 0.253594966, -1.23369667, 1, 12582912,
]);

/** Eight elements, or fewer, of eight words in order. */
// @ts-ignore: decorator
@inline function put8(kind: i32, first: v128, second: v128, x: usize, y: usize, n: i32, p: v128, scale: v128): void {
  if (kind == 1) {
    normal8(v128.shuffle<i32>(first, second, 0, 2, 4, 6), v128.shuffle<i32>(first, second, 1, 3, 5, 7), y, n);
  } else {
    put4(kind, first, x, y, n, p, scale);
    if (n > 4) put4(kind, second, x + 16, y + 16, n - 4, p, scale);
  }
}

// @ts-ignore: decorator
@inline function put4(kind: i32, words: v128, x: usize, y: usize, n: i32, p: v128, scale: v128): void {
  const lanes = min(n, 4);
  let v = uniform4(words);
  if (kind == 2) v = v128.and(f32x4.mul(lanes == 4 ? v128.load(x) : loadLanes(x, 4, lanes), scale), f32x4.ge(v, p));
  store4(y, v, lanes);
}

// @ts-ignore: decorator
@inline function store4(y: usize, v: v128, lanes: i32): void {
  if (lanes >= 4) v128.store(y, v);
  else storeLanes(y, v, 4, lanes);
}

/** Box-Muller: lane i makes elements 2 i and 2 i + 1. */
// @ts-ignore: decorator
@inline function normal8(even: v128, odd: v128, y: usize, n: i32): void {
  const r = f32x4.sqrt(f32x4.mul(log4(f32x4.add(uniform4(even), constant(UNIFORM, 0))), constant(CIRCLE, 0)));
  // A turn is q quarters and f more, -1/2 <= f <= 1/2: exact, as turns have 24 bits.
  const quarters = f32x4.mul(uniform4(odd), constant(CIRCLE, 1));
  const shifted = f32x4.add(quarters, constant(CIRCLE, 10));
  const q = f32x4.sub(shifted, constant(CIRCLE, 10));
  const f = f32x4.sub(quarters, q);
  const z = f32x4.mul(f, f);
  let s = madd(constant(CIRCLE, 2), z, constant(CIRCLE, 3));
  s = madd(s, z, constant(CIRCLE, 4));
  s = f32x4.mul(madd(s, z, constant(CIRCLE, 5)), f);
  let c = madd(constant(CIRCLE, 6), z, constant(CIRCLE, 7));
  c = madd(c, z, constant(CIRCLE, 8));
  c = madd(c, z, constant(CIRCLE, 9));
  // cos((k + f) pi / 2): c, -s, -c, s for k = 0, 1, 2, 3; the sine is the cosine one quarter before. The low bits of `shifted` hold k.
  const one = i32x4.splat(1), two = i32x4.splat(2);
  const crossed = i32x4.eq(v128.and(shifted, one), one);
  const cosine = v128.xor(v128.bitselect(s, c, crossed), i32x4.shl(v128.and(i32x4.add(shifted, one), two), 30));
  const sine = v128.xor(v128.bitselect(c, s, crossed), i32x4.shl(v128.and(shifted, two), 30));
  const a = f32x4.mul(r, cosine), b = f32x4.mul(r, sine);
  store4(y, v128.shuffle<f32>(a, b, 0, 4, 1, 5), n);
  if (n > 4) store4(y + 16, v128.shuffle<f32>(a, b, 2, 6, 3, 7), n - 4);
}

// @ts-ignore: decorator
@inline function draw(
  kind: i32, task: i32, x: usize, y: usize, total: i32, chunk: i32, seedLow: f64, seedHigh: f64, counter: f64, p: v128, scale: v128,
): void {
  const k0 = <i32><u32>seedLow, k1 = <i32><u32>seedHigh;
  const drawLow = <i32><u32><u64>counter, drawHigh = <i32><u32>(<u64>counter >> 32);
  const end = min((task + 1) * chunk, total);
  for (let i = task * chunk; i < end; i += 16) {
    const at = <usize>i << 2;
    sixteen(kind, i >> 2, drawLow, drawHigh, k0, k1, x + at, y + at, min(end - i, 16), p, scale);
  }
}

export function rand_f32(task: i32, y: usize, total: i32, chunk: i32, seedLow: f64, seedHigh: f64, counter: f64): void {
  const none = i32x4.splat(0);
  draw(0, task, 0, y, total, chunk, seedLow, seedHigh, counter, none, none);
}

export function randn_f32(task: i32, y: usize, total: i32, chunk: i32, seedLow: f64, seedHigh: f64, counter: f64): void {
  const none = i32x4.splat(0);
  draw(1, task, 0, y, total, chunk, seedLow, seedHigh, counter, none, none);
}

/** The mask is not kept: the same seed and counter draw it again, so dx is dropout of dy. */
export function dropout_f32(
  task: i32, x: usize, y: usize, total: i32, chunk: i32, p: f32, scale: f32, seedLow: f64, seedHigh: f64, counter: f64,
): void {
  draw(2, task, x, y, total, chunk, seedLow, seedHigh, counter, f32x4.splat(p), f32x4.splat(scale));
}
