/**
 * Philox 4x32-10: a keyed bijection of counters, so a number depends on its counter alone, wherever and in whatever order it is made.
 *
 *   word0 … word3 of counter c = Philox(key = (seedLow, seedHigh), counter = (c, 0, drawLow, drawHigh))
 *
 * Four counters go side by side in the lanes of a vector. Exact.
 * After Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
 */
import { constant } from "./simd.as";

// Multipliers and key steps, all lanes alike.
const PHILOX: usize = memory.data<u32>([0xd2511f53, 0xcd9e8d57, 0x9e3779b9, 0xbb67ae85]);

// The words that `philox4` made last: a function has one result, and every thread its own globals.
export let word0: v128 = i32x4.splat(0);
export let word1: v128 = i32x4.splat(0);
export let word2: v128 = i32x4.splat(0);
export let word3: v128 = i32x4.splat(0);

/** Sets `word0` … `word3` to the four words of each of four counters. */
// @ts-ignore: decorator
@inline export function philox4(counters: v128, drawLow: i32, drawHigh: i32, seedLow: i32, seedHigh: i32): void {
  const m0 = constant(PHILOX, 0), m1 = constant(PHILOX, 1);
  const step0 = constant(PHILOX, 2), step1 = constant(PHILOX, 3);
  let c0 = counters, c1 = i32x4.splat(0);
  let c2 = i32x4.splat(drawLow), c3 = i32x4.splat(drawHigh);
  let k0 = i32x4.splat(seedLow), k1 = i32x4.splat(seedHigh);
  for (let round = 0; round < 10; round++) {
    // 64-bit products of lanes 0, 1 and 2, 3; their low and high halves go apart.
    const a = i64x2.extmul_low_i32x4_u(c0, m0), b = i64x2.extmul_high_i32x4_u(c0, m0);
    const c = i64x2.extmul_low_i32x4_u(c2, m1), d = i64x2.extmul_high_i32x4_u(c2, m1);
    c0 = v128.xor(v128.xor(v128.shuffle<i32>(c, d, 1, 3, 5, 7), c1), k0);
    c1 = v128.shuffle<i32>(c, d, 0, 2, 4, 6);
    c2 = v128.xor(v128.xor(v128.shuffle<i32>(a, b, 1, 3, 5, 7), c3), k1);
    c3 = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
    k0 = i32x4.add(k0, step0);
    k1 = i32x4.add(k1, step1);
  }
  word0 = c0;
  word1 = c1;
  word2 = c2;
  word3 = c3;
}
