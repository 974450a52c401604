/**
 * Softmax and its logarithm along one dim of x [outer, n, inner], and their gradients.
 *
 *   softmax     y_k = e^(x_k − m) / Σ_j e^(x_j − m)          m = max x
 *   logSoftmax  y_k = (x_k − m) − ln Σ_j e^(x_j − m)
 *   backward    dx_k = y_k (dy_k − Σ_j dy_j y_j)             dx_k = dy_k − e^(y_k) Σ_j dy_j
 *
 * `rows` kernels serve inner = 1, a task does `perTask` rows; `columns` kernels the others, a task does `columns` columns of one
 * outer index, four at a time. Sums are float64, so length costs no digits. As in torch, −∞ gets weight 0, and a line of nothing
 * but −∞, or with a NaN or +∞ in it, becomes NaN. After torch.softmax and torch.log_softmax.
 */
import { exp4, expNegative4 } from "../../assembly/math.as";
import { maxRow } from "../../assembly/max-row.as";
import { high64, loadLanes, low64, madd, narrow64, nmadd, storeLanes, sum64 } from "../../assembly/simd.as";

/** Masks of the first 0, 1, 2, 3 lanes. */
const PREFIX: usize = memory.data<i32>([0, 0, 0, 0, -1, 0, 0, 0, -1, -1, 0, 0, -1, -1, -1, 0]);

// @ts-ignore: decorator
@inline function sumTerms(x: usize, y: usize, n: i32, m: f32, keep: bool): f64 {
  const m4 = f32x4.splat(m);
  let low = f64x2.splat(0), high = low;
  while (n >= 16) {
    const a = expNegative4(f32x4.sub(v128.load(x), m4)), b = expNegative4(f32x4.sub(v128.load(x, 16), m4));
    const c = expNegative4(f32x4.sub(v128.load(x, 32), m4)), d = expNegative4(f32x4.sub(v128.load(x, 48), m4));
    if (keep) {
      v128.store(y, a);
      v128.store(y, b, 16);
      v128.store(y, c, 32);
      v128.store(y, d, 48);
      y += 64;
    }
    // Four terms at most 1 each: their float32 sum is as good as the terms.
    const four = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
    low = f64x2.add(low, low64(four));
    high = f64x2.add(high, high64(four));
    x += 64;
    n -= 16;
  }
  while (n > 0) {
    const lanes = min(n, 4);
    const e = expNegative4(f32x4.sub(lanes == 4 ? v128.load(x) : loadLanes(x, 4, lanes), m4));
    if (keep) storeLanes(y, e, 4, lanes);
    const inside = lanes == 4 ? e : v128.and(e, v128.load(PREFIX + (<usize>lanes << 4)));
    low = f64x2.add(low, low64(inside));
    high = f64x2.add(high, high64(inside));
    x += 16;
    y += 16;
    n -= lanes;
  }
  return sum64(f64x2.add(low, high));
}

/** Σ e^(x − m) over a row. */
function sumExp(x: usize, n: i32, m: f32): f64 {
  return sumTerms(x, 0, n, m, false);
}

/** Σ e^(x − m) over a row; the terms go to y. */
function sumExpKept(x: usize, y: usize, n: i32, m: f32): f64 {
  return sumTerms(x, y, n, m, true);
}

/** y = y · scale over a row. */
function scaleRow(y: usize, n: i32, scale: f32): void {
  const scale4 = f32x4.splat(scale);
  while (n >= 16) {
    const a = v128.load(y), b = v128.load(y, 16), c = v128.load(y, 32), d = v128.load(y, 48);
    v128.store(y, f32x4.mul(a, scale4));
    v128.store(y, f32x4.mul(b, scale4), 16);
    v128.store(y, f32x4.mul(c, scale4), 32);
    v128.store(y, f32x4.mul(d, scale4), 48);
    y += 64;
    n -= 16;
  }
  while (n > 0) {
    store<f32>(y, load<f32>(y) * scale);
    y += 4;
    n--;
  }
}

/** y = (x − m) − log over a row. */
function shiftRow(x: usize, y: usize, n: i32, m: f32, log: f32): void {
  const m4 = f32x4.splat(m), log4 = f32x4.splat(log);
  while (n >= 4) {
    v128.store(y, f32x4.sub(f32x4.sub(v128.load(x), m4), log4));
    x += 16;
    y += 16;
    n -= 4;
  }
  while (n > 0) {
    store<f32>(y, load<f32>(x) - m - log);
    x += 4;
    y += 4;
    n--;
  }
}

