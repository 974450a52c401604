/**
 * Reductions of x [outer, n, inner], contiguous, to y [outer, inner].
 *
 *   sum     y[o, i] = Σ_k x[o, k, i]        float32 in float64, so only the result is rounded; int32 in int64, and what int32 does not hold is a fault
 *   amax    y[o, i] = max_k x[o, k, i]      amin likewise; NaN wins
 *   argmax  the first k of the maximum, a NaN counting as the maximum
 *   cumsum  y[o, j, i] = Σ_{k <= j} x[o, k, i], or Σ_{k >= j} when `reverse`, in float64, or int64 as above
 *
 * `rows` kernels serve inner = 1, `columns` kernels the others: they walk down 16 columns at a time, a cache line of each row.
 * A long n is cut into parts of `span`; the parts' results go to scratch as [outer, parts, inner], and a second step reduces
 * those. Parts, tasks and the order of every sum follow from the shape. After torch.sum, torch.amax, torch.argmax, torch.cumsum.
 */
import { fault } from "../../assembly/fault.as";
import { accumulate, high64, loadLanes, low64, narrow64, storeLanes, sum64 } from "../../assembly/simd.as";

/** Σ x over n floats in a row: four pairs of float64, then their sum. */
function sumRow(x: usize, n: i32): f64 {
  let a = f64x2.splat(0), b = f64x2.splat(0), c = f64x2.splat(0), d = f64x2.splat(0);
  while (n >= 16) {
    a = accumulate(a, v128.load(x));
    b = accumulate(b, v128.load(x, 16));
    c = accumulate(c, v128.load(x, 32));
    d = accumulate(d, v128.load(x, 48));
    x += 64;
    n -= 16;
  }
  while (n >= 4) {
    a = accumulate(a, v128.load(x));
    x += 16;
    n -= 4;
  }
  let total = sum64(f64x2.add(f64x2.add(a, b), f64x2.add(c, d)));
  while (n > 0) {
    total += <f64>load<f32>(x);
    x += 4;
    n--;
  }
  return total;
}

/** A task sums `perTask` of the `units` parts of all rows: to y as float32, or `wide` to scratch as float64. */
export function sum_rows_f32(task: i32, x: usize, y: usize, n: i32, span: i32, units: i32, perTask: i32, wide: i32): void {
  const parts = (n + span - 1) / span;
  const end = min((task + 1) * perTask, units);
  for (let unit = task * perTask; unit < end; unit++) {
    const start = (unit % parts) * span;
    const total = sumRow(x + (<usize>(unit / parts) * <usize>n + <usize>start << 2), min(span, n - start));
    if (wide) store<f64>(y + (<usize>unit << 3), total);
    else store<f32>(y + (<usize>unit << 2), <f32>total);
  }
}

// @ts-ignore: decorator
@inline function store64(y: usize, low: v128, high: v128, wide: i32): void {
  if (wide) {
    v128.store(y, low);
    v128.store(y, high, 16);
  } else {
    v128.store(y, narrow64(low, high));
  }
}

/** Sums down `columns` columns of `n` rows, `step` bytes apart. */
function sumColumns(x: usize, step: usize, n: i32, y: usize, columns: i32, wide: i32): void {
  const size: usize = wide ? 8 : 4;
  while (columns >= 16) {
    let a0 = f64x2.splat(0), a1 = f64x2.splat(0), b0 = f64x2.splat(0), b1 = f64x2.splat(0);
    let c0 = f64x2.splat(0), c1 = f64x2.splat(0), d0 = f64x2.splat(0), d1 = f64x2.splat(0);
    let at = x;
    for (let k = 0; k < n; k++) {
      const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32), d = v128.load(at, 48);
      a0 = f64x2.add(a0, low64(a));
      a1 = f64x2.add(a1, high64(a));
      b0 = f64x2.add(b0, low64(b));
      b1 = f64x2.add(b1, high64(b));
      c0 = f64x2.add(c0, low64(c));
      c1 = f64x2.add(c1, high64(c));
      d0 = f64x2.add(d0, low64(d));
      d1 = f64x2.add(d1, high64(d));
      at += step;
    }
    store64(y, a0, a1, wide);
    store64(y + 4 * size, b0, b1, wide);
    store64(y + 8 * size, c0, c1, wide);
    store64(y + 12 * size, d0, d1, wide);
    x += 64;
    y += 16 * size;
    columns -= 16;
  }
  while (columns >= 4) {
    let low = f64x2.splat(0), high = f64x2.splat(0);
    let at = x;
    for (let k = 0; k < n; k++) {
      const v = v128.load(at);
      low = f64x2.add(low, low64(v));
      high = f64x2.add(high, high64(v));
      at += step;
    }
    store64(y, low, high, wide);
    x += 16;
    y += 4 * size;
    columns -= 4;
  }
  while (columns > 0) {
    let total: f64 = 0;
    let at = x;
    for (let k = 0; k < n; k++) {
      total += <f64>load<f32>(at);
      at += step;
    }
    if (wide) store<f64>(y, total);
    else store<f32>(y, <f32>total);
    x += 4;
    y += size;
    columns--;
  }
}

