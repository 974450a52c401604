/**
 * Batched matrix product with an epilogue.
 *
 *   C[b] = f(A[b] · B[b] + bias + plus[b])        A [M, K], B [K, N], C and plus [M, N] contiguous, bias [N]; float32 sums
 *
 * Three kernels. `matmul_pack_f32` lays B out in panels of 8 columns, once for all tasks. `matmul_f32` then computes a block of
 * MC x NC of one C per task: it packs its rows of A, KC columns at a time, and runs the micro-kernel over the panels; the
 * blocks of K add to C in order; after the last one the task finishes its block (bias, activation) while it is in cache.
 * `matmul_rows_f32` serves up to three rows, where packing B would cost more than the product.
 *
 * A and B have any strides, in elements. Their batch dimensions come as words: [rank, sizes, strides of A, strides of B].
 * Tile sizes: KC <= 512 keeps a panel of A (12 KiB) and one of B (16 KiB) in L1; MC <= 96 a block of A (192 KiB) and NC <= 1024 one of
 * C (384 KiB) in L2, while all panels of B stream by. MC is a multiple of 12.
 * Source: https://pytorch.org/docs/stable/generated/torch.matmul.html; Goto and van de Geijn, 2008.
 */
import { finish } from "../../assembly/epilogue.as";
import { pack8, packRows, panelBytes } from "../../assembly/panels.as";
import { madd } from "../../assembly/simd.as";
import { flagBytes, freeSlots, giveSlot, takeSlot } from "../../assembly/slots.as";
import { COLUMNS, ROWS, TILE_BYTES, multiplyPanels } from "../../assembly/tiles.as";

/** Offset of batch entry `index`: `list` says which of the stride lists that follow the sizes. */
function batchOffset(words: usize, index: i32, list: i32): usize {
  const rank = load<i32>(words);
  let offset: usize = 0;
  for (let d = rank - 1; d >= 0; d--) {
    const at = words + (<usize>(d + 1) << 2);
    const size = load<i32>(at);
    offset += <usize>(index % size) * <usize>load<i32>(at + (<usize>(list * rank) << 2));
    index /= size;
  }
  return offset;
}

/**
 * B [K, N] to `packed`: for each block of KC rows, panels [N / 8][KC][8].
 * A task packs `panels` panels of one block of K of one matrix; words: [rank, sizes, strides]. The first one frees the slots of the
 * step that follows.
 */
export function matmul_pack_f32(
  task: i32, b: usize, packed: usize, scratch: usize, slots: i32, n: i32, k: i32,
  across: i32, along: i32, kc: i32, panels: i32, words: usize,
): void {
  if (task == 0) freeSlots(scratch, slots);
  const allPanels = (n + COLUMNS - 1) / COLUMNS;
  const groups = (allPanels + panels - 1) / panels;
  const blocks = (k + kc - 1) / kc;
  const panel = (task % groups) * panels;
  const k0 = ((task / groups) % blocks) * kc;
  const matrix = task / groups / blocks;
  const depth = min(kc, k - k0);
  const column = panel * COLUMNS;
  const from = batchOffset(words, matrix, 1) + <usize>column * <usize>across + <usize>k0 * <usize>along;
  const to = <usize>matrix * panelBytes(COLUMNS, n, k) + (<usize>k0 * <usize>allPanels + <usize>panel * <usize>depth) * 32;
  pack8(packed + to, <usize>depth * 32, b + (from << 2), across, along, min(panels * COLUMNS, n - column), depth);
}

/**
 * A task computes `group` consecutive batch entries of one block of MC x NC. `scratch` holds the flags of `slots` slots, then
 * the slots, each with room for one tile and MC x KC floats. `bias`, `plus` (added to C, without an activation) and `pre` (the value before the activation) may be 0.
 */
