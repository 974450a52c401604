/**
 * Packing: any strided matrix into panels, the operand format of the micro-kernels (tiles.as.ts).
 *
 *   dst[p][k][i] = src[(p·W + i)·across + k·along]      p < ceil(count / W), k < depth, i < W
 *
 * W rows of A (or columns of B) lie side by side for each k, so that a micro-kernel reads both operands front to back.
 * Lanes past `count` are zero. Strides are in elements: `across` from lane to lane, `along` from k to k. Whichever of them
 * is 1 is read in vectors (4 x 4 transposes when it is `along`), so NN, NT, TN and views all pack at the same speed.
 * Reading a strided operand in place instead costs more than this copy: cache lines are wasted and sets collide.
 */
import { storeLanes } from "./simd.as";

/** Bytes of the panels of a matrix. */
// @ts-ignore: decorator
@inline export function panelBytes(width: i32, count: i32, depth: i32): usize {
  return <usize>((count + width - 1) / width) * <usize>depth * <usize>(width << 2);
}

// @ts-ignore: decorator
@inline function transpose4(dst: usize, step: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(dst, v128.shuffle<f64>(ab0, cd0, 0, 2));
  v128.store(dst + step, v128.shuffle<f64>(ab0, cd0, 1, 3));
  v128.store(dst + 2 * step, v128.shuffle<f64>(ab1, cd1, 0, 2));
  v128.store(dst + 3 * step, v128.shuffle<f64>(ab1, cd1, 1, 3));
}

/** Two rows of 4 become 4 rows of 2. */
// @ts-ignore: decorator
@inline function transpose2(dst: usize, step: usize, a: v128, b: v128): void {
  const low = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const high = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  v128.store64_lane(dst, low, 0);
  v128.store64_lane(dst + step, low, 1);
  v128.store64_lane(dst + 2 * step, high, 0);
  v128.store64_lane(dst + 3 * step, high, 1);
}

/** Lanes one by one: edges and matrices without a unit stride. */
function packLanes(width: i32, dst: usize, src: usize, across: usize, along: usize, count: i32, depth: i32): void {
  for (let k = 0; k < depth; k++) {
    let from = src;
    for (let i = 0; i < count; i++) {
      store<f32>(dst + (<usize>i << 2), load<f32>(from));
      from += across;
    }
    for (let i = count; i < width; i++) store<f32>(dst + (<usize>i << 2), 0);
    src += along;
    dst += <usize>width << 2;
  }
}

/** One k of one panel, lanes side by side in `src`. */
// @ts-ignore: decorator
@inline function copyLanes(width: i32, dst: usize, src: usize): void {
  v128.store(dst, v128.load(src));
  if (width == 6) store<f64>(dst, load<f64>(src, 16), 16);
  if (width == 8) v128.store(dst, v128.load(src, 16), 16);
}

/** One full panel; strides in bytes. */
// @ts-ignore: decorator
@inline function packPanel(width: i32, dst: usize, src: usize, across: usize, along: usize, depth: i32): void {
  const step = <usize>width << 2;
  if (across == 4) {
    const end = dst + <usize>depth * step;
    while (dst != end) {
      copyLanes(width, dst, src);
      src += along;
      dst += step;
    }
  } else if (along == 4) {
    const end = dst + <usize>(depth & ~3) * step;
    while (dst != end) {
      const far = src + 4 * across;
      transpose4(dst, step, v128.load(src), v128.load(src + across), v128.load(src + 2 * across), v128.load(src + 3 * across));
      if (width == 6) transpose2(dst + 16, step, v128.load(far), v128.load(far + across));
      if (width == 8)
        transpose4(dst + 16, step, v128.load(far), v128.load(far + across), v128.load(far + 2 * across), v128.load(far + 3 * across));
      src += 16;
      dst += 4 * step;
    }
    packLanes(width, dst, src, across, along, width, depth & 3);
  } else packLanes(width, dst, src, across, along, width, depth);
}

/** Panels that are packed together where their lanes lie side by side. @shared */
// @ts-ignore: decorator
@inline const PANELS_SIDE_BY_SIDE: i32 = 4;

