/**
 * Products with a block-sparse weight W [out, in] of R x C blocks of b x b, b a multiple of 4 from 4 to 64:
 *
 *   forward           Y = f(X Wᵀ + bias)             X [tokens, in], Y [tokens, out]
 *   input gradient    dX = dY W
 *   weight gradient   dW = dYᵀ X at the stored blocks
 *
 * W is stored as values [nnz, b, b] in the order of its block rows: block row r holds blocks crow[r] … crow[r + 1] − 1, block
 * n lies in block column col[n]. The transposed walk goes over ccol, row and a permutation that gives each block's place in
 * `values`. Sizes that b does not divide are padded in `values` only: missing features of X and dY count as zero, missing
 * features of Y and dX are not written, and padded entries of dW are 0.
 *
 * The first two products are one kernel over "lines" (block rows, or block columns): values go to panels of 8 columns, all
 * blocks of a line one after the other (`block_pack_values_f32`), tokens to panels of ROWS over the full depth
 * (`block_pack_tokens_f32`), so that a tile of the result is one pass over its line with the sums in registers
 * (`block_product_f32`). The third packs both sides in chunks of KC tokens (`block_pack_features_f32`) and multiplies the two
 * panels of each stored block (`block_weight_gradient_f32`). Work is proportional to the number of stored blocks, whatever
 * their size and place. float32 sums in order of the blocks of a line, or of the tokens. Index arrays are int32.
 * After Gray, Radford and Kingma, "GPU Kernels for Block-Sparse Weights", 2017.
 */
import { blockTile } from "@tessera/tensor/assembly/block-tiles.as";
import { finish } from "@tessera/tensor/assembly/epilogue.as";
import { pack4, pack8, packRows } from "@tessera/tensor/assembly/panels.as";
import { ROWS, TILE_BYTES, tile4x4, tile4x8 } from "@tessera/tensor/assembly/tiles.as";

// @ts-ignore: decorator
@inline function index(list: usize, i: i32): i32 {
  return load<i32>(list + (<usize>i << 2));
}

/** Floats before feature `f` of line `line` in the packed values: all sub-panels before it, each of `blocks` blocks. */
// @ts-ignore: decorator
@inline function packedAt(pointers: usize, line: i32, f: i32, blocks: i32, b: i32): usize {
  return (<usize>index(pointers, line) * <usize>b + <usize>f * <usize>blocks) * <usize>b;
}

/**
 * values to `packed` (as many floats): for each line, sub-panels of 8 (last 4 when b / 4 is odd) columns [blocks][b][8]. A task
 * packs `perTask` lines. Forward: lines are block rows, `pointers` is crow, `permutation` 0. Input gradient: lines are block
 * columns, `pointers` is ccol.
 */
export function block_pack_values_f32(
  task: i32, values: usize, packed: usize, pointers: usize, permutation: usize, lines: i32, b: i32, perTask: i32,
): void {
  const across = permutation ? 1 : b, along = permutation ? b : 1;
  const size = <usize>(b * b) << 2;
  for (let line = task * perTask, end = min(line + perTask, lines); line < end; line++) {
    const first = index(pointers, line), blocks = index(pointers, line + 1) - first;
    for (let f = 0; f < b; f += 8) {
      let to = packed + (packedAt(pointers, line, f, blocks, b) << 2);
      for (let n = first; n < first + blocks; n++) {
        const from = values + <usize>(permutation ? index(permutation, n) : n) * size + (<usize>(f * across) << 2);
        if (b - f >= 8) pack8(to, 0, from, across, along, 8, b);
        else pack4(to, 0, from, across, along, 4, b);
        to += <usize>(b * min(b - f, 8)) << 2;
      }
    }
  }
}

/**
 * X [tokens, features] to `packed` [tokens / ROWS][depth][ROWS], zero from `features` to `depth`, a multiple of b. A task packs
 * `perTask` tokens, a multiple of 12; `packed` holds depth · (tokens rounded up to 12) floats. `across` steps from token to token,
 * `along` from feature to feature, in elements.
 */
export function block_pack_tokens_f32(
  task: i32, x: usize, packed: usize, tokens: i32, features: i32, depth: i32, across: i32, along: i32, perTask: i32,
): void {
  const first = task * perTask;
  const count = min(perTask, tokens - first);
  const step = <usize>depth * <usize>(ROWS << 2);
  let to = packed + <usize>(first / ROWS) * step;
  packRows(to, step, x + ((<usize>first * <usize>across) << 2), across, along, count, features);
  if (features == depth) return;
  const used = <usize>features * <usize>(ROWS << 2);
  for (let i = 0; i < count; i += ROWS) {
    memory.fill(to + used, 0, step - used);
    to += step;
  }
}

