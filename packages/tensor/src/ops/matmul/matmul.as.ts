/**
 * Batched matrix product with an epilogue.
 *
 *   C[b] = f(A[b] · B[b] + bias + addend[b])        A [M, K], B [K, N], C and addend [M, N] contiguous, bias [N]; float32 sums
 *
 * `matmul_pack_f32` lays B out in panels of 8 columns, once for all tasks. `matmul_f32` then computes a block of
 * MC x NC of one C per task: it packs its rows of A, KC columns at a time, and runs the micro-kernel over the panels; the
 * blocks of K add to C in order; after the last one the task finishes its block (bias, activation) while it is in cache.
 * Up to three rows, where packing B would cost more than the product, are in matmul-rows.as.ts.
 *
 * A and B have any strides, in elements. Their batch dimensions come as words: [rank, sizes, strides of A, strides of B].
 * Tile sizes: KC <= 512 keeps a panel of A (12 KiB) and one of B (16 KiB) in L1; MC <= 96 a block of A (192 KiB) and NC <= 1024 one of
 * C (384 KiB) in L2, while all panels of B stream by. MC is a multiple of 12.
 * Source: https://pytorch.org/docs/stable/generated/torch.matmul.html; Goto and van de Geijn, 2008.
 */
export * from "./matmul-rows.as";
import { batchOffset } from "../../assembly/batch-offset.as";
import { finish } from "../../assembly/epilogue.as";
import { optional } from "../../assembly/optional.as";
import { pack8, packRows, panelBytes } from "../../assembly/panels.as";
import { flagBytes, freeSlots, giveSlot, takeSlot } from "../../assembly/slots.as";
import { TILE_COLUMNS, ROWS, TILE_BYTES, multiplyPanels } from "../../assembly/tiles.as";

/**
 * B [K, N] to `packed`: for each block of KC rows, panels [N / 8][KC][8].
 * A task packs `panels` panels of one block of K of one matrix; words: [rank, sizes, strides]. The first one frees the slots of the
 * step that follows.
 */
export function matmul_pack_f32(
  task: i32, b: usize, packed: usize, scratch: usize, slots: i32, n: i32, k: i32,
  columnStride: i32, kStride: i32, kc: i32, panels: i32, words: usize,
): void {
  if (task == 0) freeSlots(scratch, slots);
  const allPanels = (n + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const groups = (allPanels + panels - 1) / panels;
  const blocks = (k + kc - 1) / kc;
  const panel = (task % groups) * panels;
  const k0 = ((task / groups) % blocks) * kc;
  const matrix = task / groups / blocks;
  const depth = min(kc, k - k0);
  const column = panel * TILE_COLUMNS;
  const from = batchOffset(words, matrix, 1) + <usize>column * <usize>columnStride + <usize>k0 * <usize>kStride;
  const to = <usize>matrix * panelBytes(TILE_COLUMNS, n, k) + (<usize>k0 * <usize>allPanels + <usize>panel * <usize>depth) * 32;
  pack8(packed + to, <usize>depth * 32, b + (from << 2), columnStride, kStride, min(panels * TILE_COLUMNS, n - column), depth);
}

/**
 * A task computes `group` consecutive batch entries of one block of MC x NC. `scratch` holds the flags of `slots` slots, then
 * the slots, each with room for one tile and MC x KC floats. `bias`, `addend` (added to C, without an activation) and `pre` (the value before the activation) may be 0.
 */
export function matmul_f32(
  task: i32, a: usize, packed: usize, bias: optional, addend: optional, c: usize, pre: optional, scratch: usize, slots: i32, m: i32, n: i32, k: i32,
  rowStride: i32, kStride: i32, kc: i32, mc: i32, nc: i32, group: i32, batches: i32, activation: i32, words: usize,
): void {
  const chunks = (n + nc - 1) / nc;
  const rowBlocks = (m + mc - 1) / mc;
  const column = (task % chunks) * nc;
  const row = ((task / chunks) % rowBlocks) * mc;
  const first = (task / chunks / rowBlocks) * group;
  const rows = min(mc, m - row);
  const columns = min(nc, n - column);
  const allPanels = (n + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const slot = takeSlot(scratch, slots);
  const tileScratch = scratch + flagBytes(slots) + <usize>slot * (<usize>(mc * kc) * 4 + TILE_BYTES);
  const panelsOfA = tileScratch + TILE_BYTES;
  const ldc = <usize>n << 2;
  for (let entry = first, end = min(first + group, batches); entry < end; entry++) {
    const from = a + ((batchOffset(words, entry, 1) + <usize>row * <usize>rowStride) << 2);
    const panelsOfB = packed + batchOffset(words, entry, 2) * panelBytes(TILE_COLUMNS, n, k);
    const at = ((<usize>entry * <usize>m + <usize>row) * <usize>n + <usize>column) << 2;
    for (let k0 = 0; k0 < k; k0 += kc) {
      const depth = min(kc, k - k0);
      packRows(panelsOfA, <usize>depth * <usize>(ROWS << 2), from + ((<usize>k0 * <usize>kStride) << 2), rowStride, kStride, rows, depth);
      const block = panelsOfB + (<usize>k0 * <usize>allPanels + <usize>(column / TILE_COLUMNS) * <usize>depth) * 32;
      multiplyPanels(rows, columns, depth, panelsOfA, block, c + at, ldc, k0 > 0, tileScratch);
    }
    finish(
      c + at, pre ? pre + at : 0, ldc, rows, columns, bias ? bias + (<usize>column << 2) : 0, addend ? addend + at : 0, activation,
    );
  }
  giveSlot(scratch, slot);
}
