/**
 * Optimiser steps in place, and what clipping needs.
 *
 *   g ← scale · gradient
 *   adam   decoupled: p ← p (1 − lr λ), else g ← g + λ p;   m ← m + (1 − β1)(g − m),  v ← β2 v + (1 − β2) g²
 *          p ← p − lr / (1 − β1^k) · m / (√v / √(1 − β2^k) + ε),   k = step + 1
 *   sgd    g ← g + λ p;   b ← g at step 0, else μ b + (1 − d) g;   p ← p − lr (g + μ b with nesterov, else b)
 *   norm   √ Σ_tensors Σ x²  in float64
 *
 * `scale` is a tensor of one float: when it is not finite nothing changes. `step` is a tensor of one int32, the steps taken so
 * far; `advance` counts it up afterwards, so that all tasks of a step read the same. Coefficients are float64, elements float32.
 * One job does many tensors: `table` has a row for each, its first task, its elements and its addresses, in the order of tasks. A task
 * does `chunk` elements of one of them, so that what it does follows from shapes alone. Kingma and Ba 2015, Loshchilov and Hutter 2019, torch.optim.Adam, AdamW, SGD.
 */
import { high64, loadLanes, low64, madd, nmadd, storeLanes, sum64 } from "../../assembly/simd.as";

// @ts-ignore: decorator
@inline function finite(x: f32): bool {
  return abs<f32>(x) < Infinity;
}

// @ts-ignore: decorator
@inline const FIRST: usize = 0;
// @ts-ignore: decorator
@inline const COUNT: usize = 4;
// @ts-ignore: decorator
@inline const ADDRESS: usize = 8;

/** The row of `task` in a table whose rows have so many addresses: the last one whose first task is not beyond it. */
function rowOf(task: i32, table: usize, rows: i32, addresses: i32): usize {
  const bytes = ADDRESS + (<usize>addresses << 2);
  let low = 0, high = rows;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (load<i32>(table + <usize>middle * bytes, FIRST) <= task) low = middle;
    else high = middle;
  }
  return table + <usize>low * bytes;
}

// @ts-ignore: decorator
@inline function address(row: usize, index: usize): usize {
  return <usize>load<u32>(row + (index << 2), ADDRESS);
}

/** Up to four elements. `lanes` is a literal in the loops over whole vectors, so that nothing is asked there. */
// @ts-ignore: decorator
@inline function load4(at: usize, lanes: i32): v128 {
  return lanes == 4 ? v128.load(at) : loadLanes(at, 4, lanes);
}

// @ts-ignore: decorator
@inline function store4(at: usize, v: v128, lanes: i32): void {
  if (lanes == 4) v128.store(at, v);
  else storeLanes(at, v, 4, lanes);
}

/** p where it decays into the gradient, else 0: a parameter that is not finite must not reach the moments by 0 · ∞. */
// @ts-ignore: decorator
@inline function decaying(p: v128, decay: v128): v128 {
  return v128.and(p, f32x4.ne(decay, f32x4.splat(0)));
}

// @ts-ignore: decorator
@inline function adam4(
  lanes: i32, p: usize, gradient: usize, m: usize, v: usize,
  scale: v128, decay: v128, keep: v128, rest1: v128, beta2: v128, rest2: v128, root: v128, eps: v128, size: v128,
): void {
  const p4 = load4(p, lanes), m4 = load4(m, lanes), v4 = load4(v, lanes);
  const g4 = madd(decaying(p4, decay), decay, f32x4.mul(load4(gradient, lanes), scale));
  const nextM = madd(f32x4.sub(g4, m4), rest1, m4);
  const nextV = madd(f32x4.mul(g4, g4), rest2, f32x4.mul(v4, beta2));
  const denominator = madd(f32x4.sqrt(nextV), root, eps);
  store4(m, nextM, lanes);
  store4(v, nextV, lanes);
  store4(p, nmadd(f32x4.div(nextM, denominator), size, f32x4.mul(p4, keep)), lanes);
}