/** A task sums one part of `columns` columns; tasks are counted over [outer, parts, blocks of columns]. */
export function sum_columns_f32(task: i32, x: usize, y: usize, n: i32, inner: i32, span: i32, columns: i32, wide: i32): void {
  const blocks = (inner + columns - 1) / columns, parts = (n + span - 1) / span;
  const column = (task % blocks) * columns, unit = task / blocks;
  const start = (unit % parts) * span;
  const from = (<usize>(unit / parts) * <usize>n + <usize>start) * <usize>inner + <usize>column;
  const to = <usize>unit * <usize>inner + <usize>column;
  const at = y + (wide ? to << 3 : to << 2);
  sumColumns(x + (from << 2), <usize>inner << 2, min(span, n - start), at, min(columns, inner - column), wide);
}

/** y[o, i] = Σ_p partials[o, p, i]; a task computes `chunk` of the `total` elements of y. */
export function sum_parts_f32(task: i32, partials: usize, y: usize, parts: i32, inner: i32, total: i32, chunk: i32): void {
  const end = min((task + 1) * chunk, total);
  for (let i = task * chunk; i < end; i++) {
    let at = partials + (<usize>(i / inner) * <usize>parts * <usize>inner + <usize>(i % inner) << 3);
    let sum: f64 = 0;
    for (let p = 0; p < parts; p++) {
      sum += load<f64>(at);
      at += <usize>inner << 3;
    }
    store<f32>(y + (<usize>i << 2), <f32>sum);
  }
}

/** The int32 that a sum is; a fault where it is none. */
// @ts-ignore: decorator
@inline function narrowed(sum: i64): i32 {
  const small = <i32>sum;
  if (<i64>small != sum) fault(small);
  return small;
}

// @ts-ignore: decorator
@inline function storeSum(y: usize, sum: i64, wide: i32): void {
  if (wide) store<i64>(y, sum);
  else store<i32>(y, narrowed(sum));
}

/** Σ x over n int32s in a row, exact. */
function sumRowI(x: usize, n: i32): i64 {
  let a = i64x2.splat(0), b = i64x2.splat(0);
  while (n >= 4) {
    const v = v128.load(x);
    a = i64x2.add(a, i64x2.extend_low_i32x4_s(v));
    b = i64x2.add(b, i64x2.extend_high_i32x4_s(v));
    x += 16;
    n -= 4;
  }
  a = i64x2.add(a, b);
  let total = i64x2.extract_lane(a, 0) + i64x2.extract_lane(a, 1);
  while (n > 0) {
    total += <i64>load<i32>(x);
    x += 4;
    n--;
  }
  return total;
}

/** As sum_rows_f32: to y as int32, or `wide` to scratch as int64. */
export function sum_rows_i32(task: i32, x: usize, y: usize, n: i32, span: i32, units: i32, perTask: i32, wide: i32): void {
  const parts = (n + span - 1) / span;
  const end = min((task + 1) * perTask, units);
  for (let unit = task * perTask; unit < end; unit++) {
    const start = (unit % parts) * span;
    const total = sumRowI(x + (<usize>(unit / parts) * <usize>n + <usize>start << 2), min(span, n - start));
    storeSum(y + (wide ? <usize>unit << 3 : <usize>unit << 2), total, wide);
  }
}

