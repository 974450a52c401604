/**
 * Layer norm and RMS norm over rows of n floats, and their gradients.
 *
 *   layerNorm  y = (x − μ) r w + b,  r = 1 / √(σ² + eps)        rmsNorm  y = x r w,  r = 1 / √(mean x² + eps)
 *   addLayerNorm  layerNorm of s = x + residual, row by row while s is in cache
 *   backward   g = dy w,  x̂ = (x − μ) r:   dx = r (g − mean g − x̂ mean(g x̂)),  dw = Σ_rows dy x̂,  db = Σ_rows dy
 *              (rmsNorm: x̂ = x r, without mean g)
 *
 * The row's first element is subtracted before anything else: differences of nearby floats are exact (Sterbenz), so a large
 * mean costs no digits. What the backward gets is therefore not μ but `shift` = μ − x_0. Two passes for the variance; sums are
 * float64 of float32 pairs. A task does `perTask` rows. In the backward each task adds up its rows' dw and db in its own part of
 * `partials` [tasks][2][n], and a second kernel adds the parts in order. w and b may be 0: not there.
 * After Ba et al. 2016, Zhang and Sennrich 2019, torch.nn.functional.layer_norm and rms_norm.
 */
import { optional } from "../../assembly/optional.as";
import { high64, loadLanes, low64, madd, narrow64, nmadd, storeLanes, sum64 } from "../../assembly/simd.as";

/** Σ (x − a) over a row, or Σ (x − a − m)² of it. */
// @ts-ignore: decorator
@inline function sumDeviations(squared: bool, x: usize, n: i32, a: f32, m: f32): f64 {
  const a4 = f32x4.splat(a), m4 = f32x4.splat(m);
  let low = f64x2.splat(0), high = low;
  while (n >= 8) {
    let d = f32x4.sub(v128.load(x), a4), e = f32x4.sub(v128.load(x, 16), a4);
    let v = f32x4.add(d, e);
    if (squared) {
      d = f32x4.sub(d, m4);
      e = f32x4.sub(e, m4);
      v = madd(e, e, f32x4.mul(d, d));
    }
    low = f64x2.add(low, low64(v));
    high = f64x2.add(high, high64(v));
    x += 32;
    n -= 8;
  }
  let total = sum64(f64x2.add(low, high));
  while (n > 0) {
    const d = <f64>(load<f32>(x) - a);
    total += squared ? (d - <f64>m) * (d - <f64>m) : d;
    x += 4;
    n--;
  }
  return total;
}

function sumOfDeviations(x: usize, n: i32, a: f32): f64 {
  return sumDeviations(false, x, n, a, 0);
}

/** s = x + z over a row; what `sumOfDeviations` gives for s, added up in the same order. s may be x. */
function addRows(x: usize, z: usize, s: usize, n: i32, a: f32): f64 {
  const a4 = f32x4.splat(a);
  let low = f64x2.splat(0), high = low;
  while (n >= 8) {
    const d = f32x4.add(v128.load(x), v128.load(z)), e = f32x4.add(v128.load(x, 16), v128.load(z, 16));
    v128.store(s, d);
    v128.store(s, e, 16);
    const v = f32x4.add(f32x4.sub(d, a4), f32x4.sub(e, a4));
    low = f64x2.add(low, low64(v));
    high = f64x2.add(high, high64(v));
    x += 32;
    z += 32;
    s += 32;
    n -= 8;
  }
  let total = sum64(f64x2.add(low, high));
  while (n > 0) {
    const d = load<f32>(x) + load<f32>(z);
    store<f32>(s, d);
    total += <f64>(d - a);
    x += 4;
    z += 4;
    s += 4;
    n--;
  }
  return total;
}

function sumOfSquares(x: usize, n: i32, a: f32, m: f32): f64 {
  const total = sumDeviations(true, x, n, a, m);
  return total < Infinity ? total : wideSumOfSquares(x, n, a, m);
}

/** The same where a square is beyond float32. */
function wideSumOfSquares(x: usize, n: i32, a: f32, m: f32): f64 {
  let total: f64 = 0;
  for (const end = x + (<usize>n << 2); x != end; x += 4) {
    const d = <f64>(load<f32>(x) - a) - <f64>m;
    total += d * d;
  }
  return total;
}