export function softmax_rows_f32(task: i32, x: usize, y: usize, n: i32, rows: i32, perTask: i32): void {
  const end = min((task + 1) * perTask, rows);
  for (let row = task * perTask; row < end; row++) {
    const at = <usize>row * <usize>n << 2;
    scaleRow(y + at, n, <f32>(1 / sumExpKept(x + at, y + at, n, maxRow(x + at, n))));
  }
}

export function log_softmax_rows_f32(task: i32, x: usize, y: usize, n: i32, rows: i32, perTask: i32): void {
  const end = min((task + 1) * perTask, rows);
  for (let row = task * perTask; row < end; row++) {
    const at = <usize>row * <usize>n << 2;
    const m = maxRow(x + at, n);
    shiftRow(x + at, y + at, n, m, <f32>NativeMath.log(sumExp(x + at, n, m)));
  }
}

/** Σ a · b over a row, or Σ a when there is no b. */
// @ts-ignore: decorator
@inline function dotRow(a: usize, b: usize, n: i32, product: bool): f64 {
  let low = f64x2.splat(0), high = low;
  while (n >= 8) {
    const a0 = v128.load(a), a1 = v128.load(a, 16);
    let v = f32x4.add(a0, a1);
    if (product) v = madd(a1, v128.load(b, 16), f32x4.mul(a0, v128.load(b)));
    low = f64x2.add(low, low64(v));
    high = f64x2.add(high, high64(v));
    a += 32;
    b += 32;
    n -= 8;
  }
  let total = sum64(f64x2.add(low, high));
  while (n > 0) {
    total += product ? <f64>load<f32>(a) * <f64>load<f32>(b) : <f64>load<f32>(a);
    a += 4;
    b += 4;
    n--;
  }
  return total;
}

function softmaxBackwardRow(dy: usize, y: usize, dx: usize, n: i32): void {
  const s = <f32>dotRow(dy, y, n, true);
  const s4 = f32x4.splat(s);
  while (n >= 4) {
    v128.store(dx, f32x4.mul(v128.load(y), f32x4.sub(v128.load(dy), s4)));
    dy += 16;
    y += 16;
    dx += 16;
    n -= 4;
  }
  while (n > 0) {
    store<f32>(dx, load<f32>(y) * (load<f32>(dy) - s));
    dy += 4;
    y += 4;
    dx += 4;
    n--;
  }
}

function logSoftmaxBackwardRow(dy: usize, y: usize, dx: usize, n: i32): void {
  const s4 = f32x4.splat(<f32>dotRow(dy, 0, n, false));
  while (n >= 16) {
    const a = exp4(v128.load(y)), b = exp4(v128.load(y, 16)), c = exp4(v128.load(y, 32)), d = exp4(v128.load(y, 48));
    const e = v128.load(dy), f = v128.load(dy, 16), g = v128.load(dy, 32), h = v128.load(dy, 48);
    v128.store(dx, nmadd(a, s4, e));
    v128.store(dx, nmadd(b, s4, f), 16);
    v128.store(dx, nmadd(c, s4, g), 32);
    v128.store(dx, nmadd(d, s4, h), 48);
    dy += 64;
    y += 64;
    dx += 64;
    n -= 16;
  }
  while (n > 0) {
    const lanes = min(n, 4);
    storeLanes(dx, nmadd(exp4(loadLanes(y, 4, lanes)), s4, loadLanes(dy, 4, lanes)), 4, lanes);
    dy += 16;
    y += 16;
    dx += 16;
    n -= lanes;
  }
}

export function softmax_backward_rows_f32(task: i32, dy: usize, y: usize, dx: usize, n: i32, rows: i32, perTask: i32): void {
  const end = min((task + 1) * perTask, rows);
  for (let row = task * perTask; row < end; row++) {
    const at = <usize>row * <usize>n << 2;
    softmaxBackwardRow(dy + at, y + at, dx + at, n);
  }
}

export function log_softmax_backward_rows_f32(task: i32, dy: usize, y: usize, dx: usize, n: i32, rows: i32, perTask: i32): void {
  const end = min((task + 1) * perTask, rows);
  for (let row = task * perTask; row < end; row++) {
    const at = <usize>row * <usize>n << 2;
    logSoftmaxBackwardRow(dy + at, y + at, dx + at, n);
  }
}