/** Two vectors side by side; all is read before anything is written. */
// @ts-ignore: decorator
@inline function adam8(
  p: usize, gradient: usize, m: usize, v: usize,
  scale: v128, decay: v128, keep: v128, rest1: v128, beta2: v128, rest2: v128, root: v128, eps: v128, size: v128,
): void {
  const p0 = v128.load(p), p1 = v128.load(p, 16), m0 = v128.load(m), m1 = v128.load(m, 16);
  const v0 = v128.load(v), v1 = v128.load(v, 16);
  const g0 = madd(decaying(p0, decay), decay, f32x4.mul(v128.load(gradient), scale)), g1 = madd(decaying(p1, decay), decay, f32x4.mul(v128.load(gradient, 16), scale));
  const nextM0 = madd(f32x4.sub(g0, m0), rest1, m0), nextM1 = madd(f32x4.sub(g1, m1), rest1, m1);
  const nextV0 = madd(f32x4.mul(g0, g0), rest2, f32x4.mul(v0, beta2)), nextV1 = madd(f32x4.mul(g1, g1), rest2, f32x4.mul(v1, beta2));
  const by0 = madd(f32x4.sqrt(nextV0), root, eps), by1 = madd(f32x4.sqrt(nextV1), root, eps);
  v128.store(m, nextM0);
  v128.store(m, nextM1, 16);
  v128.store(v, nextV0);
  v128.store(v, nextV1, 16);
  v128.store(p, nmadd(f32x4.div(nextM0, by0), size, f32x4.mul(p0, keep)));
  v128.store(p, nmadd(f32x4.div(nextM1, by1), size, f32x4.mul(p1, keep)), 16);
}

export function adam_f32(
  task: i32, table: usize, rows: i32, scale: usize, step: usize, chunk: i32, decoupled: i32,
  lr: f64, beta1: f64, beta2: f64, eps: f64, weightDecay: f64,
): void {
  const factor = load<f32>(scale);
  if (!finite(factor)) return;
  const k = <f64>load<i32>(step) + 1;
  const scale4 = f32x4.splat(factor);
  const keep = f32x4.splat(decoupled ? <f32>(1 - lr * weightDecay) : 1), decay = f32x4.splat(decoupled ? 0 : <f32>weightDecay);
  const rest1 = f32x4.splat(<f32>(1 - beta1)), beta = f32x4.splat(<f32>beta2), rest2 = f32x4.splat(<f32>(1 - beta2));
  const root = f32x4.splat(<f32>(1 / sqrt<f64>(1 - NativeMath.pow(beta2, k)))), eps4 = f32x4.splat(<f32>eps);
  const size = f32x4.splat(<f32>(lr / (1 - NativeMath.pow(beta1, k))));
  const row = rowOf(task, table, rows, 4), first = (task - load<i32>(row, FIRST)) * chunk, start = <usize>first << 2;
  let n = min(chunk, load<i32>(row, COUNT) - first);
  let p = address(row, 0) + start, gradient = address(row, 1) + start, m = address(row, 2) + start, v = address(row, 3) + start;
  while (n >= 8) {
    adam8(p, gradient, m, v, scale4, decay, keep, rest1, beta, rest2, root, eps4, size);
    p += 32;
    gradient += 32;
    m += 32;
    v += 32;
    n -= 8;
  }
  if (n >= 4) {
    adam4(4, p, gradient, m, v, scale4, decay, keep, rest1, beta, rest2, root, eps4, size);
    p += 16;
    gradient += 16;
    m += 16;
    v += 16;
    n -= 4;
  }
  if (n > 0) adam4(n, p, gradient, m, v, scale4, decay, keep, rest1, beta, rest2, root, eps4, size);
}

/** `hasBuffer` is a literal: without momentum there is none. */
// @ts-ignore: decorator
@inline function sgd4(
  lanes: i32, hasBuffer: bool, p: usize, gradient: usize, buffer: usize, first: bool, nesterov: i32,
  scale: v128, decay: v128, lr: v128, momentum: v128, rest: v128,
): void {
  const p4 = load4(p, lanes);
  let g4 = madd(decaying(p4, decay), decay, f32x4.mul(load4(gradient, lanes), scale));
  if (hasBuffer) {
    const b4 = first ? g4 : madd(load4(buffer, lanes), momentum, f32x4.mul(g4, rest));
    store4(buffer, b4, lanes);
    g4 = nesterov ? madd(b4, momentum, g4) : b4;
  }
  store4(p, nmadd(g4, lr, p4), lanes);
}

