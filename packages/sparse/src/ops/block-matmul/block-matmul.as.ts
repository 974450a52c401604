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
 * blocks of a line one after the other (`block_pack_values_f32`), tokens to panels of ROWS over the full depth, so that a tile
 * of the result is one pass over its line with the sums in registers (`block_product_f32`). The third packs both sides in chunks
 * of KC tokens (X once for all tasks: `block_pack_features_f32`) and multiplies the two panels of each stored block
 * (`block_weight_gradient_f32`). Work is proportional to the number of stored blocks, whatever their size and place. float32
 * sums in order of the blocks of a line, or of the tokens.
 *
 * `blockIndex` is one list of int32s, in which crow, col, ccol, row and the permutation follow each other: see BlockIndex in
 * block-index.ts. Kernels are told where in it a segment begins.
 * After Gray, Radford and Kingma, "GPU Kernels for Block-Sparse Weights", 2017.
 */
import { blocks6x16, blockTile } from "@tessera/tensor/assembly/block-tiles.as";
import { finish } from "@tessera/tensor/assembly/epilogue.as";
import { optional } from "@tessera/tensor/assembly/optional.as";
import { pack4, pack6, pack8, packRows } from "@tessera/tensor/assembly/panels.as";
import { WIDE } from "@tessera/tensor/assembly/simd.as";
import { ROWS, TILE_BYTES, tile4x16, tile4x4, tile4x8, tile6x16, tile6x8 } from "@tessera/tensor/assembly/tiles.as";

/** Where a segment of an index is, which begins at its number `start`. */
// @ts-ignore: decorator
@inline function segment(blockIndex: usize, start: i32): usize {
  return blockIndex + (<usize>start << 2);
}

// @ts-ignore: decorator
@inline function index(list: usize, i: i32): i32 {
  return load<i32>(list + (<usize>i << 2));
}

/** Stored features of a line up to which two tiles fill a cache line of Y together: the values for both, 16 KiB, stay in L1. */
// @ts-ignore: decorator
@inline const LONGEST_IN_PAIRS: i32 = 256;

