/**
 * Micro-kernels of the matrix products: one small tile of C (+)= A · B, with A and B in panels (see panels.as.ts).
 *
 *   A panel [depth][R]: R rows of A side by side for each k     B panel [depth][8]: 8 columns of B side by side for each k
 *   C tile: R rows of 8 floats, `ldc` bytes apart; `accumulate` goes on from what is there
 *
 * Every sum runs over all k in order in one float32, whatever the blocks and tiles: a value depends on its inputs alone.
 * V8 has 15 usable vector registers: 6 x 8 with fma takes 12 + 2 + 1, 4 x 8 with a product 8 + 2 + 1 + 1; more would spill.
 * One k for each iteration and one flat loop: TurboFan reorders an unrolled body and spills. Nothing but stores after it, so
 * `accumulate` is settled before: adding C to the sums after the loop ran at half the speed in most forms (Node 20 and 22).
 * After Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008.
 */
import { madd, WIDE } from "./simd.as";

/** Rows of A in a tile of `tile`. */
// @ts-ignore: decorator
@inline export const ROWS: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4;
/** Columns of B in a tile. @shared */
// @ts-ignore: decorator
@inline export const TILE_COLUMNS: i32 = 8;
/** A multiple of `ROWS` in either variant: what planners round to. @shared */
// @ts-ignore: decorator
@inline export const ROUND: i32 = 12;
/** Bytes of the scratch for one tile at an edge of C. @shared */
// @ts-ignore: decorator
@inline export const TILE_BYTES: usize = 384;

/** 128 bytes of low memory that stay 0 (linear-memory.ts): where sums of the wide build start. */
// @ts-ignore: decorator
@inline const ZEROS: usize = 896;

/** ROWS x 8: the tile of dense products. */
// @ts-ignore: decorator
@inline export function tile(depth: i32, a: usize, b: usize, c: usize, ldc: usize, accumulate: bool): void {
  if (ASC_FEATURE_RELAXED_SIMD) tile6x8(depth, a, b, c, ldc, accumulate);
  else tile4x8(depth, a, b, c, ldc, accumulate);
}

export function tile6x8(depth: i32, a: usize, b: usize, c: usize, ldc: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
  if (WIDE || accumulate) {
    let from = c;
    let row = ldc;
    if (WIDE && !accumulate) {
      from = ZEROS;
      row = 0;
    }
    c00 = v128.load(from); c01 = v128.load(from, 16); from += row;
    c10 = v128.load(from); c11 = v128.load(from, 16); from += row;
    c20 = v128.load(from); c21 = v128.load(from, 16); from += row;
    c30 = v128.load(from); c31 = v128.load(from, 16); from += row;
    c40 = v128.load(from); c41 = v128.load(from, 16); from += row;
    c50 = v128.load(from); c51 = v128.load(from, 16);
  }
  const end = b + <usize>depth * 32;
  while (b != end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    const a0 = v128.load_splat<f32>(a);
    c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01);
    const a1 = v128.load_splat<f32>(a, 4);
    c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11);
    const a2 = v128.load_splat<f32>(a, 8);
    c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21);
    const a3 = v128.load_splat<f32>(a, 12);
    c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31);
    const a4 = v128.load_splat<f32>(a, 16);
    c40 = madd(a4, b0, c40); c41 = madd(a4, b1, c41);
    const a5 = v128.load_splat<f32>(a, 20);
    c50 = madd(a5, b0, c50); c51 = madd(a5, b1, c51);
    a += 24;
    b += 32;
  }
  v128.store(c, c00); v128.store(c, c01, 16); c += ldc;
  v128.store(c, c10); v128.store(c, c11, 16); c += ldc;
  v128.store(c, c20); v128.store(c, c21, 16); c += ldc;
  v128.store(c, c30); v128.store(c, c31, 16); c += ldc;
  v128.store(c, c40); v128.store(c, c41, 16); c += ldc;
  v128.store(c, c50); v128.store(c, c51, 16);
}

export function tile4x8(depth: i32, a: usize, b: usize, c: usize, ldc: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  if (accumulate) {
    let from = c;
    c00 = v128.load(from); c01 = v128.load(from, 16); from += ldc;
    c10 = v128.load(from); c11 = v128.load(from, 16); from += ldc;
    c20 = v128.load(from); c21 = v128.load(from, 16); from += ldc;
    c30 = v128.load(from); c31 = v128.load(from, 16);
  }
  const end = b + <usize>depth * 32;
  while (b != end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    const a0 = v128.load_splat<f32>(a);
    c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01);
    const a1 = v128.load_splat<f32>(a, 4);
    c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11);
    const a2 = v128.load_splat<f32>(a, 8);
    c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21);
    const a3 = v128.load_splat<f32>(a, 12);
    c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31);
    a += 16;
    b += 32;
  }
  v128.store(c, c00); v128.store(c, c01, 16); c += ldc;
  v128.store(c, c10); v128.store(c, c11, 16); c += ldc;
  v128.store(c, c20); v128.store(c, c21, 16); c += ldc;
  v128.store(c, c30); v128.store(c, c31, 16);
}

