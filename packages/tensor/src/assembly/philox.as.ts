/**
 * Philox 4x32-10, a counter-based generator: 128 bits of counter and 64 of key become 128 random bits, by ten rounds of two
 * 32 x 32 -> 64 bit products. Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
 *
 * The key is the seed. Word w of the counter (block, 0, draw low, draw high) belongs to element 4 block + w of the tensor, so an
 * element's bits depend on its place, the draw and the seed alone.
 */

// [multiplier of word 0, of word 2, Weyl constant of key 0, of key 1], then the numbers of four blocks
const TABLE: usize = memory.data<u32>([0xd2511f53, 0xcd9e8d57, 0x9e3779b9, 0xbb67ae85, 0, 1, 2, 3]);

/** The upper halves of the products of four lanes. */
// @ts-ignore: decorator
@inline function mulHigh(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}

/** Writes the 16 words of blocks `block` to `block + 3` to `to`, in the order of the elements. Four blocks at once, one to a lane. */
export function philox16(to: usize, block: i32, drawLow: i32, drawHigh: i32, seedLow: i32, seedHigh: i32): void {
  const m0 = v128.load32_splat(TABLE), m2 = v128.load32_splat(TABLE, 4);
  const w0 = v128.load32_splat(TABLE, 8), w1 = v128.load32_splat(TABLE, 12);
  let c0 = i32x4.add(i32x4.splat(block), v128.load(TABLE, 16));
  let c1 = i32x4.splat(0);
  let c2 = i32x4.splat(drawLow);
  let c3 = i32x4.splat(drawHigh);
  let k0 = i32x4.splat(seedLow), k1 = i32x4.splat(seedHigh);
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(m0, c0), low0 = i32x4.mul(m0, c0);
    const high2 = mulHigh(m2, c2), low2 = i32x4.mul(m2, c2);
    c0 = v128.xor(v128.xor(high2, c1), k0);
    c2 = v128.xor(v128.xor(high0, c3), k1);
    c1 = low2;
    c3 = low0;
    k0 = i32x4.add(k0, w0);
    k1 = i32x4.add(k1, w1);
  }
  // From a word to a lane to a block: the 4 x 4 transpose.
  const a = v128.shuffle<i32>(c0, c1, 0, 4, 1, 5), b = v128.shuffle<i32>(c0, c1, 2, 6, 3, 7);
  const c = v128.shuffle<i32>(c2, c3, 0, 4, 1, 5), d = v128.shuffle<i32>(c2, c3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(a, c, 0, 2));
  v128.store(to, v128.shuffle<i64>(a, c, 1, 3), 16);
  v128.store(to, v128.shuffle<i64>(b, d, 0, 2), 32);
  v128.store(to, v128.shuffle<i64>(b, d, 1, 3), 48);
}