/** Four full panels whose lanes lie side by side in `src`: whole cache lines, which rows far apart would evict. */
// @ts-ignore: decorator
@inline function packFourPanels(width: i32, dst: usize, step: usize, src: usize, along: usize, depth: i32): void {
  const bytes = <usize>width << 2;
  const end = dst + <usize>depth * bytes;
  while (dst != end) {
    copyLanes(width, dst, src);
    copyLanes(width, dst + step, src + bytes);
    copyLanes(width, dst + 2 * step, src + 2 * bytes);
    copyLanes(width, dst + 3 * step, src + 3 * bytes);
    src += along;
    dst += bytes;
  }
}

// @ts-ignore: decorator
@inline function pack(width: i32, dst: usize, step: usize, src: usize, across: i32, along: i32, count: i32, depth: i32): void {
  const acrossBytes = <usize>across << 2;
  const alongBytes = <usize>along << 2;
  if (across == 1)
    while (count >= PANELS_SIDE_BY_SIDE * width) {
      packFourPanels(width, dst, step, src, alongBytes, depth);
      src += <usize>(PANELS_SIDE_BY_SIDE * width) << 2;
      dst += <usize>PANELS_SIDE_BY_SIDE * step;
      count -= PANELS_SIDE_BY_SIDE * width;
    }
  while (count >= width) {
    packPanel(width, dst, src, acrossBytes, alongBytes, depth);
    src += <usize>width * acrossBytes;
    dst += step;
    count -= width;
  }
  if (count > 0) packLanes(width, dst, src, acrossBytes, alongBytes, count, depth);
}

/** Panels of 4, `step` bytes apart. */
export function pack4(dst: usize, step: usize, src: usize, across: i32, along: i32, count: i32, depth: i32): void {
  pack(4, dst, step, src, across, along, count, depth);
}
/** Panels of 6, `step` bytes apart. */
export function pack6(dst: usize, step: usize, src: usize, across: i32, along: i32, count: i32, depth: i32): void {
  pack(6, dst, step, src, across, along, count, depth);
}
/** Panels of 8, `step` bytes apart: the right operand of every tile. */
export function pack8(dst: usize, step: usize, src: usize, across: i32, along: i32, count: i32, depth: i32): void {
  pack(8, dst, step, src, across, along, count, depth);
}
/** Panels of `ROWS`, `step` bytes apart: the left operand of `tile`. */
// @ts-ignore: decorator
@inline export function packRows(dst: usize, step: usize, src: usize, across: i32, along: i32, count: i32, depth: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) pack6(dst, step, src, across, along, count, depth);
  else pack4(dst, step, src, across, along, count, depth);
}

/** The way back for one panel of 8: dst[i][k] = src[k][i] · factors[i], i < count <= 8, rows of dst `row` bytes apart. */
export function unpack8(dst: usize, row: usize, src: usize, factors: usize, count: i32, depth: i32): void {
  const low = v128.load(factors), high = v128.load(factors, 16);
  for (; depth > 0; depth -= 4) {
    const lanes = min(depth, 4);
    unpack4(dst, row, src, low, min(count, 4), lanes);
    if (count > 4) unpack4(dst + 4 * row, row, src + 16, high, count - 4, lanes);
    src += 128;
    dst += 16;
  }
}

/** Up to 4 x 4 of `unpack8`. May read rows of `src` past `depth`: panels that it is used on are padded. */
function unpack4(dst: usize, row: usize, src: usize, factor: v128, count: i32, depth: i32): void {
  const a = f32x4.mul(v128.load(src), factor), b = f32x4.mul(v128.load(src, 32), factor);
  const c = f32x4.mul(v128.load(src, 64), factor), d = f32x4.mul(v128.load(src, 96), factor);
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  const r0 = v128.shuffle<f64>(ab0, cd0, 0, 2), r1 = v128.shuffle<f64>(ab0, cd0, 1, 3);
  const r2 = v128.shuffle<f64>(ab1, cd1, 0, 2), r3 = v128.shuffle<f64>(ab1, cd1, 1, 3);
  if (depth == 4) {
    v128.store(dst, r0);
    if (count > 1) v128.store(dst + row, r1);
    if (count > 2) v128.store(dst + 2 * row, r2);
    if (count > 3) v128.store(dst + 3 * row, r3);
  } else {
    storeLanes(dst, r0, 4, depth);
    if (count > 1) storeLanes(dst + row, r1, 4, depth);
    if (count > 2) storeLanes(dst + 2 * row, r2, 4, depth);
    if (count > 3) storeLanes(dst + 3 * row, r3, 4, depth);
  }
}
