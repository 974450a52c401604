/**
 * Rows and elements by number.
 *
 *   select     y[o, k, :] = x[o, index[k], :]                  x [outer, n, inner], index [count], y [outer, count, inner]
 *   index_add  y[o, index[k], :] += source[o, k, :]            in the order of k; y holds its start already
 *   gather     y[…, k, …] = x[…, index[…, k, …], …]            index and y of one shape, contiguous
 *   scatter_add  y[…, index[…, k, …], …] += source[…, k, …]    in the order of k; index and source of one shape, contiguous
 *   one_hot    y[i, c] = (c = index[i])
 *
 * An index outside [0, n) is a fault. Sums run in the type of y. Tasks of the adding kernels own columns (index_add) or lines
 * (scatter_add) of y, each walks all of index for them: no two write one element, and the order of every sum is that of k.
 * After torch.nn.functional.embedding, torch.index_select, torch.index_add, torch.gather, torch.scatter_add.
 */
import { checkedIndex } from "../../assembly/fault.as";
import { CHUNK, INNER, TOTAL, innerStride, rowOffset } from "../../assembly/map.as";

/** Bytes from which the engine's own copy is faster than a loop. */
// @ts-ignore: decorator
@inline const LONG: usize = 1024;

// @ts-ignore: decorator
@inline function indexAt(index: usize, k: i32, n: i32): i32 {
  return checkedIndex(load<i32>(index + (<usize>k << 2)), n);
}

// @ts-ignore: decorator
@inline function copyRow<T>(dst: usize, src: usize, bytes: usize): void {
  if (bytes >= LONG) {
    memory.copy(dst, src, bytes);
    return;
  }
  const end = dst + bytes, vectors = dst + (bytes & ~15);
  while (dst != vectors) {
    v128.store(dst, v128.load(src));
    dst += 16;
    src += 16;
  }
  while (dst != end) {
    store<T>(dst, load<T>(src));
    dst += sizeof<T>();
    src += sizeof<T>();
  }
}

/** A task copies `perTask` of the `rows` = outer · count rows of y. */
// @ts-ignore: decorator
@inline function select<T>(
  task: i32, x: usize, index: usize, y: usize, n: i32, count: i32, inner: i32, rows: i32, perTask: i32,
): void {
  const bytes = <usize>inner * sizeof<T>(), plane = <usize>n * bytes;
  let row = task * perTask;
  const end = min(row + perTask, rows);
  let k = row % count;
  let from = x + <usize>(row / count) * plane;
  let to = y + <usize>row * bytes;
  for (; row < end; row++) {
    copyRow<T>(to, from + <usize>indexAt(index, k, n) * bytes, bytes);
    to += bytes;
    if (++k == count) {
      k = 0;
      from += plane;
    }
  }
}

export function select_4(
  task: i32, x: usize, index: usize, y: usize, n: i32, count: i32, inner: i32, rows: i32, perTask: i32,
): void {
  select<u32>(task, x, index, y, n, count, inner, rows, perTask);
}
export function select_1(
  task: i32, x: usize, index: usize, y: usize, n: i32, count: i32, inner: i32, rows: i32, perTask: i32,
): void {
  select<u8>(task, x, index, y, n, count, inner, rows, perTask);
}

// @ts-ignore: decorator
@inline function addRow<T>(to: usize, from: usize, n: i32): void {
  const end = to + (<usize>n << 2), vectors = to + (<usize>(n & ~3) << 2);
  while (to != vectors) {
    const a = v128.load(to), b = v128.load(from);
    v128.store(to, isFloat<T>() ? f32x4.add(a, b) : i32x4.add(a, b));
    to += 16;
    from += 16;
  }
  while (to != end) {
    store<T>(to, load<T>(to) + load<T>(from));
    to += 4;
    from += 4;
  }
}

/**
 * A task adds `columns` columns of `perTask` of the `outer` planes; tasks are counted over [planes, blocks of columns]. Rows
 * of index `skip` are left out: −1 for none.
 */
// @ts-ignore: decorator
@inline function indexAdd<T>(
  task: i32, index: usize, source: usize, y: usize,
  outer: i32, n: i32, count: i32, inner: i32, columns: i32, perTask: i32, skip: i32,
): void {
  const blocks = (inner + columns - 1) / columns;
  const column = (task % blocks) * columns, width = min(columns, inner - column);
  const bytes = <usize>inner << 2;
  let plane = (task / blocks) * perTask;
  const end = min(plane + perTask, outer);
  for (; plane < end; plane++) {
    const to = y + <usize>plane * <usize>n * bytes + (<usize>column << 2);
    let from = source + <usize>plane * <usize>count * bytes + (<usize>column << 2);
    for (let k = 0; k < count; k++) {
      const i = indexAt(index, k, n);
      if (i != skip) addRow<T>(to + <usize>i * bytes, from, width);
      from += bytes;
    }
  }
}

