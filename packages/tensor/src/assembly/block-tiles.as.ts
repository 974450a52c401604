/**
 * Micro-kernels of block-sparse products: one tile of C = Σ over a list of blocks, A[:, block] · B[block, :].
 *
 *   A panel [depth][R]: R rows of A over the full depth, side by side for each k (panels.as.ts)
 *   B panel [blocks][b][W]: the W columns of each listed block, one block after the other
 *   indices: which block of A's depth meets each block of B; `jump` bytes of A's panel from block to block
 *   C tile: R rows of W floats, `ldc` bytes apart
 *
 * The accumulators stay in registers over the whole list and C is written once: only the pointer into A jumps. One flat loop,
 * with the "end of block?" branch first: nested loops, and most forms with the branch last, ran at half the speed (Node 20
 * and 22, not 24). Otherwise as in tiles.as.ts.
 *
 * The forms stand written out, here and in tiles.as.ts, and so do loops elsewhere in *.as.ts that differ in one line: sums stay in
 * registers only as locals with names of their own, AssemblyScript has no macros and no lists of locals to make those from one text, and
 * V8 moves what a flag chooses into the loop, or spills.
 */
import { madd } from "./simd.as";
import { ROWS } from "./tiles.as";

/** ROWS x 8, or ROWS x 4 when `wide` is false; `blocks` >= 1 of `size` each. */
// @ts-ignore: decorator
@inline export function blockTile(
  wide: bool, blocks: i32, size: i32, indices: usize, a: usize, jump: usize, b: usize, c: usize, ldc: usize,
): void {
  if (ROWS == 6) {
    if (wide) blocks6x8(blocks, size, indices, a, jump, b, c, ldc);
    else blocks6x4(blocks, size, indices, a, jump, b, c, ldc);
  } else {
    if (wide) blocks4x8(blocks, size, indices, a, jump, b, c, ldc);
    else blocks4x4(blocks, size, indices, a, jump, b, c, ldc);
  }
}

function blocks6x8(blocks: i32, size: i32, indices: usize, a: usize, jump: usize, b: usize, c: usize, ldc: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
  const step = <usize>size * 32;
  const end = b + step * <usize>blocks;
  let blockEnd = b + step;
  let at = a + <usize>load<i32>(indices) * jump;
  while (b != end) {
    if (b == blockEnd) {
      indices += 4;
      at = a + <usize>load<i32>(indices) * jump;
      blockEnd = b + step;
    }
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    const a0 = v128.load_splat<f32>(at);
    c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01);
    const a1 = v128.load_splat<f32>(at, 4);
    c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11);
    const a2 = v128.load_splat<f32>(at, 8);
    c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21);
    const a3 = v128.load_splat<f32>(at, 12);
    c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31);
    const a4 = v128.load_splat<f32>(at, 16);
    c40 = madd(a4, b0, c40); c41 = madd(a4, b1, c41);
    const a5 = v128.load_splat<f32>(at, 20);
    c50 = madd(a5, b0, c50); c51 = madd(a5, b1, c51);
    at += 24;
    b += 32;
  }
  v128.store(c, c00); v128.store(c, c01, 16); c += ldc;
  v128.store(c, c10); v128.store(c, c11, 16); c += ldc;
  v128.store(c, c20); v128.store(c, c21, 16); c += ldc;
  v128.store(c, c30); v128.store(c, c31, 16); c += ldc;
  v128.store(c, c40); v128.store(c, c41, 16); c += ldc;
  v128.store(c, c50); v128.store(c, c51, 16);
}

/** ROWS x 16 of the wide build: two panels of B, the second `far` bytes after the first, as in `tile6x16`. */
export function blocks6x16(
  blocks: i32, size: i32, indices: usize, a: usize, jump: usize, b: usize, far: usize, c: usize, ldc: usize,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0), c42 = f32x4.splat(0), c43 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0), c52 = f32x4.splat(0), c53 = f32x4.splat(0);
  const step = <usize>size * 32;
  const end = b + step * <usize>blocks;
  let blockEnd = b + step;
  let at = a + <usize>load<i32>(indices) * jump;
  while (b != end) {
    if (b == blockEnd) {
      indices += 4;
      at = a + <usize>load<i32>(indices) * jump;
      blockEnd = b + step;
    }
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b + far), b3 = v128.load(b + far, 16);
    const a0 = v128.load_splat<f32>(at);
    c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01); c02 = madd(a0, b2, c02); c03 = madd(a0, b3, c03);
    const a1 = v128.load_splat<f32>(at, 4);
    c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11); c12 = madd(a1, b2, c12); c13 = madd(a1, b3, c13);
    const a2 = v128.load_splat<f32>(at, 8);
    c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21); c22 = madd(a2, b2, c22); c23 = madd(a2, b3, c23);
    const a3 = v128.load_splat<f32>(at, 12);
    c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31); c32 = madd(a3, b2, c32); c33 = madd(a3, b3, c33);
    const a4 = v128.load_splat<f32>(at, 16);
    c40 = madd(a4, b0, c40); c41 = madd(a4, b1, c41); c42 = madd(a4, b2, c42); c43 = madd(a4, b3, c43);
    const a5 = v128.load_splat<f32>(at, 20);
    c50 = madd(a5, b0, c50); c51 = madd(a5, b1, c51); c52 = madd(a5, b2, c52); c53 = madd(a5, b3, c53);
    at += 24;
    b += 32;
  }
  v128.store(c, c00); v128.store(c, c01, 16); v128.store(c, c02, 32); v128.store(c, c03, 48); c += ldc;
  v128.store(c, c10); v128.store(c, c11, 16); v128.store(c, c12, 32); v128.store(c, c13, 48); c += ldc;
  v128.store(c, c20); v128.store(c, c21, 16); v128.store(c, c22, 32); v128.store(c, c23, 48); c += ldc;
  v128.store(c, c30); v128.store(c, c31, 16); v128.store(c, c32, 32); v128.store(c, c33, 48); c += ldc;
  v128.store(c, c40); v128.store(c, c41, 16); v128.store(c, c42, 32); v128.store(c, c43, 48); c += ldc;
  v128.store(c, c50); v128.store(c, c51, 16); v128.store(c, c52, 32); v128.store(c, c53, 48);
}