/** As sum_columns_f32. */
export function sum_columns_i32(task: i32, x: usize, y: usize, n: i32, inner: i32, span: i32, columns: i32, wide: i32): void {
  const blocks = (inner + columns - 1) / columns, parts = (n + span - 1) / span;
  const column = (task % blocks) * columns, unit = task / blocks;
  const start = (unit % parts) * span, rows = min(span, n - start);
  const step = <usize>inner << 2, size: usize = wide ? 8 : 4;
  let width = min(columns, inner - column);
  x += (<usize>(unit / parts) * <usize>n + <usize>start) * step + (<usize>column << 2);
  y += (<usize>unit * <usize>inner + <usize>column) * size;
  while (width >= 8) {
    let a = i64x2.splat(0), b = i64x2.splat(0), c = i64x2.splat(0), d = i64x2.splat(0);
    let at = x;
    for (let k = 0; k < rows; k++) {
      const low = v128.load(at), high = v128.load(at, 16);
      a = i64x2.add(a, i64x2.extend_low_i32x4_s(low));
      b = i64x2.add(b, i64x2.extend_high_i32x4_s(low));
      c = i64x2.add(c, i64x2.extend_low_i32x4_s(high));
      d = i64x2.add(d, i64x2.extend_high_i32x4_s(high));
      at += step;
    }
    storeSum(y, i64x2.extract_lane(a, 0), wide);
    storeSum(y + size, i64x2.extract_lane(a, 1), wide);
    storeSum(y + 2 * size, i64x2.extract_lane(b, 0), wide);
    storeSum(y + 3 * size, i64x2.extract_lane(b, 1), wide);
    storeSum(y + 4 * size, i64x2.extract_lane(c, 0), wide);
    storeSum(y + 5 * size, i64x2.extract_lane(c, 1), wide);
    storeSum(y + 6 * size, i64x2.extract_lane(d, 0), wide);
    storeSum(y + 7 * size, i64x2.extract_lane(d, 1), wide);
    x += 32;
    y += 8 * size;
    width -= 8;
  }
  while (width > 0) {
    let total: i64 = 0;
    let at = x;
    for (let k = 0; k < rows; k++) {
      total += <i64>load<i32>(at);
      at += step;
    }
    storeSum(y, total, wide);
    x += 4;
    y += size;
    width--;
  }
}

/** As sum_parts_f32. */
export function sum_parts_i32(task: i32, partials: usize, y: usize, parts: i32, inner: i32, total: i32, chunk: i32): void {
  const end = min((task + 1) * chunk, total);
  for (let i = task * chunk; i < end; i++) {
    let at = partials + (<usize>(i / inner) * <usize>parts * <usize>inner + <usize>(i % inner) << 3);
    let sum: i64 = 0;
    for (let p = 0; p < parts; p++) {
      sum += load<i64>(at);
      at += <usize>inner << 3;
    }
    store<i32>(y + (<usize>i << 2), narrowed(sum));
  }
}

// Folds: associative, so parts are combined by the same kernel. The operation is a type, see elementwise.as.ts.
class MaxF {} class MinF {} class MaxI {} class MinI {}

// @ts-ignore: decorator
@inline function is<A, B>(): bool {
  return idof<A>() == idof<B>();
}

/** What changes nothing: as bits, in all lanes. */
// @ts-ignore: decorator
@inline function neutral<F>(): v128 {
  if (is<F, MaxF>()) return i32x4.splat(0xff800000);
  if (is<F, MinF>()) return i32x4.splat(0x7f800000);
  if (is<F, MaxI>()) return i32x4.splat(i32.MIN_VALUE);
  return i32x4.splat(i32.MAX_VALUE);
}

// @ts-ignore: decorator
@inline function combine<F>(a: v128, b: v128): v128 {
  if (is<F, MaxF>()) return f32x4.max(a, b);
  if (is<F, MinF>()) return f32x4.min(a, b);
  if (is<F, MaxI>()) return i32x4.max_s(a, b);
  return i32x4.min_s(a, b);
}

// @ts-ignore: decorator
@inline function foldRow<F>(x: usize, n: i32): v128 {
  let a = neutral<F>(), b = a, c = a, d = a;
  while (n >= 16) {
    a = combine<F>(a, v128.load(x));
    b = combine<F>(b, v128.load(x, 16));
    c = combine<F>(c, v128.load(x, 32));
    d = combine<F>(d, v128.load(x, 48));
    x += 64;
    n -= 16;
  }
  while (n >= 4) {
    a = combine<F>(a, v128.load(x));
    x += 16;
    n -= 4;
  }
  while (n > 0) {
    b = combine<F>(b, v128.load32_lane(x, neutral<F>(), 0));
    x += 4;
    n--;
  }
  a = combine<F>(combine<F>(a, b), combine<F>(c, d));
  a = combine<F>(a, v128.shuffle<i64>(a, a, 1, 1));
  return combine<F>(a, v128.shuffle<i32>(a, a, 1, 1, 1, 1));
}