export function index_add_f32(
  task: i32, index: usize, source: usize, y: usize,
  outer: i32, n: i32, count: i32, inner: i32, columns: i32, perTask: i32, skip: i32,
): void {
  indexAdd<f32>(task, index, source, y, outer, n, count, inner, columns, perTask, skip);
}
export function index_add_i32(
  task: i32, index: usize, source: usize, y: usize,
  outer: i32, n: i32, count: i32, inner: i32, columns: i32, perTask: i32, skip: i32,
): void {
  indexAdd<i32>(task, index, source, y, outer, n, count, inner, columns, perTask, skip);
}

/**
 * The words (see assembly/map.as.ts) walk the shape of y; operand 0 is x, without its step of `along` elements in the dim
 * that is chosen from.
 */
// @ts-ignore: decorator
@inline function gather<T>(task: i32, x: usize, index: usize, y: usize, words: usize, n: i32, along: i32): void {
  const inner = load<i32>(words + INNER), chunk = load<i32>(words + CHUNK);
  const step = <isize>innerStride(words, 0) * sizeof<T>(), alongStep = <isize>along * sizeof<T>();
  let i = task * chunk;
  const end = min(i + chunk, load<i32>(words + TOTAL));
  let row = i / inner, column = i % inner;
  while (i < end) {
    const stop = i + min(inner - column, end - i);
    let from = x + rowOffset(words, row, 0) * sizeof<T>() + <isize>column * step;
    for (; i < stop; i++) {
      store<T>(y + <usize>i * sizeof<T>(), load<T>(from + <isize>indexAt(index, i, n) * alongStep));
      from += step;
    }
    row++;
    column = 0;
  }
}

export function gather_4(task: i32, x: usize, index: usize, y: usize, words: usize, n: i32, along: i32): void {
  gather<u32>(task, x, index, y, words, n, along);
}
export function gather_1(task: i32, x: usize, index: usize, y: usize, words: usize, n: i32, along: i32): void {
  gather<u8>(task, x, index, y, words, n, along);
}

// @ts-ignore: decorator
@inline function addElement<T>(y: usize, index: usize, source: usize, at: isize, n: i32, along: isize): void {
  const to = y + <isize>checkedIndex(load<i32>(index + at), n) * along;
  store<T>(to, load<T>(to) + load<T>(source + at));
}

/**
 * Lines run along the dim that is scattered to: `count` elements, `sourceAlong` apart in index and source, `along` in y. The
 * words walk the lines; operand 0 is y, operand 1 index and source. Lines side by side are taken together, one k at a time.
 */
// @ts-ignore: decorator
@inline function scatterAdd<T>(
  task: i32, index: usize, source: usize, y: usize, words: usize, n: i32, count: i32, along: i32, sourceAlong: i32,
): void {
  const inner = load<i32>(words + INNER), chunk = load<i32>(words + CHUNK);
  const yStep = <isize>innerStride(words, 0) << 2, step = <isize>innerStride(words, 1) << 2;
  const yAlong = <isize>along << 2, down = <isize>sourceAlong << 2;
  let line = task * chunk;
  const end = min(line + chunk, load<i32>(words + TOTAL));
  let row = line / inner, column = line % inner;
  while (line < end) {
    const width = min(inner - column, end - line);
    const to = y + (rowOffset(words, row, 0) << 2) + <isize>column * yStep;
    const from = (rowOffset(words, row, 1) << 2) + <isize>column * step;
    if (sourceAlong == 1) {
      for (let j = 0; j < width; j++) {
        const lineTo = to + <isize>j * yStep;
        let at = from + <isize>j * step;
        for (let k = 0; k < count; k++) {
          addElement<T>(lineTo, index, source, at, n, yAlong);
          at += down;
        }
      }
    } else {
      for (let k = 0; k < count; k++) {
        let at = from + <isize>k * down;
        let lineTo = to;
        for (let j = 0; j < width; j++) {
          addElement<T>(lineTo, index, source, at, n, yAlong);
          at += step;
          lineTo += yStep;
        }
      }
    }
    line += width;
    row++;
    column = 0;
  }
}

export function scatter_add_f32(
  task: i32, index: usize, source: usize, y: usize, words: usize, n: i32, count: i32, along: i32, sourceAlong: i32,
): void {
  scatterAdd<f32>(task, index, source, y, words, n, count, along, sourceAlong);
}
export function scatter_add_i32(
  task: i32, index: usize, source: usize, y: usize, words: usize, n: i32, count: i32, along: i32, sourceAlong: i32,
): void {
  scatterAdd<i32>(task, index, source, y, words, n, count, along, sourceAlong);
}

/** A task writes `perTask` of the rows. */
export function one_hot_i32(task: i32, index: usize, y: usize, classes: i32, rows: i32, perTask: i32): void {
  const start = task * perTask, end = min(start + perTask, rows);
  const bytes = <usize>classes << 2;
  let to = y + <usize>start * bytes;
  memory.fill(to, 0, <usize>(end - start) * bytes);
  for (let i = start; i < end; i++) {
    store<i32>(to + (<usize>indexAt(index, i, classes) << 2), 1);
    to += bytes;
  }
}