/**
 * ROWS x 16 of the wide build: two panels of B, the second `far` bytes after the first. As 128-bit operations the 24 accumulators would spill;
 * as 256-bit ones they are 12, and fit as those of 6 x 8 do. V8 pairs what is adjacent from the loads to the stores, sums that start from
 * memory too, where a branch between zeros and C would leave a pair of them apart, and spill.
 */
export function tile6x16(depth: i32, a: usize, b: usize, far: usize, c: usize, ldc: usize, accumulate: bool): void {
  let from = accumulate ? c : ZEROS;
  const row = accumulate ? ldc : 0;
  let c00 = v128.load(from), c01 = v128.load(from, 16), c02 = v128.load(from, 32), c03 = v128.load(from, 48); from += row;
  let c10 = v128.load(from), c11 = v128.load(from, 16), c12 = v128.load(from, 32), c13 = v128.load(from, 48); from += row;
  let c20 = v128.load(from), c21 = v128.load(from, 16), c22 = v128.load(from, 32), c23 = v128.load(from, 48); from += row;
  let c30 = v128.load(from), c31 = v128.load(from, 16), c32 = v128.load(from, 32), c33 = v128.load(from, 48); from += row;
  let c40 = v128.load(from), c41 = v128.load(from, 16), c42 = v128.load(from, 32), c43 = v128.load(from, 48); from += row;
  let c50 = v128.load(from), c51 = v128.load(from, 16), c52 = v128.load(from, 32), c53 = v128.load(from, 48);
  const end = b + <usize>depth * 32;
  while (b != end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b + far), b3 = v128.load(b + far, 16);
    const a0 = v128.load_splat<f32>(a);
    c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01); c02 = madd(a0, b2, c02); c03 = madd(a0, b3, c03);
    const a1 = v128.load_splat<f32>(a, 4);
    c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11); c12 = madd(a1, b2, c12); c13 = madd(a1, b3, c13);
    const a2 = v128.load_splat<f32>(a, 8);
    c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21); c22 = madd(a2, b2, c22); c23 = madd(a2, b3, c23);
    const a3 = v128.load_splat<f32>(a, 12);
    c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31); c32 = madd(a3, b2, c32); c33 = madd(a3, b3, c33);
    const a4 = v128.load_splat<f32>(a, 16);
    c40 = madd(a4, b0, c40); c41 = madd(a4, b1, c41); c42 = madd(a4, b2, c42); c43 = madd(a4, b3, c43);
    const a5 = v128.load_splat<f32>(a, 20);
    c50 = madd(a5, b0, c50); c51 = madd(a5, b1, c51); c52 = madd(a5, b2, c52); c53 = madd(a5, b3, c53);
    a += 24;
    b += 32;
  }
  v128.store(c, c00); v128.store(c, c01, 16); v128.store(c, c02, 32); v128.store(c, c03, 48); c += ldc;
  v128.store(c, c10); v128.store(c, c11, 16); v128.store(c, c12, 32); v128.store(c, c13, 48); c += ldc;
  v128.store(c, c20); v128.store(c, c21, 16); v128.store(c, c22, 32); v128.store(c, c23, 48); c += ldc;
  v128.store(c, c30); v128.store(c, c31, 16); v128.store(c, c32, 32); v128.store(c, c33, 48); c += ldc;
  v128.store(c, c40); v128.store(c, c41, 16); v128.store(c, c42, 32); v128.store(c, c43, 48); c += ldc;
  v128.store(c, c50); v128.store(c, c51, 16); v128.store(c, c52, 32); v128.store(c, c53, 48);
}