/** A tile that does not lie in Y as a whole: its valid part goes through `scratch`, ROWS x 8 floats. */
function edgeTile(
  wide: bool, blocks: i32, b: i32, indices: usize, a: usize, jump: usize, panel: usize, y: usize, ldc: usize, rows: i32, columns: i32,
  scratch: usize,
): void {
  blockTile(wide, blocks, b, indices, a, jump, panel, scratch, 32);
  for (let i = 0; i < rows; i++) memory.copy(y + <usize>i * ldc, scratch + (<usize>i << 5), <usize>columns << 2);
}

/**
 * Y [tokens, features] from packed tokens and values. A task computes `perTask` tokens (a multiple of 12) of `linesPerTask`
 * lines, tokens first; `scratch` holds 384 bytes for each task. `indices` is col (forward) or row (input gradient). `bias` and
 * `pre` (the value before the activation, laid out like Y) may be 0; activations as in epilogue.as.ts.
 */
export function block_product_f32(
  task: i32, packedTokens: usize, packedValues: usize, pointers: usize, indices: usize, bias: usize, y: usize, pre: usize, scratch: usize,
  tokens: i32, features: i32, depth: i32, lines: i32, b: i32, perTask: i32, linesPerTask: i32, activation: i32,
): void {
  const groups = (lines + linesPerTask - 1) / linesPerTask;
  const first = (task / groups) * perTask;
  const count = min(perTask, tokens - first);
  const firstLine = (task % groups) * linesPerTask, endLine = min(firstLine + linesPerTask, lines);
  const tileScratch = scratch + <usize>task * TILE_BYTES;
  const ldc = <usize>features << 2;
  const step = <usize>depth * <usize>(ROWS << 2);
  const panelsOfX = packedTokens + <usize>(first / ROWS) * step;
  const jump = <usize>b * <usize>(ROWS << 2);
  const block = y + ((<usize>first * <usize>features) << 2);
  for (let line = firstLine; line < endLine; line++) {
    const start = index(pointers, line), blocks = index(pointers, line + 1) - start;
    const list = indices + (<usize>start << 2);
    const width = min(b, features - line * b);
    if (blocks == 0) {
      const at = block + (<usize>(line * b) << 2);
      for (let i = 0; i < count; i++) memory.fill(at + <usize>i * ldc, 0, <usize>width << 2);
      continue;
    }
    for (let f = 0; f < width; f += 8) {
      const panel = packedValues + (packedAt(pointers, line, f, blocks, b) << 2);
      const wide = b - f >= 8;
      const columns = min(width - f, 8);
      const whole = columns == (wide ? 8 : 4);
      let a = panelsOfX;
      let to = block + (<usize>(line * b + f) << 2);
      for (let i = 0; i < count; i += ROWS) {
        const rows = min(count - i, ROWS);
        if (whole && rows == ROWS) blockTile(wide, blocks, b, list, a, jump, panel, to, ldc);
        else edgeTile(wide, blocks, b, list, a, jump, panel, to, ldc, rows, columns, tileScratch);
        a += step;
        to += <usize>ROWS * ldc;
      }
    }
  }
  const column = <usize>(firstLine * b) << 2;
  const columns = min(endLine * b, features) - firstLine * b;
  const at = (<usize>first * <usize>features << 2) + column;
  finish(y + at, pre ? pre + at : 0, ldc, count, columns, bias ? bias + column : 0, 0, activation);
}

/**
 * X or dY [tokens, features] to panels over the tokens, in chunks of `kc` tokens: [chunk][feature / width][kc][width], where a
 * block's features make panels of 8 and, when b / 4 is odd, one of 4 (`wide`), or panels of 4 only. Features are padded to a
 * multiple of b with zeros, `blocks` · b in all. A task packs `perTask` blocks of one chunk. `across` steps from token to token,
 * `along` from feature to feature.
 */
