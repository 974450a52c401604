/**
 * Which weights dropout leaves, drawn anew wherever they are needed:
 *
 *   M[query, key] = the upper 24 bits of word key mod 4 of block row · ⌈Tk / 4⌉ + ⌊key / 4⌋  >=  below = ⌈p · 2^24⌉
 *
 * row = (b · H + h) · Tq + query; blocks are those of Philox (philox.as.ts). The lanes of a vector are the blocks of four queries
 * side by side, and its four words four keys: just what four rows of half a panel [Tk][8] take, without a transpose.
 */
import { philox4, word0, word1, word2, word3 } from "../../assembly/philox.as";

const LANES: usize = memory.data<i32>([0, 1, 2, 3]);

/** The first blocks of rows row … row + 3. `blocks`: ⌈Tk / 4⌉, those of a row. */
// @ts-ignore: decorator
@inline export function blocksOf(row: i32, blocks: i32): v128 {
  return i32x4.mul(i32x4.add(i32x4.splat(row), v128.load(LANES)), i32x4.splat(blocks));
}

/** M of one word of each of four blocks: a mask of bits. */
// @ts-ignore: decorator
@inline export function keep(word: v128, below: v128): v128 {
  return i32x4.ge_s(i32x4.shr_u(word, 8), below);
}

// @ts-ignore: decorator
@inline function dropFour(weights: usize, below: v128): void {
  v128.store(weights, v128.and(v128.load(weights), keep(word0, below)));
  v128.store(weights, v128.and(v128.load(weights, 32), keep(word1, below)), 32);
  v128.store(weights, v128.and(v128.load(weights, 64), keep(word2, below)), 64);
  v128.store(weights, v128.and(v128.load(weights, 96), keep(word3, below)), 96);
}

/**
 * Weights [count keys][8] ∘= M, for the queries of rows row … row + 7. `blocks`: ⌈Tk / 4⌉. Whole groups of four keys: the panel has
 * room for them.
 */
export function dropWeights(
  weights: usize, count: i32, row: i32, blocks: i32, below: i32, drawLow: i32, drawHigh: i32, seedLow: i32, seedHigh: i32,
): void {
  const limit = i32x4.splat(below), one = i32x4.splat(1);
  let low = blocksOf(row, blocks), high = blocksOf(row + 4, blocks);
  for (const end = weights + (<usize>count << 5); weights < end; weights += 128) {
    philox4(low, drawLow, drawHigh, seedLow, seedHigh);
    dropFour(weights, limit);
    philox4(high, drawLow, drawHigh, seedLow, seedHigh);
    dropFour(weights + 16, limit);
    low = i32x4.add(low, one);
    high = i32x4.add(high, one);
  }
}
