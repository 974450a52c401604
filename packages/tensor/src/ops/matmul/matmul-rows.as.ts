/**
 * The product of matmul.as.ts for up to three rows of A: B is read once, in place, along its unit stride, at the speed of memory.
 *
 *   columnStride = 1   sums of rows of B: C += a_k B[k], four rows a pass over C
 *   bKStride = 1       dot products; A has `aKStride` = 1 then, which `matmul_gather_f32` sees to
 *
 * A task computes `columns` columns of one batch entry over one part of `depth` rows of B. Rows of B that a task reads as a whole follow each
 * other in memory: at 768 x 3072 that is 1.7 times as fast as 96 columns of all rows, where the machine's prefetch starts anew at each row.
 * With more than one part, sums go to `partial` [batch][part][M][N], and `matmul_rows_sum_f32` adds them in order.
 */
import { batchOffset } from "../../assembly/batch-offset.as";
import { finish } from "../../assembly/epilogue.as";
import { optional } from "../../assembly/optional.as";
import { madd } from "../../assembly/simd.as";

/** c[j] += a[0] b[0][j] + … + a[3] b[3][j]: four rows of B, `step` bytes apart; `along` bytes between the factors. */
function addRows4(n: i32, a: usize, along: usize, b: usize, step: usize, c: usize): void {
  const a0 = v128.load_splat<f32>(a), a1 = v128.load_splat<f32>(a + along);
  const a2 = v128.load_splat<f32>(a + 2 * along), a3 = v128.load_splat<f32>(a + 3 * along);
  const end = c + (<usize>n << 2);
  for (const vectors = c + (<usize>(n & ~3) << 2); c != vectors; c += 16) {
    let sum = madd(a0, v128.load(b), v128.load(c));
    sum = madd(a1, v128.load(b + step), sum);
    sum = madd(a2, v128.load(b + 2 * step), sum);
    v128.store(c, madd(a3, v128.load(b + 3 * step), sum));
    b += 16;
  }
  for (; c != end; c += 4) {
    let sum = madd(a0, v128.load_splat<f32>(b), v128.load_splat<f32>(c));
    sum = madd(a1, v128.load_splat<f32>(b + step), sum);
    sum = madd(a2, v128.load_splat<f32>(b + 2 * step), sum);
    v128.store32_lane(c, madd(a3, v128.load_splat<f32>(b + 3 * step), sum), 0);
    b += 4;
  }
}

/** c[j] += a b[j]. */
function addRow(n: i32, a: usize, b: usize, c: usize): void {
  const factor = v128.load_splat<f32>(a);
  const end = c + (<usize>n << 2);
  for (const vectors = c + (<usize>(n & ~3) << 2); c != vectors; c += 16) {
    v128.store(c, madd(factor, v128.load(b), v128.load(c)));
    b += 16;
  }
  for (; c != end; c += 4) {
    v128.store32_lane(c, madd(factor, v128.load_splat<f32>(b), v128.load_splat<f32>(c)), 0);
    b += 4;
  }
}

/** Sum of the four lanes, in a fixed order. */
// @ts-ignore: decorator
@inline function sumLanes(x: v128): f32 {
  const pairs = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 2, 3));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** Σ_k a[k] b[k], both contiguous: sixteen partial sums, for two of four would wait for each other's additions, not for memory. */
function dot(depth: i32, a: usize, b: usize): f32 {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  const end = a + (<usize>depth << 2);
  for (const vectors = a + (<usize>(depth & ~15) << 2); a != vectors; a += 64) {
    s0 = madd(v128.load(a), v128.load(b), s0);
    s1 = madd(v128.load(a, 16), v128.load(b, 16), s1);
    s2 = madd(v128.load(a, 32), v128.load(b, 32), s2);
    s3 = madd(v128.load(a, 48), v128.load(b, 48), s3);
    b += 64;
  }
  let sum = sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  for (; a != end; a += 4) {
    sum += load<f32>(a) * load<f32>(b);
    b += 4;
  }
  return sum;
}