// @ts-ignore: decorator
@inline function foldRows<F>(task: i32, x: usize, y: usize, n: i32, span: i32, units: i32, perTask: i32): void {
  const parts = (n + span - 1) / span;
  const end = min((task + 1) * perTask, units);
  for (let unit = task * perTask; unit < end; unit++) {
    const start = (unit % parts) * span;
    const v = foldRow<F>(x + (<usize>(unit / parts) * <usize>n + <usize>start << 2), min(span, n - start));
    v128.store32_lane(y + (<usize>unit << 2), v, 0);
  }
}

// @ts-ignore: decorator
@inline function foldColumns<F>(task: i32, x: usize, y: usize, n: i32, inner: i32, span: i32, columns: i32): void {
  const blocks = (inner + columns - 1) / columns, parts = (n + span - 1) / span;
  const column = (task % blocks) * columns, unit = task / blocks;
  const start = (unit % parts) * span, step = <usize>inner << 2;
  const rows = min(span, n - start);
  let width = min(columns, inner - column);
  x += (<usize>(unit / parts) * <usize>n + <usize>start) * step + (<usize>column << 2);
  y += <usize>unit * step + (<usize>column << 2);
  while (width >= 16) {
    let a = neutral<F>(), b = a, c = a, d = a;
    let at = x;
    for (let k = 0; k < rows; k++) {
      a = combine<F>(a, v128.load(at));
      b = combine<F>(b, v128.load(at, 16));
      c = combine<F>(c, v128.load(at, 32));
      d = combine<F>(d, v128.load(at, 48));
      at += step;
    }
    v128.store(y, a);
    v128.store(y, b, 16);
    v128.store(y, c, 32);
    v128.store(y, d, 48);
    x += 64;
    y += 64;
    width -= 16;
  }
  while (width > 0) {
    const lanes = min(width, 4);
    let a = neutral<F>();
    let at = x;
    for (let k = 0; k < rows; k++) {
      a = combine<F>(a, loadLanes(at, 4, lanes));
      at += step;
    }
    storeLanes(y, a, 4, lanes);
    x += 16;
    y += 16;
    width -= lanes;
  }
}

export function amax_rows_f32(task: i32, x: usize, y: usize, n: i32, span: i32, units: i32, perTask: i32): void {
  foldRows<MaxF>(task, x, y, n, span, units, perTask);
}
export function amin_rows_f32(task: i32, x: usize, y: usize, n: i32, span: i32, units: i32, perTask: i32): void {
  foldRows<MinF>(task, x, y, n, span, units, perTask);
}
export function amax_rows_i32(task: i32, x: usize, y: usize, n: i32, span: i32, units: i32, perTask: i32): void {
  foldRows<MaxI>(task, x, y, n, span, units, perTask);
}
export function amin_rows_i32(task: i32, x: usize, y: usize, n: i32, span: i32, units: i32, perTask: i32): void {
  foldRows<MinI>(task, x, y, n, span, units, perTask);
}
export function amax_columns_f32(task: i32, x: usize, y: usize, n: i32, inner: i32, span: i32, columns: i32): void {
  foldColumns<MaxF>(task, x, y, n, inner, span, columns);
}
export function amin_columns_f32(task: i32, x: usize, y: usize, n: i32, inner: i32, span: i32, columns: i32): void {
  foldColumns<MinF>(task, x, y, n, inner, span, columns);
}
export function amax_columns_i32(task: i32, x: usize, y: usize, n: i32, inner: i32, span: i32, columns: i32): void {
  foldColumns<MaxI>(task, x, y, n, inner, span, columns);
}
export function amin_columns_i32(task: i32, x: usize, y: usize, n: i32, inner: i32, span: i32, columns: i32): void {
  foldColumns<MinI>(task, x, y, n, inner, span, columns);
}

/** Lanes that hold the maximum: NaN where it is NaN. */
// @ts-ignore: decorator
@inline function sameAs<F>(v: v128, best4: v128, isNaN4: v128): v128 {
  return is<F, MaxF>() ? v128.or(f32x4.eq(v, best4), v128.and(f32x4.ne(v, v), isNaN4)) : i32x4.eq(v, best4);
}