// @ts-ignore: decorator
@inline function sgd(
  hasBuffer: bool, task: i32, table: usize, rows: i32, factor: f32, taken: i32, chunk: i32, nesterov: i32,
  lr: f64, momentum: f64, dampening: f64, weightDecay: f64,
): void {
  const scale4 = f32x4.splat(factor), decay = f32x4.splat(<f32>weightDecay), lr4 = f32x4.splat(<f32>lr);
  const momentum4 = f32x4.splat(<f32>momentum), rest = f32x4.splat(<f32>(1 - dampening)), isFirst = taken == 0;
  const row = rowOf(task, table, rows, hasBuffer ? 3 : 2), first = (task - load<i32>(row, FIRST)) * chunk;
  const start = <usize>first << 2;
  let n = min(chunk, load<i32>(row, COUNT) - first);
  let p = address(row, 0) + start, gradient = address(row, 1) + start;
  let buffer: usize = hasBuffer ? address(row, 2) + start : 0;
  while (n >= 4) {
    sgd4(4, hasBuffer, p, gradient, buffer, isFirst, nesterov, scale4, decay, lr4, momentum4, rest);
    p += 16;
    gradient += 16;
    if (hasBuffer) buffer += 16;
    n -= 4;
  }
  if (n > 0) sgd4(n, hasBuffer, p, gradient, buffer, isFirst, nesterov, scale4, decay, lr4, momentum4, rest);
}

/** Without momentum; `step` is not read. */
export function sgd_f32(
  task: i32, table: usize, rows: i32, scale: usize, step: usize, chunk: i32, lr: f64, weightDecay: f64,
): void {
  const factor = load<f32>(scale);
  if (finite(factor)) sgd(false, task, table, rows, factor, 0, chunk, 0, lr, 0, 0, weightDecay);
}

export function momentum_f32(
  task: i32, table: usize, rows: i32, scale: usize, step: usize, chunk: i32, nesterov: i32,
  lr: f64, momentum: f64, dampening: f64, weightDecay: f64,
): void {
  const factor = load<f32>(scale);
  if (finite(factor))
    sgd(true, task, table, rows, factor, load<i32>(step), chunk, nesterov, lr, momentum, dampening, weightDecay);
}

/** step ← step + 1, unless the step was skipped. */
export function advance_i32(task: i32, scale: usize, step: usize): void {
  if (finite(load<f32>(scale))) store<i32>(step, load<i32>(step) + 1);
}

/** partials[before + task] = Σ x² over one chunk, in float64; `before` are those of other jobs. */
export function sum_squares_f32(task: i32, table: usize, rows: i32, partials: usize, before: i32, chunk: i32): void {
  const row = rowOf(task, table, rows, 1), first = (task - load<i32>(row, FIRST)) * chunk;
  let at = address(row, 0) + (<usize>first << 2);
  let n = min(chunk, load<i32>(row, COUNT) - first);
  let a = f64x2.splat(0), b = a;
  while (n >= 4) {
    const v = v128.load(at);
    const low = low64(v), high = high64(v);
    a = f64x2.add(a, f64x2.mul(low, low));
    b = f64x2.add(b, f64x2.mul(high, high));
    at += 16;
    n -= 4;
  }
  let sum = sum64(f64x2.add(a, b));
  while (n > 0) {
    const v = <f64>load<f32>(at);
    sum += v * v;
    at += 4;
    n--;
  }
  store<f64>(partials + (<usize>(before + task) << 3), sum);
}

/** norm = √ Σ partials, in order. */
export function norm_f32(task: i32, partials: usize, norm: usize, count: i32): void {
  let sum: f64 = 0;
  for (let i = 0; i < count; i++) sum += load<f64>(partials + (<usize>i << 3));
  store<f32>(norm, <f32>sqrt<f64>(sum));
}