/** `partial` may be 0, with one part. */
export function matmul_rows_f32(
  task: i32, a: usize, b: usize, bias: optional, addend: optional, c: usize, pre: optional, partial: optional, m: i32, n: i32, k: i32,
  rowStride: i32, aKStride: i32, columnStride: i32, bKStride: i32, columns: i32, depth: i32, activation: i32, words: usize,
): void {
  const chunks = (n + columns - 1) / columns;
  const parts = partial ? (k + depth - 1) / depth : 1;
  const column = (task % chunks) * columns;
  const part = (task / chunks) % parts;
  const entry = task / chunks / parts;
  const width = min(columns, n - column);
  const k0 = part * depth, count = min(depth, k - k0);
  const ldc = <usize>n << 2;
  const at = ((<usize>entry * <usize>m * <usize>n) + <usize>column) << 2;
  const to = partial ? partial + (((<usize>(entry * parts + part) * <usize>m * <usize>n) + <usize>column) << 2) : c + at;
  a += (batchOffset(words, entry, 1) + <usize>k0 * <usize>aKStride) << 2;
  b += (batchOffset(words, entry, 2) + <usize>column * <usize>columnStride + <usize>k0 * <usize>bKStride) << 2;
  const rowOfA = <usize>rowStride << 2, stepA = <usize>aKStride << 2;
  if (columnStride == 1) {
    const stepB = <usize>bKStride << 2;
    for (let i = 0; i < m; i++) memory.fill(to + <usize>i * ldc, 0, <usize>width << 2);
    let p = 0;
    for (; p + 4 <= count; p += 4)
      for (let i = 0; i < m; i++)
        addRows4(width, a + <usize>i * rowOfA + <usize>p * stepA, stepA, b + <usize>p * stepB, stepB, to + <usize>i * ldc);
    for (; p < count; p++)
      for (let i = 0; i < m; i++)
        addRow(width, a + <usize>i * rowOfA + <usize>p * stepA, b + <usize>p * stepB, to + <usize>i * ldc);
  } else {
    for (let j = 0; j < width; j++)
      for (let i = 0; i < m; i++)
        store<f32>(to + <usize>i * ldc + (<usize>j << 2), dot(count, a + <usize>i * rowOfA, b + ((<usize>j * <usize>columnStride) << 2)));
  }
  if (!partial)
    finish(to, pre ? pre + at : 0, ldc, m, width, bias ? bias + (<usize>column << 2) : 0, addend ? addend + at : 0, activation);
}

/** to[j] = Σ_p from[p][j], rows of `from` `step` bytes apart. */
function sumParts(n: i32, parts: i32, from: usize, step: usize, to: usize): void {
  const end = to + (<usize>n << 2);
  for (const vectors = to + (<usize>(n & ~3) << 2); to != vectors; to += 16) {
    let sum = v128.load(from);
    for (let p = 1, at = from + step; p < parts; p++, at += step) sum = f32x4.add(sum, v128.load(at));
    v128.store(to, sum);
    from += 16;
  }
  for (; to != end; to += 4) {
    let sum = load<f32>(from);
    for (let p = 1, at = from + step; p < parts; p++, at += step) sum += load<f32>(at);
    store<f32>(to, sum);
    from += 4;
  }
}

/** Adds the parts that `matmul_rows_f32` left. A task finishes `columns` columns of one batch entry. */
export function matmul_rows_sum_f32(
  task: i32, partial: usize, bias: optional, addend: optional, c: usize, pre: optional, m: i32, n: i32, parts: i32, columns: i32, activation: i32,
): void {
  const chunks = (n + columns - 1) / columns;
  const entry = task / chunks;
  const column = (task % chunks) * columns;
  const width = min(columns, n - column);
  const ldc = <usize>n << 2, step = <usize>m * ldc;
  const at = <usize>entry * step + (<usize>column << 2);
  const from = partial + <usize>(entry * parts) * step + (<usize>column << 2);
  for (let i = 0; i < m; i++) sumParts(width, parts, from + <usize>i * ldc, step, c + at + <usize>i * ldc);
  finish(c + at, pre ? pre + at : 0, ldc, m, width, bias ? bias + (<usize>column << 2) : 0, addend ? addend + at : 0, activation);
}

/** A [batch][M][K] of any strides to contiguous rows: for dot products, which read vectors of both sides. A task copies `group` entries. */
export function matmul_gather_f32(
  task: i32, a: usize, to: usize, m: i32, k: i32, rowStride: i32, kStride: i32, group: i32, batches: i32, words: usize,
): void {
  const step = <usize>kStride << 2;
  const first = task * group;
  to += (<usize>first * <usize>m * <usize>k) << 2;
  for (let entry = first, end = min(first + group, batches); entry < end; entry++)
    for (let i = 0; i < m; i++) {
      let from = a + ((batchOffset(words, entry, 1) + <usize>i * <usize>rowStride) << 2);
      for (const rowEnd = to + (<usize>k << 2); to != rowEnd; to += 4) {
        store<f32>(to, load<f32>(from));
        from += step;
      }
    }
}
