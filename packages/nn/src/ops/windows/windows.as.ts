/**
 * Sums of windows that overlap, and the places of the largest elements of windows.
 *
 *   overlap_add      y[o, l·step + k·dilation, i] += x[o, k, l, i]      x in strides of its own, y contiguous and 0 before
 *   max_pool_indices y[p, r, c] = the place in plane p of the largest x in the window that starts at (r·sh − ph, c·sw − pw)
 *
 * overlap_add adds rows to rows: along l where windows lie side by side, else along i. An element's addends come in the order of k,
 * so no thread count changes a bit. A task of overlap_add does `chunk` lines, one of max_pool_indices `perTask` rows of its result.
 * After torch.nn.functional.fold and max_pool2d.
 */
import { CHUNK, INNER, TOTAL, innerStride, rowOffset } from "@tessera/tensor/assembly/map.as";

/** y += x over a row; steps in bytes. */
// @ts-ignore: decorator
@inline function addRow(y: usize, yStep: isize, x: usize, xStep: isize, n: i32): void {
  if (yStep == 4 && xStep == 4) {
    while (n >= 8) {
      const a = f32x4.add(v128.load(y), v128.load(x)), b = f32x4.add(v128.load(y, 16), v128.load(x, 16));
      v128.store(y, a);
      v128.store(y, b, 16);
      y += 32;
      x += 32;
      n -= 8;
    }
    if (n >= 4) {
      v128.store(y, f32x4.add(v128.load(y), v128.load(x)));
      y += 16;
      x += 16;
      n -= 4;
    }
  }
  while (n > 0) {
    store<f32>(y, load<f32>(y) + load<f32>(x));
    y += yStep;
    x += xStep;
    n--;
  }
}

/** Sets `chunk` of `bytes` bytes to 0. */
export function clear_bytes(task: i32, y: usize, bytes: i32, chunk: i32): void {
  const at = task * chunk;
  memory.fill(y + at, 0, min(chunk, bytes - at));
}

/**
 * The words walk the lines; operand 0 is y, operand 1 is x. A line has `size` times `rows` rows of `n` elements: row j of window
 * element k is `yShift · k + yRow · j` elements on in y and `xShift · k + xRow · j` in x, where elements are `yStep` and `xStep` apart.
 */
export function overlap_add_f32(
  task: i32, x: usize, y: usize, words: usize, size: i32, rows: i32, n: i32,
  xShift: i32, xRow: i32, xStep: i32, yShift: i32, yRow: i32, yStep: i32,
): void {
  const inner = load<i32>(words + INNER), chunk = load<i32>(words + CHUNK);
  const yLine = <isize>innerStride(words, 0) << 2, xLine = <isize>innerStride(words, 1) << 2;
  let line = task * chunk;
  const end = min(line + chunk, load<i32>(words + TOTAL));
  while (line < end) {
    const row = line / inner, column = line % inner;
    const width = min(inner - column, end - line);
    let to = y + (rowOffset(words, row, 0) << 2) + <isize>column * yLine;
    let from = x + (rowOffset(words, row, 1) << 2) + <isize>column * xLine;
    for (let w = 0; w < width; w++) {
      for (let k = 0; k < size; k++) {
        let a = to + (<isize>k * <isize>yShift << 2), b = from + (<isize>k * <isize>xShift << 2);
        for (let j = 0; j < rows; j++) {
          addRow(a, <isize>yStep << 2, b, <isize>xStep << 2, n);
          a += <isize>yRow << 2;
          b += <isize>xRow << 2;
        }
      }
      to += yLine;
      from += xLine;
    }
    line += width;
  }
}

/** The first element of a window that is not before the dim. */
// @ts-ignore: decorator
@inline function firstInside(start: i32, dilation: i32): i32 {
  return start < 0 ? (dilation - 1 - start) / dilation : 0;
}

/** Behind the last element of a window that is within a dim of n. */
// @ts-ignore: decorator
@inline function endInside(start: i32, dilation: i32, size: i32, n: i32): i32 {
  return min(size, (n - start + dilation - 1) / dilation);
}

