/**
 * Moves: strided copies into contiguous tensors or into strided ranges of them (cat, pad, the gradient of slice), and fills.
 *
 *   dst[i, j, …] = src[i, j, …]        any strides on both sides, negative ones too; elements of 4 bytes or 1
 *
 * `copy` walks rows along the last dim, which the planner has made as long as it can. `transpose` serves the case that rows
 * are not contiguous in src but some other dim is: squares of 64 x 64 elements through 4 x 4 register transposes, ordered so
 * that every cache line is used whole on both sides while it is near. Nothing is computed: results are equal bit for bit.
 * Words as in assembly/map.as.ts, with src as operand 0 and dst as operand 1.
 */
import { CHUNK, INNER, TOTAL, innerStride, rowOffset } from "../../assembly/map.as";

/** Bytes from which the engine's own copy is faster than a loop. */
// @ts-ignore: decorator
@inline const LONG: usize = 512;

// @ts-ignore: decorator
@inline function copyElement<T>(dst: usize, src: usize): void {
  store<T>(dst, load<T>(src));
}

/** One row of n elements; strides in bytes. */
function copyRow<T>(dst: usize, dstStep: isize, src: usize, srcStep: isize, n: i32): void {
  const one: isize = sizeof<T>();
  if (srcStep == one && dstStep == one) {
    const bytes = <usize>n * sizeof<T>();
    if (bytes >= LONG) {
      memory.copy(dst, src, bytes);
      return;
    }
    const end = dst + bytes;
    const vectors = dst + (bytes & ~15);
    while (dst != vectors) {
      v128.store(dst, v128.load(src));
      dst += 16;
      src += 16;
    }
    while (dst != end) {
      copyElement<T>(dst, src);
      dst += sizeof<T>();
      src += sizeof<T>();
    }
    return;
  }
  if (srcStep == 0 && dstStep == one) {
    fillRow<T>(dst, load<T>(src), n);
    return;
  }
  while (n >= 4) {
    copyElement<T>(dst, src);
    copyElement<T>(dst + dstStep, src + srcStep);
    copyElement<T>(dst + 2 * dstStep, src + 2 * srcStep);
    copyElement<T>(dst + 3 * dstStep, src + 3 * srcStep);
    dst += 4 * dstStep;
    src += 4 * srcStep;
    n -= 4;
  }
  while (n > 0) {
    copyElement<T>(dst, src);
    dst += dstStep;
    src += srcStep;
    n--;
  }
}

/** n equal elements. */
function fillRow<T>(dst: usize, value: T, n: i32): void {
  if (sizeof<T>() == 1) {
    memory.fill(dst, <u8>value, n);
    return;
  }
  const value4 = i32x4.splat(<i32>value);
  while (n >= 4) {
    v128.store(dst, value4);
    dst += 16;
    n -= 4;
  }
  while (n > 0) {
    store<T>(dst, value);
    dst += sizeof<T>();
    n--;
  }
}

/** A task copies elements [task · chunk, (task + 1) · chunk) of the walk; `dstStart` is an offset in elements. */
// @ts-ignore: decorator
@inline function copy<T>(task: i32, src: usize, dst: usize, dstStart: i32, words: usize): void {
  const inner = load<i32>(words + INNER), chunk = load<i32>(words + CHUNK);
  const srcStep = <isize>innerStride(words, 0) * sizeof<T>(), dstStep = <isize>innerStride(words, 1) * sizeof<T>();
  dst += <usize>dstStart * sizeof<T>();
  // The innermost outer dim is walked by adding; only when it wraps are the offsets worked out anew.
  const dims = load<i32>(words + 12);
  const lines = dims > 0 ? load<i32>(words + 16) : 1;
  const srcLine = dims > 0 ? <isize>load<i32>(words + 16 + (<usize>(dims + 1) << 2)) * sizeof<T>() : 0;
  const dstLine = dims > 0 ? <isize>load<i32>(words + 16 + (<usize>(2 * dims + 2) << 2)) * sizeof<T>() : 0;
  let i = task * chunk;
  const end = min(i + chunk, load<i32>(words + TOTAL));
  let row = i / inner, column = i % inner;
  let line = row % lines;
  let from = src + rowOffset(words, row, 0) * sizeof<T>();
  let to = dst + rowOffset(words, row, 1) * sizeof<T>();
  while (i < end) {
    const n = min(inner - column, end - i);
    copyRow<T>(to + <isize>column * dstStep, dstStep, from + <isize>column * srcStep, srcStep, n);
    i += n;
    row++;
    column = 0;
    if (++line < lines) {
      from += srcLine;
      to += dstLine;
    } else if (i < end) {
      line = 0;
      from = src + rowOffset(words, row, 0) * sizeof<T>();
      to = dst + rowOffset(words, row, 1) * sizeof<T>();
    }
  }
}