/** The smallest i in [0, count] with pointers[i] >= n; `count` when there is none. */
function lowerBound(pointers: usize, count: i32, n: i32): i32 {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (index(pointers, middle) < n) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where part `part` of `parts` of the lines begins, each with about as many blocks: lines of unequal population weigh what they hold. */
function firstLineOf(part: i32, parts: i32, pointers: usize, lines: i32): i32 {
  if (part <= 0) return 0;
  if (part >= parts) return lines;
  return lowerBound(pointers, lines, <i32>((<i64>index(pointers, lines) * <i64>part) / <i64>parts));
}

/** Floats before feature `f` of line `line` in the packed values: all sub-panels before it, each of `blocks` blocks. */
// @ts-ignore: decorator
@inline function packedAt(pointers: usize, line: i32, f: i32, blocks: i32, b: i32): usize {
  return (<usize>index(pointers, line) * <usize>b + <usize>f * <usize>blocks) * <usize>b;
}

/**
 * values to `packed` (as many floats): for each line, sub-panels of 8 (last 4 when b / 4 is odd) columns [blocks][b][8]. A task
 * packs one of `parts` parts of the lines. Forward: lines are block rows, and `pointersAt` is where crow begins. Input gradient
 * (`permuted`): lines are block columns, and it is where ccol begins; `permutationAt` is where the permutation does.
 */
export function block_pack_values_f32(
  task: i32, values: usize, packed: usize, blockIndex: usize, pointersAt: i32, permuted: i32, permutationAt: i32, lines: i32, b: i32,
  parts: i32,
): void {
  const pointers = segment(blockIndex, pointersAt);
  const permutation = permuted ? segment(blockIndex, permutationAt) : 0;
  const across = permutation ? 1 : b, along = permutation ? b : 1;
  const size = <usize>(b * b) << 2;
  const end = firstLineOf(task + 1, parts, pointers, lines);
  for (let line = firstLineOf(task, parts, pointers, lines); line < end; line++) {
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

/** `count` tokens of X [tokens, features] from `first` on to `packed` [count / ROWS][depth][ROWS], zero from `features` to `depth`. */
function packTokens(packed: usize, x: usize, first: i32, count: i32, features: i32, depth: i32): void {
  const step = <usize>depth * <usize>(ROWS << 2);
  packRows(packed, step, x + ((<usize>first * <usize>features) << 2), features, 1, count, features);
  if (features == depth) return;
  const used = <usize>features * <usize>(ROWS << 2);
  for (let i = 0; i < count; i += ROWS) {
    memory.fill(packed + used, 0, step - used);
    packed += step;
  }
}

/**
 * X [tokens, features] to `packed` [tokens / ROWS][depth][ROWS], depth a multiple of b: for products of few tokens, whose tasks
 * share it. A task packs `perTask` tokens, a multiple of 12; `packed` holds depth · (tokens rounded up to 12) floats.
 */
export function block_pack_tokens_f32(
  task: i32, x: usize, packed: usize, tokens: i32, features: i32, depth: i32, perTask: i32,
): void {
  const first = task * perTask;
  const to = packed + ((<usize>first * <usize>depth) << 2);
  packTokens(to, x, first, min(perTask, tokens - first), features, depth);
}

/** A tile that does not lie in Y as a whole: its valid part goes through `scratch`, ROWS x 8 floats. */
function edgeTile(
  wide: bool, blocks: i32, b: i32, indices: usize, a: usize, jump: usize, panel: usize, y: usize, ldc: usize, rows: i32, columns: i32,
  scratch: usize,
): void {
  blockTile(wide, blocks, b, indices, a, jump, panel, scratch, 32);
  for (let i = 0; i < rows; i++) memory.copy(y + <usize>i * ldc, scratch + (<usize>i << 5), <usize>columns << 2);
}

/** Y of `count` tokens and some lines, from their packed tokens at `a`; `y` is where the first token's row begins. */
function multiplyLines(
  firstLine: i32, endLine: i32, a: usize, packedValues: usize, pointers: usize, indices: usize, y: usize, count: i32, features: i32,
  depth: i32, b: i32, scratch: usize,
): void {
  const ldc = <usize>features << 2;
  const step = <usize>depth * <usize>(ROWS << 2);
  const jump = <usize>b * <usize>(ROWS << 2);
  for (let line = firstLine; line < endLine; line++) {
    const start = index(pointers, line), blocks = index(pointers, line + 1) - start;
    const list = indices + (<usize>start << 2);
    const width = min(b, features - line * b);
    if (blocks == 0) {
      const at = y + (<usize>(line * b) << 2);
      for (let i = 0; i < count; i++) memory.fill(at + <usize>i * ldc, 0, <usize>width << 2);
      continue;
    }
    const stepOfValues = <usize>(blocks * b) << 5;
    const together = WIDE || blocks * b <= LONGEST_IN_PAIRS ? 16 : 8;
    for (let f0 = 0; f0 < width; f0 += together) {
      const values = packedValues + (packedAt(pointers, line, f0, blocks, b) << 2);
      const fEnd = min(f0 + together, width);
      let tokens = a;
      let to = y + (<usize>(line * b + f0) << 2);
      for (let i = 0; i < count; i += ROWS) {
        const rows = min(count - i, ROWS);
        let panel = values, at = to;
        if (WIDE && rows == ROWS && fEnd - f0 == 16) {
          blocks6x16(blocks, b, list, tokens, jump, panel, stepOfValues, at, ldc);
          tokens += step;
          to += <usize>ROWS * ldc;
          continue;
        }
        for (let f = f0; f < fEnd; f += 8) {
          const wide = b - f >= 8;
          const columns = min(width - f, 8);
          const whole = columns == (wide ? 8 : 4);
          if (whole && rows == ROWS) blockTile(wide, blocks, b, list, tokens, jump, panel, at, ldc);
          else edgeTile(wide, blocks, b, list, tokens, jump, panel, at, ldc, rows, columns, scratch);
          panel += stepOfValues;
          at += 32;
        }
        tokens += step;
        to += <usize>ROWS * ldc;
      }
    }
  }
}

/**
 * Y [tokens, features] from packed values. A task computes `perTask` tokens of one of `parts` parts of the lines, tokens first,
 * `perGroup` tokens at a time (both multiples of 12). `x` [tokens, from] is packed by the task itself, group by group, into its
 * own `scratchFloats` of `scratch`: the panels never leave the cache. `x` is 0 where `packedTokens` has them already. The first
 * 96 floats of a task's scratch are for edge tiles. `pointersAt` and `indicesAt` are where crow and col begin (forward), or ccol and row (input gradient). `bias` and `pre` (the
 * value before the activation, laid out like Y) may be 0; activations as in epilogue.as.ts.
 */
export function block_product_f32(
  task: i32, x: optional, packedTokens: optional, packedValues: usize, blockIndex: usize, pointersAt: i32, indicesAt: i32,
  bias: optional, y: usize, pre: optional, scratch: usize, scratchFloats: i32, tokens: i32, from: i32, features: i32, depth: i32, lines: i32, b: i32, perTask: i32, perGroup: i32,
  parts: i32, activation: i32,
): void {
  const pointers = segment(blockIndex, pointersAt), indices = segment(blockIndex, indicesAt);
  const part = task % parts;
  const firstLine = firstLineOf(part, parts, pointers, lines), endLine = firstLineOf(part + 1, parts, pointers, lines);
  if (firstLine == endLine) return;
  const tileScratch = scratch + ((<usize>task * <usize>scratchFloats) << 2);
  const column = firstLine * b;
  const columns = min(endLine * b, features) - column;
  for (let first = (task / parts) * perTask, end = min(first + perTask, tokens); first < end; first += perGroup) {
    const count = min(perGroup, end - first);
    const panels = x ? tileScratch + TILE_BYTES : packedTokens + ((<usize>first * <usize>depth) << 2);
    if (x) packTokens(panels, x, first, count, from, depth);
    const rows = (<usize>first * <usize>features) << 2;
    multiplyLines(firstLine, endLine, panels, packedValues, pointers, indices, y + rows, count, features, depth, b, tileScratch);
    const at = rows + (<usize>column << 2);
    finish(y + at, pre ? pre + at : 0, <usize>features << 2, count, columns, bias ? bias + (<usize>column << 2) : 0, 0, activation);
  }
}

/**
 * X [tokens, features] to panels over the tokens, in chunks of `kc` tokens: [chunk][feature / 8][kc][8], where a block's features
 * make panels of 8 and, when b / 4 is odd, one of 4. Features are padded to a multiple of b with zeros, `blocks` · b in all. A
 * task packs `perTask` blocks of one chunk.
 */
export function block_pack_features_f32(
  task: i32, x: usize, packed: usize, tokens: i32, features: i32, blocks: i32, b: i32, kc: i32, perTask: i32,
): void {
  const groups = (blocks + perTask - 1) / perTask;
  const token = (task / groups) * kc;
  const depth = min(kc, tokens - token);
  const first = (task % groups) * perTask;
  const from = x + ((<usize>token * <usize>features) << 2);
  const chunk = packed + ((<usize>token * <usize>(blocks * b)) << 2);
  const eights = b & ~7;
  for (let block = first, end = min(first + perTask, blocks); block < end; block++) {
    const to = chunk + ((<usize>(block * b) * <usize>depth) << 2);
    packFeatures(8, to, from, block * b, eights, features, depth);
    packFeatures(4, to + ((<usize>eights * <usize>depth) << 2), from, block * b + eights, b - eights, features, depth);
  }
}

/** `count` features from `f` on to panels of 4, 6 or 8 at `to`; those past the last are zero. `from`: the chunk's first token. */
function packFeatures(width: i32, to: usize, from: usize, f: i32, count: i32, features: i32, depth: i32): void {
  if (count == 0) return;
  const step = <usize>(depth * width) << 2;
  const there = max(0, min(features - f, count));
  const src = from + (<usize>f << 2);
  if (width == 8) pack8(to, step, src, 1, features, there, depth);
  else if (width == 6) pack6(to, step, src, 1, features, there, depth);
  else pack4(to, step, src, 1, features, there, depth);
  const packed = <usize>((there + width - 1) / width) * step;
  memory.fill(to + packed, 0, <usize>(count / width) * step - packed);
}

/** The block row of block `n`: the last one that begins at or before it. */
// @ts-ignore: decorator
@inline function blockRowOf(crow: usize, rows: i32, n: i32): i32 {
  return lowerBound(crow, rows, n + 1) - 1;
}

/** Rows of a block that go in panels of 6, the widest tile that has registers; the others go in panels of 4. */
// @ts-ignore: decorator
@inline function rowsInSixes(b: i32): i32 {
  if (ROWS != 6 || b & 7) return 0;
  return b - (b % 6 == 4 ? 4 : b % 6 == 2 ? 8 : 0);
}

/** `rows` block rows of dY from feature `f` on to panels over `depth` tokens: for each row its panels of 6, then those of 4. */
function packBlockRows(to: usize, from: usize, f: i32, rows: i32, b: i32, features: i32, depth: i32): void {
  const sixes = rowsInSixes(b);
  const block = <usize>(b * depth) << 2;
  if (f + rows * b > features) {
    for (let r = 0; r < rows; r++) {
      packFeatures(6, to, from, f, sixes, features, depth);
      packFeatures(4, to + ((<usize>sixes * <usize>depth) << 2), from, f + sixes, b - sixes, features, depth);
      to += block;
      f += b;
    }
    return;
  }
  // Token by token: the rows of dY lie far apart, so what shares a cache line is read at once, and asked for four tokens ahead: by
  // an atomic load, the one load without a use that compilers keep.
  let src = from + (<usize>f << 2);
  const row = <usize>features << 2;
  const bytes = <usize>(rows * b) << 2;
  for (let k = 0; k < depth; k++) {
    if (k + 4 < depth)
      for (let ahead = src + 4 * row, end = ahead + bytes; ahead < end; ahead += 64) atomic.load<i32>(ahead);
    let read = src;
    for (let r = 0, panel = to; r < rows; r++, panel += block) {
      let dst = panel + <usize>(k * 24);
      for (let i = 0; i < sixes; i += 6) {
        v128.store(dst, v128.load(read));
        store<f64>(dst, load<f64>(read, 16), 16);
        dst += <usize>(depth * 24);
        read += 24;
      }
      dst = panel + ((<usize>sixes * <usize>depth) << 2) + <usize>(k << 4);
      for (let i = sixes; i < b; i += 4) {
        v128.store(dst, v128.load(read));
        dst += <usize>(depth << 4);
        read += 16;
      }
    }
    src += row;
  }
}

/** dst [b, b] (+)= a block row of packed dY · panels of X [b / 8][depth][8]. */
function multiplyBlock(dst: usize, dy: usize, x: usize, b: i32, depth: i32, accumulate: bool): void {
  const ldc = <usize>b << 2;
  const step = <usize>depth << 4;
  const sixes = rowsInSixes(b);
  let j = 0;
  if (WIDE) {
    for (; b - j >= 16; j += 16) {
      let a = dy;
      let to = dst + (<usize>j << 2);
      for (let i = 0; i < sixes; i += 6) {
        tile6x16(depth, a, x, step << 1, to, ldc, accumulate);
        a += <usize>depth * 24;
        to += 6 * ldc;
      }
      for (let i = sixes; i < b; i += 4) {
        tile4x16(depth, a, x, step << 1, to, ldc, accumulate);
        a += step;
        to += ldc << 2;
      }
      x += step << 2;
    }
  }
  for (; j < b; j += 8) {
    let a = dy;
    let to = dst + (<usize>j << 2);
    for (let i = 0; i < sixes; i += 6) {
      tile6x8(depth, a, x, to, ldc, accumulate);
      a += <usize>depth * 24;
      to += 6 * ldc;
    }
    for (let i = sixes; i < b; i += 4) {
      if (b - j >= 8) tile4x8(depth, a, x, to, ldc, accumulate);
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
 * dValues [nnz, b, b] from dY [tokens, out] and packed X, chunk by chunk. A task computes `perTask` consecutive stored blocks. It
 * packs its own block rows of dY, `rowsPerPack` at a time, into its `rowsPerPack` · b · kc floats of `scratch`. `rows` and
 * `columns` count the blocks of W, `out` and `inputs` its features; `crowAt` and `colAt` are where the segments begin.
 */
export function block_weight_gradient_f32(
  task: i32, dy: usize, packedX: usize, blockIndex: usize, crowAt: i32, colAt: i32, values: usize, scratch: usize, tokens: i32, out: i32, inputs: i32,
  rows: i32, columns: i32, b: i32, kc: i32, rowsPerPack: i32, blocks: i32, perTask: i32,
): void {
  const crow = segment(blockIndex, crowAt), col = segment(blockIndex, colAt);
  const first = task * perTask, end = min(first + perTask, blocks);
  const size = <usize>(b * b) << 2;
  if (tokens == 0) memory.fill(values + <usize>first * size, 0, <usize>(end - first) * size);
  const firstRow = blockRowOf(crow, rows, first), endRow = blockRowOf(crow, rows, end - 1) + 1;
  const panels = scratch + ((<usize>task * <usize>(rowsPerPack * b) * <usize>kc) << 2);
  for (let token = 0; token < tokens; token += kc) {
    const depth = min(kc, tokens - token);
    const from = dy + ((<usize>token * <usize>out) << 2);
    const chunkOfX = packedX + ((<usize>token * <usize>(columns * b)) << 2);
    const step = <usize>(b * depth) << 2;
    let packedRow = firstRow, packedEnd = firstRow;
    for (let n = first, r = firstRow; n < end; n++) {
      while (index(crow, r + 1) <= n) r++;
      if (r >= packedEnd) {
        packedRow = r;
        packedEnd = min(r + rowsPerPack, endRow);
        packBlockRows(panels, from, r * b, packedEnd - r, b, out, depth);
      }
      const panel = panels + <usize>(r - packedRow) * step;
      multiplyBlock(values + <usize>n * size, panel, chunkOfX + <usize>index(col, n) * step, b, depth, token > 0);
    }
  }
  for (let n = first, r = firstRow; n < end; n++) {
    while (index(crow, r + 1) <= n) r++;
    const height = min(b, out - r * b), width = min(b, inputs - index(col, n) * b);
    if (height < b || width < b) clearPadding(values + <usize>n * size, b, height, width);
  }
}