function blocks6x4(blocks: i32, size: i32, indices: usize, a: usize, jump: usize, b: usize, c: usize, ldc: usize): void {
  let c00 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c40 = f32x4.splat(0);
  let c50 = f32x4.splat(0);
  const step = <usize>size * 16;
  const end = b + step * <usize>blocks;
  let blockEnd = b + step;
  let at = a + <usize>load<i32>(indices) * jump;
  while (b != end) {
    if (b == blockEnd) {
      indices += 4;
      at = a + <usize>load<i32>(indices) * jump;
      blockEnd = b + step;
    }
    const b0 = v128.load(b);
    const a0 = v128.load_splat<f32>(at);
    c00 = madd(a0, b0, c00);
    const a1 = v128.load_splat<f32>(at, 4);
    c10 = madd(a1, b0, c10);
    const a2 = v128.load_splat<f32>(at, 8);
    c20 = madd(a2, b0, c20);
    const a3 = v128.load_splat<f32>(at, 12);
    c30 = madd(a3, b0, c30);
    const a4 = v128.load_splat<f32>(at, 16);
    c40 = madd(a4, b0, c40);
    const a5 = v128.load_splat<f32>(at, 20);
    c50 = madd(a5, b0, c50);
    at += 24;
    b += 16;
  }
  v128.store(c, c00); c += ldc;
  v128.store(c, c10); c += ldc;
  v128.store(c, c20); c += ldc;
  v128.store(c, c30); c += ldc;
  v128.store(c, c40); c += ldc;
  v128.store(c, c50);
}

function blocks4x8(blocks: i32, size: i32, indices: usize, a: usize, jump: usize, b: usize, c: usize, ldc: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  const step = <usize>size * 32;
  const end = b + step * <usize>blocks;
  let blockEnd = b + step;
  let at = a + <usize>load<i32>(indices) * jump;
  while (b != end) {
    if (b == blockEnd) {
      indices += 4;
      at = a + <usize>load<i32>(indices) * jump;
      blockEnd = b + step;
    }
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    const a0 = v128.load_splat<f32>(at);
    c00 = madd(a0, b0, c00); c01 = madd(a0, b1, c01);
    const a1 = v128.load_splat<f32>(at, 4);
    c10 = madd(a1, b0, c10); c11 = madd(a1, b1, c11);
    const a2 = v128.load_splat<f32>(at, 8);
    c20 = madd(a2, b0, c20); c21 = madd(a2, b1, c21);
    const a3 = v128.load_splat<f32>(at, 12);
    c30 = madd(a3, b0, c30); c31 = madd(a3, b1, c31);
    at += 16;
    b += 32;
  }
  v128.store(c, c00); v128.store(c, c01, 16); c += ldc;
  v128.store(c, c10); v128.store(c, c11, 16); c += ldc;
  v128.store(c, c20); v128.store(c, c21, 16); c += ldc;
  v128.store(c, c30); v128.store(c, c31, 16);
}

function blocks4x4(blocks: i32, size: i32, indices: usize, a: usize, jump: usize, b: usize, c: usize, ldc: usize): void {
  let c00 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  const step = <usize>size * 16;
  const end = b + step * <usize>blocks;
  let blockEnd = b + step;
  let at = a + <usize>load<i32>(indices) * jump;
  while (b != end) {
    if (b == blockEnd) {
      indices += 4;
      at = a + <usize>load<i32>(indices) * jump;
      blockEnd = b + step;
    }
    const b0 = v128.load(b);
    const a0 = v128.load_splat<f32>(at);
    c00 = madd(a0, b0, c00);
    const a1 = v128.load_splat<f32>(at, 4);
    c10 = madd(a1, b0, c10);
    const a2 = v128.load_splat<f32>(at, 8);
    c20 = madd(a2, b0, c20);
    const a3 = v128.load_splat<f32>(at, 12);
    c30 = madd(a3, b0, c30);
    at += 16;
    b += 16;
  }
  v128.store(c, c00); c += ldc;
  v128.store(c, c10); c += ldc;
  v128.store(c, c20); c += ldc;
  v128.store(c, c30);
}