/** Whether a larger value, or another NaN, takes the place of the best one so far. */
// @ts-ignore: decorator
@inline function wins(v: v128, best: v128): v128 {
  return v128.or(f32x4.gt(v, best), f32x4.ne(v, v));
}

/** Elements 0, s, 2s and 3s on for a stride of 1 or 2; reads none behind the last. */
// @ts-ignore: decorator
@inline function loadStrided(at: usize, twice: bool): v128 {
  if (!twice) return v128.load(at);
  return v128.shuffle<f32>(v128.load(at), v128.load(at, 12), 0, 2, 5, 7);
}

/** The places of four windows side by side that lie within their plane's columns. */
// @ts-ignore: decorator
@inline function fourWindows(
  twice: bool, plane: usize, to: usize, first: i32, firstRow: i32, endRow: i32, kw: i32, down: i32, across: i32,
): void {
  let place = i32x4.add(i32x4.splat(first), twice ? i32x4(0, 2, 4, 6) : i32x4(0, 1, 2, 3));
  const steps = i32x4.splat(across);
  let best = loadStrided(plane + (<usize>first << 2), twice);
  let line = place;
  for (let i = firstRow; i < endRow; i++) {
    let at = plane + (<usize>(first + (i - firstRow) * down) << 2);
    let now = line;
    for (let j = 0; j < kw; j++) {
      const v = loadStrided(at, twice);
      const taken = wins(v, best);
      best = v128.bitselect(v, best, taken);
      place = v128.bitselect(now, place, taken);
      now = i32x4.add(now, steps);
      at += <usize>across << 2;
    }
    line = i32x4.add(line, i32x4.splat(down));
  }
  v128.store(to, place);
}

/** x [planes, height, width] to y [planes, down, across]; `total` rows of y in all. */
export function max_pool_indices_f32(
  task: i32, x: usize, y: usize, height: i32, width: i32, down: i32, across: i32, kh: i32, kw: i32, sh: i32, sw: i32,
  ph: i32, pw: i32, dh: i32, dw: i32, total: i32, perTask: i32,
): void {
  const end = min((task + 1) * perTask, total);
  const reach = 3 * sw + (kw - 1) * dw;
  for (let row = task * perTask; row < end; row++) {
    const plane = x + (<usize>(row / down) * <usize>(height * width) << 2);
    const top = row % down * sh - ph;
    const firstRow = firstInside(top, dh), endRow = endInside(top, dh, kh, height);
    const start = (top + firstRow * dh) * width;
    let to = y + (<usize>row * <usize>across << 2);
    for (let c = 0; c < across; ) {
      // The last four may be made in part for a second time.
      if (c + 4 > across && across >= 4 && pw == 0) {
        to -= <usize>(c + 4 - across) << 2;
        c = across - 4;
      }
      const left = c * sw - pw;
      if (sw <= 2 && left >= 0 && left + reach < width && c + 4 <= across) {
        if (sw == 2) fourWindows(true, plane, to, start + left, firstRow, endRow, kw, dh * width, dw);
        else fourWindows(false, plane, to, start + left, firstRow, endRow, kw, dh * width, dw);
        c += 4;
        to += 16;
        continue;
      }
      const firstColumn = firstInside(left, dw), endColumn = endInside(left, dw, kw, width);
      let place = start + left + firstColumn * dw;
      let best = load<f32>(plane + (<usize>place << 2));
      for (let i = firstRow; i < endRow; i++) {
        let at = (top + i * dh) * width + left + firstColumn * dw;
        for (let j = firstColumn; j < endColumn; j++) {
          const value = load<f32>(plane + (<usize>at << 2));
          const taken = value > best || value != value;
          best = select<f32>(value, best, taken);
          place = select<i32>(at, place, taken);
          at += dw;
        }
      }
      store<i32>(to, place);
      c++;
      to += 4;
    }
  }
}