export function copy_4(task: i32, src: usize, dst: usize, dstStart: i32, words: usize): void {
  copy<u32>(task, src, dst, dstStart, words);
}

export function copy_1(task: i32, src: usize, dst: usize, dstStart: i32, words: usize): void {
  copy<u8>(task, src, dst, dstStart, words);
}

/** Elements along each side of a square that transposes work in. @shared */
// @ts-ignore: decorator
@inline const TRANSPOSE_SIDE: i32 = 64;

/** Four columns of four rows of src become four rows of dst; strides in bytes. */
// @ts-ignore: decorator
@inline function transpose4x4(src: usize, srcRow: usize, dst: usize, dstRow: usize): void {
  const a = v128.load(src), b = v128.load(src + srcRow), c = v128.load(src + 2 * srcRow), d = v128.load(src + 3 * srcRow);
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(dst, v128.shuffle<f64>(ab0, cd0, 0, 2));
  v128.store(dst + dstRow, v128.shuffle<f64>(ab0, cd0, 1, 3));
  v128.store(dst + 2 * dstRow, v128.shuffle<f64>(ab1, cd1, 0, 2));
  v128.store(dst + 3 * dstRow, v128.shuffle<f64>(ab1, cd1, 1, 3));
}

/** Sixteen by sixteen at a time: a cache line of each row on both sides, and few enough lines for the sets they share. */
function transposeSquare(src: usize, srcRow: isize, dst: usize, dstRow: isize, rows: i32, columns: i32): void {
  for (let c0 = 0; c0 < columns; c0 += 16) {
    const right = min(c0 + 16, columns);
    for (let r0 = 0; r0 < rows; r0 += 16) {
      const bottom = min(r0 + 16, rows);
      for (let r = r0; r < bottom; r += 4) {
        const tall = min(bottom - r, 4);
        let from = src + <isize>r * srcRow + (<isize>c0 << 2), to = dst + <isize>c0 * dstRow + (<isize>r << 2);
        for (let c = c0; c < right; c += 4) {
          const wide = min(right - c, 4);
          if (tall == 4 && wide == 4) {
            transpose4x4(from, srcRow, to, dstRow);
          } else {
            for (let i = 0; i < wide; i++) copyRow<u32>(to + <isize>i * dstRow, 4, from + (<isize>i << 2), srcRow, tall);
          }
          from += 16;
          to += 4 * dstRow;
        }
      }
    }
  }
}

/**
 * dst[c][r] = src[r][c] for each matrix of a batch. src is contiguous along c, dst along r.
 * Words: [rows, columns, squares in all, dims, batch sizes, src's stride of r, its batch strides, dst's stride of c, its batch
 * strides]. A task does `squares` of them.
 */
export function transpose_4(task: i32, src: usize, dst: usize, dstStart: i32, words: usize, squares: i32): void {
  const rows = load<i32>(words), columns = load<i32>(words + 4), total = load<i32>(words + 8);
  const srcRow = <isize>innerStride(words, 0) << 2, dstRow = <isize>innerStride(words, 1) << 2;
  const down = (rows + TRANSPOSE_SIDE - 1) / TRANSPOSE_SIDE, across = (columns + TRANSPOSE_SIDE - 1) / TRANSPOSE_SIDE;
  dst += <usize>dstStart << 2;
  let square = task * squares;
  const end = min(square + squares, total);
  for (; square < end; square++) {
    const matrix = square / (down * across);
    const r = ((square / across) % down) * TRANSPOSE_SIDE, c = (square % across) * TRANSPOSE_SIDE;
    const from = src + (rowOffset(words, matrix, 0) << 2) + <isize>r * srcRow + (<isize>c << 2);
    const to = dst + (rowOffset(words, matrix, 1) << 2) + <isize>c * dstRow + (<isize>r << 2);
    transposeSquare(from, srcRow, to, dstRow, min(rows - r, TRANSPOSE_SIDE), min(columns - c, TRANSPOSE_SIDE));
  }
}

/** dst[i] = value, given by its bits. A task fills `chunk` elements. */
export function fill_4(task: i32, dst: usize, bits: i32, total: i32, chunk: i32): void {
  const start = task * chunk;
  fillRow<u32>(dst + (<usize>start << 2), bits, min(chunk, total - start));
}

export function fill_1(task: i32, dst: usize, value: i32, total: i32, chunk: i32): void {
  const start = task * chunk;
  fillRow<u8>(dst + start, <u8>value, min(chunk, total - start));
}