/** Up to four elements. `lanes` is a literal 4 in the loops over whole vectors, so that nothing is asked there. */
// @ts-ignore: decorator
@inline function load4(at: usize, lanes: i32): v128 {
  return lanes == 4 ? v128.load(at) : loadLanes(at, 4, lanes);
}

// @ts-ignore: decorator
@inline function store4(at: usize, v: v128, lanes: i32): void {
  if (lanes == 4) v128.store(at, v);
  else storeLanes(at, v, 4, lanes);
}

// @ts-ignore: decorator
@inline function log64(v: v128): v128 {
  const first = f64x2.splat(NativeMath.log(f64x2.extract_lane(v, 0)));
  return f64x2.replace_lane(first, 1, NativeMath.log(f64x2.extract_lane(v, 1)));
}

/** Four columns, or fewer at the edge: lanes are columns, so nothing is summed across them. */
// @ts-ignore: decorator
@inline function softmaxColumns(log: bool, x: usize, y: usize, n: i32, step: usize, lanes: i32): void {
  let m = f32x4.splat(-Infinity);
  let at: usize = 0;
  for (let k = 0; k < n; k++) {
    m = f32x4.pmax(m, load4(x + at, lanes));
    at += step;
  }
  let low = f64x2.splat(0), high = low;
  at = 0;
  for (let k = 0; k < n; k++) {
    const e = expNegative4(f32x4.sub(load4(x + at, lanes), m));
    if (!log) store4(y + at, e, lanes);
    low = f64x2.add(low, low64(e));
    high = f64x2.add(high, high64(e));
    at += step;
  }
  at = 0;
  if (log) {
    const logs = narrow64(log64(low), log64(high));
    for (let k = 0; k < n; k++) {
      store4(y + at, f32x4.sub(f32x4.sub(load4(x + at, lanes), m), logs), lanes);
      at += step;
    }
  } else {
    const one = f64x2.splat(1);
    const scale = narrow64(f64x2.div(one, low), f64x2.div(one, high));
    for (let k = 0; k < n; k++) {
      store4(y + at, f32x4.mul(load4(y + at, lanes), scale), lanes);
      at += step;
    }
  }
}

// @ts-ignore: decorator
@inline function backwardColumns(log: bool, dy: usize, y: usize, dx: usize, n: i32, step: usize, lanes: i32): void {
  let low = f64x2.splat(0), high = low;
  let at: usize = 0;
  for (let k = 0; k < n; k++) {
    let v = load4(dy + at, lanes);
    if (!log) v = f32x4.mul(v, load4(y + at, lanes));
    low = f64x2.add(low, low64(v));
    high = f64x2.add(high, high64(v));
    at += step;
  }
  const s = narrow64(low, high);
  at = 0;
  for (let k = 0; k < n; k++) {
    const d = load4(dy + at, lanes), v = load4(y + at, lanes);
    store4(dx + at, log ? nmadd(exp4(v), s, d) : f32x4.mul(v, f32x4.sub(d, s)), lanes);
    at += step;
  }
}

export function softmax_columns_f32(task: i32, x: usize, y: usize, n: i32, inner: i32, columns: i32, log: i32): void {
  const blocks = (inner + columns - 1) / columns;
  const first = (task % blocks) * columns, end = min(first + columns, inner);
  const start = <usize>(task / blocks) * <usize>n * <usize>inner, step = <usize>inner << 2;
  for (let i = first; i < end; i += 4) {
    const at = start + <usize>i << 2, lanes = min(end - i, 4);
    if (lanes < 4) softmaxColumns(log != 0, x + at, y + at, n, step, lanes);
    else if (log) softmaxColumns(true, x + at, y + at, n, step, 4);
    else softmaxColumns(false, x + at, y + at, n, step, 4);
  }
}

export function softmax_backward_columns_f32(
  task: i32, dy: usize, y: usize, dx: usize, n: i32, inner: i32, columns: i32, log: i32,
): void {
  const blocks = (inner + columns - 1) / columns;
  const first = (task % blocks) * columns, end = min(first + columns, inner);
  const start = <usize>(task / blocks) * <usize>n * <usize>inner, step = <usize>inner << 2;
  for (let i = first; i < end; i += 4) {
    const at = start + <usize>i << 2, lanes = min(end - i, 4);
    if (lanes < 4) backwardColumns(log != 0, dy + at, y + at, dx + at, n, step, lanes);
    else if (log) backwardColumns(true, dy + at, y + at, dx + at, n, step, 4);
    else backwardColumns(false, dy + at, y + at, dx + at, n, step, 4);
  }
}