export function block_pack_features_f32(
  task: i32, x: usize, packed: usize, tokens: i32, features: i32, across: i32, along: i32, blocks: i32, b: i32, kc: i32, wide: i32,
  perTask: i32,
): void {
  const groups = (blocks + perTask - 1) / perTask;
  const token = (task / groups) * kc;
  const depth = min(kc, tokens - token);
  const first = (task % groups) * perTask;
  const from = x + ((<usize>token * <usize>across) << 2);
  const chunk = packed + ((<usize>token * <usize>(blocks * b)) << 2);
  for (let block = first, end = min(first + perTask, blocks); block < end; block++)
    if (wide) {
      const eights = b & ~7;
      packFeatures(8, chunk, from, along, across, block * b, eights, features, depth);
      if (eights < b) packFeatures(4, chunk, from, along, across, block * b + eights, 4, features, depth);
    } else packFeatures(4, chunk, from, along, across, block * b, b, features, depth);
}

/** `count` features from `f` on to their panels of 4 or 8; those past the last are zero. */
function packFeatures(width: i32, chunk: usize, from: usize, across: i32, along: i32, f: i32, count: i32, features: i32, depth: i32): void {
  if (count == 0) return;
  const to = chunk + ((<usize>f * <usize>depth) << 2);
  const step = <usize>(depth * width) << 2;
  const there = max(0, min(features - f, count));
  const src = from + ((<usize>f * <usize>across) << 2);
  if (width == 8) pack8(to, step, src, across, along, there, depth);
  else pack4(to, step, src, across, along, there, depth);
  const packed = <usize>((there + width - 1) / width) * step;
  memory.fill(to + packed, 0, <usize>(count / width) * step - packed);
}

/** The block row of block `n`: the largest r with crow[r] <= n and a block. */
function blockRowOf(crow: usize, rows: i32, n: i32): i32 {
  let low = 0, high = rows;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (index(crow, middle) <= n) low = middle;
    else high = middle;
  }
  return low;
}

/** dst [b, b] (+)= panels of dY [b / 4][depth][4] · panels of X [b / 8][depth][8]. */
function multiplyBlock(dst: usize, dy: usize, x: usize, b: i32, depth: i32, accumulate: bool): void {
  const ldc = <usize>b << 2;
  const step = <usize>depth << 4;
  for (let j = 0; j < b; j += 8) {
    const wide = b - j >= 8;
    let a = dy;
    let to = dst + (<usize>j << 2);
    for (let i = 0; i < b; i += 4) {
      if (wide) tile4x8(depth, a, x, to, ldc, accumulate);
      else tile4x4(depth, a, x, to, ldc, accumulate);
      a += step;
      to += ldc << 2;
    }
    x += step << 1;
  }
}

/** Padded entries of a block are 0 even where X or dY is not finite. */
function clearPadding(dst: usize, b: i32, rows: i32, columns: i32): void {
  const ldc = <usize>b << 2;
  for (let i = 0; i < b; i++) {
    const used = i < rows ? <usize>columns << 2 : 0;
    memory.fill(dst + used, 0, ldc - used);
    dst += ldc;
  }
}

/**
 * dValues [nnz, b, b] from both packed sides, chunk by chunk. A task computes `perTask` consecutive stored blocks.
 * `rows` and `columns` count the blocks of W, `out` and `inputs` its features.
 */
export function block_weight_gradient_f32(
  task: i32, packedDy: usize, packedX: usize, crow: usize, col: usize, values: usize, tokens: i32, out: i32, inputs: i32,
  rows: i32, columns: i32, b: i32, kc: i32, blocks: i32, perTask: i32,
): void {
  const first = task * perTask, end = min(first + perTask, blocks);
  const size = <usize>(b * b) << 2;
  if (tokens == 0) memory.fill(values + <usize>first * size, 0, <usize>(end - first) * size);
  const firstRow = blockRowOf(crow, rows, first);
  for (let token = 0; token < tokens; token += kc) {
    const depth = min(kc, tokens - token);
    const chunkOfDy = packedDy + ((<usize>token * <usize>(rows * b)) << 2);
    const chunkOfX = packedX + ((<usize>token * <usize>(columns * b)) << 2);
    const step = <usize>(b * depth) << 2;
    for (let n = first, r = firstRow; n < end; n++) {
      while (index(crow, r + 1) <= n) r++;
      multiplyBlock(values + <usize>n * size, chunkOfDy + <usize>r * step, chunkOfX + <usize>index(col, n) * step, b, depth, token > 0);
    }
  }
  for (let n = first, r = firstRow; n < end; n++) {
    while (index(crow, r + 1) <= n) r++;
    const height = min(b, out - r * b), width = min(b, inputs - index(col, n) * b);
    if (height < b || width < b) clearPadding(values + <usize>n * size, b, height, width);
  }
}