/** x̂ = (x − a − m) r. */
// @ts-ignore: decorator
@inline function normalized(x: v128, a: v128, m: v128, r: v128): v128 {
  return f32x4.mul(f32x4.sub(f32x4.sub(x, a), m), r);
}

/** y = x̂ w + b over a row, without w unless `scaled`, without b unless `shifted`. */
// @ts-ignore: decorator
@inline function writeRow(scaled: bool, shifted: bool, x: usize, w: usize, b: usize, y: usize, n: i32, a: f32, m: f32, r: f32): void {
  const a4 = f32x4.splat(a), m4 = f32x4.splat(m), r4 = f32x4.splat(r);
  while (n >= 8) {
    let v = normalized(v128.load(x), a4, m4, r4), u = normalized(v128.load(x, 16), a4, m4, r4);
    if (scaled && shifted) {
      v = madd(v, v128.load(w), v128.load(b));
      u = madd(u, v128.load(w, 16), v128.load(b, 16));
    } else if (scaled) {
      v = f32x4.mul(v, v128.load(w));
      u = f32x4.mul(u, v128.load(w, 16));
    } else if (shifted) {
      v = f32x4.add(v, v128.load(b));
      u = f32x4.add(u, v128.load(b, 16));
    }
    v128.store(y, v);
    v128.store(y, u, 16);
    x += 32;
    y += 32;
    if (scaled) w += 32;
    if (shifted) b += 32;
    n -= 8;
  }
  while (n >= 4) {
    let v = normalized(v128.load(x), a4, m4, r4);
    if (scaled && shifted) v = madd(v, v128.load(w), v128.load(b));
    else if (scaled) v = f32x4.mul(v, v128.load(w));
    else if (shifted) v = f32x4.add(v, v128.load(b));
    v128.store(y, v);
    x += 16;
    y += 16;
    if (scaled) w += 16;
    if (shifted) b += 16;
    n -= 4;
  }
  if (n > 0) {
    let v = normalized(loadLanes(x, 4, n), a4, m4, r4);
    if (scaled && shifted) v = madd(v, loadLanes(w, 4, n), loadLanes(b, 4, n));
    else if (scaled) v = f32x4.mul(v, loadLanes(w, 4, n));
    else if (shifted) v = f32x4.add(v, loadLanes(b, 4, n));
    storeLanes(y, v, 4, n);
  }
}

/** y of one row, given its first element and Σ (x − first); its `shift` and `rstd`. y may be x. */
// @ts-ignore: decorator
@inline function normalizeRow(
  x: usize, w: usize, b: usize, y: usize, shift: usize, rstd: usize, n: i32, eps: f64, first: f32, total: f64,
): void {
  const m = <f32>(total / <f64>n);
  const r = <f32>(1 / sqrt<f64>(sumOfSquares(x, n, first, m) / <f64>n + eps));
  if (w && b) writeRow(true, true, x, w, b, y, n, first, m, r);
  else if (w) writeRow(true, false, x, w, 0, y, n, first, m, r);
  else if (b) writeRow(false, true, x, 0, b, y, n, first, m, r);
  else writeRow(false, false, x, 0, 0, y, n, first, m, r);
  if (shift) store<f32>(shift, m);
  if (rstd) store<f32>(rstd, r);
}

/** `shift` and `rstd` [rows] are for the backward, and may be 0. */
export function layer_norm_f32(
  task: i32, x: usize, weight: optional, bias: optional, y: usize, shift: optional, rstd: optional, n: i32, rows: i32, perTask: i32, eps: f64,
): void {
  const end = min((task + 1) * perTask, rows);
  for (let row = task * perTask; row < end; row++) {
    const at = <usize>row * <usize>n << 2, i = <usize>row << 2;
    const first = load<f32>(x + at), total = sumOfDeviations(x + at, n, first);
    normalizeRow(x + at, weight, bias, y + at, shift ? shift + i : 0, rstd ? rstd + i : 0, n, eps, first, total);
  }
}