export function matmul_f32(
  task: i32, a: usize, packed: usize, bias: usize, plus: usize, c: usize, pre: usize, scratch: usize, slots: i32, m: i32, n: i32, k: i32,
  across: i32, along: i32, kc: i32, mc: i32, nc: i32, group: i32, batches: i32, activation: i32, words: usize,
): void {
  const chunks = (n + nc - 1) / nc;
  const rowBlocks = (m + mc - 1) / mc;
  const column = (task % chunks) * nc;
  const row = ((task / chunks) % rowBlocks) * mc;
  const first = (task / chunks / rowBlocks) * group;
  const rows = min(mc, m - row);
  const columns = min(nc, n - column);
  const allPanels = (n + COLUMNS - 1) / COLUMNS;
  const slot = takeSlot(scratch, slots);
  const tileScratch = scratch + flagBytes(slots) + <usize>slot * (<usize>(mc * kc) * 4 + TILE_BYTES);
  const panelsOfA = tileScratch + TILE_BYTES;
  const ldc = <usize>n << 2;
  for (let entry = first, end = min(first + group, batches); entry < end; entry++) {
    const from = a + ((batchOffset(words, entry, 1) + <usize>row * <usize>across) << 2);
    const panelsOfB = packed + batchOffset(words, entry, 2) * panelBytes(COLUMNS, n, k);
    const at = ((<usize>entry * <usize>m + <usize>row) * <usize>n + <usize>column) << 2;
    for (let k0 = 0; k0 < k; k0 += kc) {
      const depth = min(kc, k - k0);
      packRows(panelsOfA, <usize>depth * <usize>(ROWS << 2), from + ((<usize>k0 * <usize>along) << 2), across, along, rows, depth);
      const block = panelsOfB + (<usize>k0 * <usize>allPanels + <usize>(column / COLUMNS) * <usize>depth) * 32;
      multiplyPanels(rows, columns, depth, panelsOfA, block, c + at, ldc, k0 > 0, tileScratch);
    }
    finish(
      c + at, pre ? pre + at : 0, ldc, rows, columns, bias ? bias + (<usize>column << 2) : 0, plus ? plus + at : 0, activation,
    );
  }
  giveSlot(scratch, slot);
}

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

/** Σ_k a[k] b[k], both contiguous: eight partial sums. */
function dot(depth: i32, a: usize, b: usize): f32 {
  let even = f32x4.splat(0), odd = f32x4.splat(0);
  const end = a + (<usize>depth << 2);
  for (const vectors = a + (<usize>(depth & ~7) << 2); a != vectors; a += 32) {
    even = madd(v128.load(a), v128.load(b), even);
    odd = madd(v128.load(a, 16), v128.load(b, 16), odd);
    b += 32;
  }
  let sum = sumLanes(f32x4.add(even, odd));
  for (; a != end; a += 4) {
    sum += load<f32>(a) * load<f32>(b);
    b += 4;
  }
  return sum;
}

/**
 * Few rows: B is read once, in place, along its unit stride: `bAlong` = 1 (then A has `along` = 1 too) gives dot
 * products, `bAcross` = 1 sums of rows. A task computes `columns` columns of one batch entry.
 */
export function matmul_rows_f32(
  task: i32, a: usize, b: usize, bias: usize, plus: usize, c: usize, pre: usize, m: i32, n: i32, k: i32,
  across: i32, along: i32, bAcross: i32, bAlong: i32, columns: i32, activation: i32, words: usize,
): void {
  const chunks = (n + columns - 1) / columns;
  const entry = task / chunks;
  const column = (task % chunks) * columns;
  const width = min(columns, n - column);
  const ldc = <usize>n << 2;
  const at = ((<usize>entry * <usize>m * <usize>n) + <usize>column) << 2;
  a += batchOffset(words, entry, 1) << 2;
  b += (batchOffset(words, entry, 2) + <usize>column * <usize>bAcross) << 2;
  const rowOfA = <usize>across << 2, stepA = <usize>along << 2;
  if (bAcross == 1) {
    const stepB = <usize>bAlong << 2;
    for (let i = 0; i < m; i++) memory.fill(c + at + <usize>i * ldc, 0, <usize>width << 2);
    let p = 0;
    for (; p + 4 <= k; p += 4)
      for (let i = 0; i < m; i++)
        addRows4(width, a + <usize>i * rowOfA + <usize>p * stepA, stepA, b + <usize>p * stepB, stepB, c + at + <usize>i * ldc);
    for (; p < k; p++)
      for (let i = 0; i < m; i++)
        addRow(width, a + <usize>i * rowOfA + <usize>p * stepA, b + <usize>p * stepB, c + at + <usize>i * ldc);
  } else {
    for (let j = 0; j < width; j++)
      for (let i = 0; i < m; i++)
        store<f32>(c + at + <usize>i * ldc + (<usize>j << 2), dot(k, a + <usize>i * rowOfA, b + ((<usize>j * <usize>bAcross) << 2)));
  }
  finish(c + at, pre ? pre + at : 0, ldc, m, width, bias ? bias + (<usize>column << 2) : 0, plus ? plus + at : 0, activation);
}