/** Like `tile6x16`, for rows of A in panels of 4. */
export function tile4x16(depth: i32, a: usize, b: usize, far: usize, c: usize, ldc: usize, accumulate: bool): void {
  let from = accumulate ? c : ZEROS;
  const row = accumulate ? ldc : 0;
  let c00 = v128.load(from), c01 = v128.load(from, 16), c02 = v128.load(from, 32), c03 = v128.load(from, 48); from += row;
  let c10 = v128.load(from), c11 = v128.load(from, 16), c12 = v128.load(from, 32), c13 = v128.load(from, 48); from += row;
  let c20 = v128.load(from), c21 = v128.load(from, 16), c22 = v128.load(from, 32), c23 = v128.load(from, 48); from += row;
  let c30 = v128.load(from), c31 = v128.load(from, 16), c32 = v128.load(from, 32), c33 = v128.load(from, 48);
  const end = b + <usize>depth * 32;
  while (b != end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b + far), b3 = v128.load(b + far, 16);
    const a0 = v128.load_splat<f32>(a);
    c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01); c02 = madd(a0, b2, c02); c03 = madd(a0, b3, c03);
    const a1 = v128.load_splat<f32>(a, 4);
    c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11); c12 = madd(a1, b2, c12); c13 = madd(a1, b3, c13);
    const a2 = v128.load_splat<f32>(a, 8);
    c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21); c22 = madd(a2, b2, c22); c23 = madd(a2, b3, c23);
    const a3 = v128.load_splat<f32>(a, 12);
    c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31); c32 = madd(a3, b2, c32); c33 = madd(a3, b3, c33);
    a += 16;
    b += 32;
  }
  v128.store(c, c00); v128.store(c, c01, 16); v128.store(c, c02, 32); v128.store(c, c03, 48); c += ldc;
  v128.store(c, c10); v128.store(c, c11, 16); v128.store(c, c12, 32); v128.store(c, c13, 48); c += ldc;
  v128.store(c, c20); v128.store(c, c21, 16); v128.store(c, c22, 32); v128.store(c, c23, 48); c += ldc;
  v128.store(c, c30); v128.store(c, c31, 16); v128.store(c, c32, 32); v128.store(c, c33, 48);
}

/** A tile at the edge of C: its valid part goes through `scratch`, ROWS x 8 floats. */
function edgeTile(
  depth: i32, a: usize, b: usize, c: usize, ldc: usize, accumulate: bool, rows: i32, columns: i32, scratch: usize,
): void {
  if (accumulate)
    for (let i = 0; i < rows; i++) memory.copy(scratch + (<usize>i << 5), c + <usize>i * ldc, <usize>columns << 2);
  tile(depth, a, b, scratch, 32, accumulate);
  for (let i = 0; i < rows; i++) memory.copy(c + <usize>i * ldc, scratch + (<usize>i << 5), <usize>columns << 2);
}

/**
 * C [rows, columns] (+)= A · B over one block of `depth`: panels of A [rows / ROWS][depth][ROWS], panels of B
 * [columns / 8][depth][8]. A panel of B stays in L1 while the panels of A stream from L2.
 */
export function multiplyPanels(
  rows: i32, columns: i32, depth: i32, a: usize, b: usize, c: usize, ldc: usize, accumulate: bool, scratch: usize,
): void {
  const stepA = <usize>depth * <usize>(ROWS << 2);
  const stepB = <usize>depth * 32;
  let j = 0;
  if (WIDE) {
    for (; columns - j >= 2 * TILE_COLUMNS && rows >= ROWS; j += 2 * TILE_COLUMNS) {
      let panel = a;
      let to = c + (<usize>j << 2);
      let i = 0;
      for (; rows - i >= ROWS; i += ROWS) {
        tile6x16(depth, panel, b, stepB, to, ldc, accumulate);
        panel += stepA;
        to += <usize>ROWS * ldc;
      }
      if (i < rows) {
        edgeTile(depth, panel, b, to, ldc, accumulate, rows - i, TILE_COLUMNS, scratch);
        edgeTile(depth, panel, b + stepB, to + 32, ldc, accumulate, rows - i, TILE_COLUMNS, scratch);
      }
      b += 2 * stepB;
    }
  }
  for (; j < columns; j += TILE_COLUMNS) {
    const width = min(columns - j, TILE_COLUMNS);
    let panel = a;
    let to = c + (<usize>j << 2);
    for (let i = 0; i < rows; i += ROWS) {
      const height = min(rows - i, ROWS);
      if (height == ROWS && width == TILE_COLUMNS) tile(depth, panel, b, to, ldc, accumulate);
      else edgeTile(depth, panel, b, to, ldc, accumulate, height, width, scratch);
      panel += stepA;
      to += <usize>ROWS * ldc;
    }
    b += stepB;
  }
}

/** Like `tile4x8`, for blocks whose size is no multiple of 8. */
export function tile4x4(depth: i32, a: usize, b: usize, c: usize, ldc: usize, accumulate: bool): void {
  let c0 = f32x4.splat(0), c1 = f32x4.splat(0), c2 = f32x4.splat(0), c3 = f32x4.splat(0);
  if (accumulate) {
    c0 = v128.load(c); c1 = v128.load(c + ldc); c2 = v128.load(c + 2 * ldc); c3 = v128.load(c + 3 * ldc);
  }
  const end = b + <usize>depth * 16;
  while (b != end) {
    const b0 = v128.load(b);
    c0 = madd(v128.load_splat<f32>(a), b0, c0);
    c1 = madd(v128.load_splat<f32>(a, 4), b0, c1);
    c2 = madd(v128.load_splat<f32>(a, 8), b0, c2);
    c3 = madd(v128.load_splat<f32>(a, 12), b0, c3);
    a += 16;
    b += 16;
  }
  v128.store(c, c0); v128.store(c + ldc, c1); v128.store(c + 2 * ldc, c2); v128.store(c + 3 * ldc, c3);
}