/** The sum is written to `sum`, which is y where nobody reads it later. */
export function add_layer_norm_f32(
  task: i32, x: usize, residual: usize, weight: optional, bias: optional, y: usize, sum: usize, shift: optional, rstd: optional,
  n: i32, rows: i32, perTask: i32, eps: f64,
): void {
  const end = min((task + 1) * perTask, rows);
  for (let row = task * perTask; row < end; row++) {
    const at = <usize>row * <usize>n << 2, i = <usize>row << 2;
    const first = load<f32>(x + at) + load<f32>(residual + at);
    const total = addRows(x + at, residual + at, sum + at, n, first);
    normalizeRow(sum + at, weight, bias, y + at, shift ? shift + i : 0, rstd ? rstd + i : 0, n, eps, first, total);
  }
}

/** `rstd` [rows] is for the backward, and may be 0. */
export function rms_norm_f32(task: i32, x: usize, weight: optional, y: usize, rstd: optional, n: i32, rows: i32, perTask: i32, eps: f64): void {
  const end = min((task + 1) * perTask, rows);
  for (let row = task * perTask; row < end; row++) {
    const at = <usize>row * <usize>n << 2;
    const r = <f32>(1 / sqrt<f64>(sumOfSquares(x + at, n, 0, 0) / <f64>n + eps));
    if (weight) writeRow(true, false, x + at, weight, 0, y + at, n, 0, 0, r);
    else writeRow(false, false, x + at, 0, 0, y + at, n, 0, 0, r);
    if (rstd) store<f32>(rstd + (<usize>row << 2), r);
  }
}

/** dx of one row; adds the row's share to dw and, when `centred`, to db, which follows it. `scaled`: there is a w. */
// @ts-ignore: decorator
@inline function backwardRow(
  centred: bool, scaled: bool, dy: usize, x: usize, w: usize, dx: usize, sums: usize, n: i32, a: f32, m: f32, r: f32,
): void {
  const a4 = f32x4.splat(a), m4 = f32x4.splat(m), r4 = f32x4.splat(r);
  const bytes = <usize>n << 2, eights = bytes & ~31;
  let g0 = f64x2.splat(0), g1 = g0, h0 = g0, h1 = g0;
  let dw = sums, db = sums + bytes;
  let at: usize = 0;
  for (; at < eights; at += 32) {
    const d = v128.load(dy + at), e = v128.load(dy + at, 16);
    const h = normalized(v128.load(x + at), a4, m4, r4), i = normalized(v128.load(x + at, 16), a4, m4, r4);
    let g = d, k = e;
    if (scaled) {
      g = f32x4.mul(d, v128.load(w + at));
      k = f32x4.mul(e, v128.load(w + at, 16));
    }
    if (centred) {
      const sum = f32x4.add(g, k);
      g0 = f64x2.add(g0, low64(sum));
      g1 = f64x2.add(g1, high64(sum));
    }
    const dot = madd(k, i, f32x4.mul(g, h));
    h0 = f64x2.add(h0, low64(dot));
    h1 = f64x2.add(h1, high64(dot));
    const w0 = madd(d, h, v128.load(dw)), w1 = madd(e, i, v128.load(dw, 16));
    v128.store(dw, w0);
    v128.store(dw, w1, 16);
    if (centred) {
      const b0 = f32x4.add(v128.load(db), d), b1 = f32x4.add(v128.load(db, 16), e);
      v128.store(db, b0);
      v128.store(db, b1, 16);
      db += 32;
    }
    dw += 32;
  }
  for (; at < bytes; at += 16) {
    // Past the edge dy is 0, and so is everything that is summed.
    const lanes = min(<i32>(bytes - at) >> 2, 4);
    const d = loadLanes(dy + at, 4, lanes), h = normalized(loadLanes(x + at, 4, lanes), a4, m4, r4);
    const g = scaled ? f32x4.mul(d, loadLanes(w + at, 4, lanes)) : d;
    const dot = f32x4.mul(g, h);
    g0 = f64x2.add(g0, low64(g));
    g1 = f64x2.add(g1, high64(g));
    h0 = f64x2.add(h0, low64(dot));
    h1 = f64x2.add(h1, high64(dot));
    storeLanes(dw, madd(d, h, loadLanes(dw, 4, lanes)), 4, lanes);
    if (centred) storeLanes(db, f32x4.add(loadLanes(db, 4, lanes), d), 4, lanes);
    dw += 16;
    db += 16;
  }
  const meanG = f32x4.splat(<f32>(sum64(f64x2.add(g0, g1)) / <f64>n));
  const meanH = f32x4.splat(<f32>(sum64(f64x2.add(h0, h1)) / <f64>n));
  const fours = bytes & ~15;
  for (at = 0; at < eights; at += 32) {
    let g = v128.load(dy + at), k = v128.load(dy + at, 16);
    if (scaled) {
      g = f32x4.mul(g, v128.load(w + at));
      k = f32x4.mul(k, v128.load(w + at, 16));
    }
    if (centred) {
      g = f32x4.sub(g, meanG);
      k = f32x4.sub(k, meanG);
    }
    const h = normalized(v128.load(x + at), a4, m4, r4), i = normalized(v128.load(x + at, 16), a4, m4, r4);
    const d = f32x4.mul(nmadd(h, meanH, g), r4), e = f32x4.mul(nmadd(i, meanH, k), r4);
    v128.store(dx + at, d);
    v128.store(dx + at, e, 16);
  }
  for (; at < fours; at += 16) {
    let g = v128.load(dy + at);
    if (scaled) g = f32x4.mul(g, v128.load(w + at));
    if (centred) g = f32x4.sub(g, meanG);
    v128.store(dx + at, f32x4.mul(nmadd(normalized(v128.load(x + at), a4, m4, r4), meanH, g), r4));
  }
  if (at < bytes) {
    const lanes = <i32>(bytes - at) >> 2;
    let g = loadLanes(dy + at, 4, lanes);
    if (scaled) g = f32x4.mul(g, loadLanes(w + at, 4, lanes));
    if (centred) g = f32x4.sub(g, meanG);
    storeLanes(dx + at, f32x4.mul(nmadd(normalized(loadLanes(x + at, 4, lanes), a4, m4, r4), meanH, g), r4), 4, lanes);
  }
}