/** The first place in a row that holds its maximum, found in two passes: fold, then search. */
// @ts-ignore: decorator
@inline function argmaxRow<F>(x: usize, n: i32): i32 {
  const best = foldRow<F>(x, n);
  const best4 = v128.shuffle<i32>(best, best, 0, 0, 0, 0);
  const isNaN4 = is<F, MaxF>() ? f32x4.ne(best4, best4) : i32x4.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const mask = i32x4.bitmask(sameAs<F>(v128.load(x + (<usize>i << 2)), best4, isNaN4));
    if (mask != 0) return i + ctz(mask);
  }
  // The maximum is somewhere, so the lanes past the end, which are 0, can only match after it.
  return i + ctz(i32x4.bitmask(sameAs<F>(loadLanes(x + (<usize>i << 2), 4, n - i), best4, isNaN4)));
}

// @ts-ignore: decorator
@inline function argmaxRows<F>(task: i32, x: usize, y: usize, n: i32, units: i32, perTask: i32): void {
  const end = min((task + 1) * perTask, units);
  for (let row = task * perTask; row < end; row++)
    store<i32>(y + (<usize>row << 2), argmaxRow<F>(x + (<usize>row * <usize>n << 2), n));
}

export function argmax_rows_f32(task: i32, x: usize, y: usize, n: i32, units: i32, perTask: i32): void {
  argmaxRows<MaxF>(task, x, y, n, units, perTask);
}
export function argmax_rows_i32(task: i32, x: usize, y: usize, n: i32, units: i32, perTask: i32): void {
  argmaxRows<MaxI>(task, x, y, n, units, perTask);
}

/** Four columns at a time, keeping the best value and where it was. */
// @ts-ignore: decorator
@inline function argmaxColumns<F>(task: i32, x: usize, y: usize, n: i32, inner: i32, columns: i32): void {
  const blocks = (inner + columns - 1) / columns, step = <usize>inner << 2;
  const column = (task % blocks) * columns, outer = task / blocks;
  let width = min(columns, inner - column);
  x += <usize>outer * <usize>n * step + (<usize>column << 2);
  y += <usize>outer * step + (<usize>column << 2);
  while (width > 0) {
    const lanes = min(width, 4);
    let at = x;
    let best = loadLanes(at, 4, lanes);
    let index = i32x4.splat(0);
    for (let k = 1; k < n; k++) {
      at += step;
      const v = loadLanes(at, 4, lanes);
      let better = i32x4.gt_s(v, best);
      if (is<F, MaxF>()) better = v128.or(f32x4.gt(v, best), v128.and(f32x4.ne(v, v), f32x4.eq(best, best)));
      best = v128.bitselect(v, best, better);
      index = v128.bitselect(i32x4.splat(k), index, better);
    }
    storeLanes(y, index, 4, lanes);
    x += 16;
    y += 16;
    width -= lanes;
  }
}

export function argmax_columns_f32(task: i32, x: usize, y: usize, n: i32, inner: i32, columns: i32): void {
  argmaxColumns<MaxF>(task, x, y, n, inner, columns);
}
export function argmax_columns_i32(task: i32, x: usize, y: usize, n: i32, inner: i32, columns: i32): void {
  argmaxColumns<MaxI>(task, x, y, n, inner, columns);
}

/** Running sums; a task does `perTask` of the `lines` = outer · inner lines. */
// @ts-ignore: decorator
@inline function cumsum<T, S>(task: i32, x: usize, y: usize, n: i32, inner: i32, lines: i32, perTask: i32, reverse: i32): void {
  const end = min((task + 1) * perTask, lines), step = <usize>inner << 2, move = reverse ? -<isize>step : <isize>step;
  for (let line = task * perTask; line < end; line++) {
    let at = <usize>(line / inner) * <usize>n * step + (<usize>(line % inner) << 2);
    if (reverse) at += <usize>(n - 1) * step;
    let sum: S = 0;
    for (let k = 0; k < n; k++) {
      sum += <S>load<T>(x + at);
      if (isInteger<T>()) store<T>(y + at, <T>narrowed(<i64>sum));
      else store<T>(y + at, <T>sum);
      at += move;
    }
  }
}

export function cumsum_f32(task: i32, x: usize, y: usize, n: i32, inner: i32, lines: i32, perTask: i32, reverse: i32): void {
  cumsum<f32, f64>(task, x, y, n, inner, lines, perTask, reverse);
}
export function cumsum_i32(task: i32, x: usize, y: usize, n: i32, inner: i32, lines: i32, perTask: i32, reverse: i32): void {
  cumsum<i32, i64>(task, x, y, n, inner, lines, perTask, reverse);
}