export function layer_norm_backward_f32(
  task: i32, dy: usize, x: usize, weight: optional, shift: usize, rstd: usize, dx: usize, partials: usize, n: i32, rows: i32, perTask: i32,
): void {
  const sums = partials + (<usize>task * <usize>n << 3);
  memory.fill(sums, 0, <usize>n << 3);
  const end = min((task + 1) * perTask, rows);
  for (let row = task * perTask; row < end; row++) {
    const at = <usize>row * <usize>n << 2, i = <usize>row << 2;
    const a = load<f32>(x + at), m = load<f32>(shift + i), r = load<f32>(rstd + i);
    if (weight) backwardRow(true, true, dy + at, x + at, weight, dx + at, sums, n, a, m, r);
    else backwardRow(true, false, dy + at, x + at, 0, dx + at, sums, n, a, m, r);
  }
}

export function rms_norm_backward_f32(
  task: i32, dy: usize, x: usize, weight: optional, rstd: usize, dx: usize, partials: usize, n: i32, rows: i32, perTask: i32,
): void {
  const sums = partials + (<usize>task * <usize>n << 3);
  memory.fill(sums, 0, <usize>n << 3);
  const end = min((task + 1) * perTask, rows);
  for (let row = task * perTask; row < end; row++) {
    const at = <usize>row * <usize>n << 2, r = load<f32>(rstd + (<usize>row << 2));
    if (weight) backwardRow(false, true, dy + at, x + at, weight, dx + at, sums, n, 0, 0, r);
    else backwardRow(false, false, dy + at, x + at, 0, dx + at, sums, n, 0, 0, r);
  }
}

/** out[c] = Σ_p partials[p][which][c] in order; a task does `columns` columns of dw (which = 0) or db (1). */
export function norm_backward_sum_f32(task: i32, partials: usize, out: usize, which: i32, parts: i32, n: i32, columns: i32): void {
  const end = min((task + 1) * columns, n), step = <usize>n << 3;
  for (let c = task * columns; c < end; c += 4) {
    const lanes = min(end - c, 4);
    let at = partials + (<usize>(which * n + c) << 2);
    let low = f64x2.splat(0), high = low;
    for (let p = 0; p < parts; p++) {
      const v = loadLanes(at, 4, lanes);
      low = f64x2.add(low, low64(v));
      high = f64x2.add(high, high64(v));
      at += step;
    }
    storeLanes(out + (<usize>c << 2), narrow64(low, high), 4, lanes);
  }
}
