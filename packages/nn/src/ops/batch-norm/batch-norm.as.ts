/**
 * Batch norm over x [batch, channels, places], and its gradients; every channel by itself.
 *
 *   y = (x − μ) r w + b,  r = 1 / √(σ² + eps)
 *   x̂ = (x − μ) r:   db = Σ dy,  dw = Σ dy x̂,  dx = r w (dy − db / n − x̂ dw / n),  n = batch · places
 *
 * The channel's first element a is subtracted first: differences of nearby floats are exact (Sterbenz). Then Σ (x − a) and Σ (x − a)² are
 * float64 sums of float64 terms, so that one pass gives mean and variance to the last digit of float32: `shift` is μ − a. With fixed
 * statistics a is 0 and `shift` their mean.
 *
 * A unit is a channel, where x has its places next to each other or anywhere, or four channels that lie next to each other with one
 * place (`columns`). Units are cut into `parts` of `perPart` images. First each part writes its two sums to `partials` [parts][2][channels];
 * then each task adds those of its unit in order, and maps its part. w and b may be 0: not there.
 * After Ioffe and Szegedy 2015, torch.nn.functional.batch_norm.
 */
import { optional } from "@tessera/tensor/assembly/optional.as";
import { high64, loadLanes, low64, madd, narrow64, nmadd, storeLanes, sum64 } from "@tessera/tensor/assembly/simd.as";

/** Σ d and Σ d² for d = x − a over a row; Σ d is returned, and Σ d² stored at `squares`. */
// @ts-ignore: decorator
@inline function sumRow(x: usize, step: isize, n: i32, a: f64, squares: usize): f64 {
  const a2 = f64x2.splat(a);
  let s0 = f64x2.splat(0), s1 = s0, q0 = s0, q1 = s0;
  if (step == 4) {
    while (n >= 4) {
      const v = v128.load(x);
      const d = f64x2.sub(low64(v), a2), e = f64x2.sub(high64(v), a2);
      s0 = f64x2.add(s0, d);
      s1 = f64x2.add(s1, e);
      q0 = f64x2.add(q0, f64x2.mul(d, d));
      q1 = f64x2.add(q1, f64x2.mul(e, e));
      x += 16;
      n -= 4;
    }
  }
  let sum = sum64(f64x2.add(s0, s1)), square = sum64(f64x2.add(q0, q1));
  while (n > 0) {
    const d = <f64>load<f32>(x) - a;
    sum += d;
    square += d * d;
    x += step;
    n--;
  }
  store<f64>(squares, load<f64>(squares) + square);
  return sum;
}

/** The part's sums of one channel. Strides in elements. */
export function batch_sums_f32(
  task: i32, x: usize, partials: usize, channels: i32, parts: i32, batch: i32, perPart: i32, places: i32,
  nStep: i32, cStep: i32, pStep: i32, perTask: i32,
): void {
  const part = task % parts;
  const first = part * perPart, end = min(first + perPart, batch);
  const last = min((task / parts + 1) * perTask, channels);
  for (let c = task / parts * perTask; c < last; c++) {
    const channel = x + (<isize>c * <isize>cStep << 2);
    const a = <f64>load<f32>(channel);
    const out = partials + (<usize>(part * 2 * channels + c) << 3), squares = out + (<usize>channels << 3);
    store<f64>(squares, 0);
    let sum: f64 = 0;
    for (let n = first; n < end; n++)
      sum += sumRow(channel + (<isize>n * <isize>nStep << 2), <isize>pStep << 2, places, a, squares);
    store<f64>(out, sum);
  }
}

/** The part's sums of four channels next to each other. */
export function batch_sums_columns_f32(
  task: i32, x: usize, partials: usize, channels: i32, parts: i32, batch: i32, perPart: i32, nStep: i32, perTask: i32,
): void {
  const part = task % parts;
  const first = part * perPart, end = min(first + perPart, batch);
  const last = min((task / parts + 1) * perTask, channels);
  for (let c = task / parts * perTask; c < last; c += 4) {
    const lanes = min(last - c, 4);
    const channel = x + (<usize>c << 2);
    const a = loadLanes(channel, 4, lanes), a0 = low64(a), a1 = high64(a);
    let s0 = f64x2.splat(0), s1 = s0, q0 = s0, q1 = s0;
    for (let n = first; n < end; n++) {
      const v = loadLanes(channel + (<isize>n * <isize>nStep << 2), 4, lanes);
      const d = f64x2.sub(low64(v), a0), e = f64x2.sub(high64(v), a1);
      s0 = f64x2.add(s0, d);
      s1 = f64x2.add(s1, e);
      q0 = f64x2.add(q0, f64x2.mul(d, d));
      q1 = f64x2.add(q1, f64x2.mul(e, e));
    }
    putSums(partials + (<usize>(part * 2 * channels + c) << 3), channels, lanes, s0, s1, q0, q1);
  }
}

/** Both sums of up to four channels. */
// @ts-ignore: decorator
@inline function putSums(out: usize, channels: i32, lanes: i32, s0: v128, s1: v128, q0: v128, q1: v128): void {
  const squares = out + (<usize>channels << 3);
  store<f64>(out, f64x2.extract_lane(s0, 0));
  store<f64>(squares, f64x2.extract_lane(q0, 0));
  if (lanes > 1) {
    store<f64>(out, f64x2.extract_lane(s0, 1), 8);
    store<f64>(squares, f64x2.extract_lane(q0, 1), 8);
  }
  if (lanes > 2) {
    store<f64>(out, f64x2.extract_lane(s1, 0), 16);
    store<f64>(squares, f64x2.extract_lane(q1, 0), 16);
  }
  if (lanes > 3) {
    store<f64>(out, f64x2.extract_lane(s1, 1), 24);
    store<f64>(squares, f64x2.extract_lane(q1, 1), 24);
  }
}

/** A channel's sum over all parts. */
// @ts-ignore: decorator
@inline function total(partials: usize, which: i32, c: i32, channels: i32, parts: i32): f64 {
  let at = partials + (<usize>(which * channels + c) << 3);
  let sum: f64 = 0;
  for (let p = 0; p < parts; p++) {
    sum += load<f64>(at);
    at += <usize>channels << 4;
  }
  return sum;
}

/** y = (x − a − m) s + b over a row. */
// @ts-ignore: decorator
@inline function mapRow(x: usize, step: isize, y: usize, n: i32, a: f32, m: f32, s: f32, b: f32): void {
  const a4 = f32x4.splat(a), m4 = f32x4.splat(m), s4 = f32x4.splat(s), b4 = f32x4.splat(b);
  if (step == 4) {
    while (n >= 8) {
      const v = madd(f32x4.sub(f32x4.sub(v128.load(x), a4), m4), s4, b4);
      const u = madd(f32x4.sub(f32x4.sub(v128.load(x, 16), a4), m4), s4, b4);
      v128.store(y, v);
      v128.store(y, u, 16);
      x += 32;
      y += 32;
      n -= 8;
    }
  }
  while (n > 0) {
    const lanes = min(n, 4);
    storeLanes(y, madd(f32x4.sub(f32x4.sub(loadLanes(x, step, lanes), a4), m4), s4, b4), 4, lanes);
    x += 4 * step;
    y += 16;
    n -= 4;
  }
}

/**
 * y of one part, and where it is the first, the statistics. `partials` is 0 for fixed statistics, which are then read from mean and
 * variance. `shift` may be 0.
 */
export function batch_norm_f32(
  task: i32, x: usize, partials: optional, weight: optional, bias: optional, mean: usize, variance: usize, shift: optional, y: usize,
  channels: i32, parts: i32, batch: i32, perPart: i32, places: i32, nStep: i32, cStep: i32, pStep: i32, perTask: i32, eps: f64,
): void {
  const part = task % parts;
  const first = part * perPart, end = min(first + perPart, batch);
  const last = min((task / parts + 1) * perTask, channels);
  const count = <f64>batch * <f64>places;
  for (let c = task / parts * perTask; c < last; c++) {
    const at = <usize>c << 2;
    const channel = x + (<isize>c * <isize>cStep << 2);
    let a: f32 = 0, m: f32, v: f32;
    if (partials) {
      a = load<f32>(channel);
      const s = total(partials, 0, c, channels, parts) / count;
      m = <f32>s;
      v = <f32>max<f64>(total(partials, 1, c, channels, parts) / count - s * s, 0);
      if (part == 0) {
        store<f32>(mean + at, <f32>(<f64>a + s));
        store<f32>(variance + at, v);
        if (shift) store<f32>(shift + at, m);
      }
    } else {
      m = load<f32>(mean + at);
      v = load<f32>(variance + at);
    }
    const w = weight ? load<f32>(weight + at) : 1, b = bias ? load<f32>(bias + at) : 0;
    const s = <f32>(<f64>w / sqrt<f64>(<f64>v + eps));
    for (let n = first; n < end; n++)
      mapRow(
        channel + (<isize>n * <isize>nStep << 2), <isize>pStep << 2, y + (<usize>(n * channels + c) * <usize>places << 2), places, a, m, s, b,
      );
  }
}

/** The same for four channels next to each other, with one place. */
export function batch_norm_columns_f32(
  task: i32, x: usize, partials: optional, weight: optional, bias: optional, mean: usize, variance: usize, shift: optional, y: usize,
  channels: i32, parts: i32, batch: i32, perPart: i32, nStep: i32, perTask: i32, eps: f64,
): void {
  const part = task % parts;
  const first = part * perPart, end = min(first + perPart, batch);
  const last = min((task / parts + 1) * perTask, channels);
  for (let c = task / parts * perTask; c < last; c += 4) {
    const lanes = min(last - c, 4);
    const at = <usize>c << 2;
    const channel = x + at;
    let a = f32x4.splat(0), m = a, v = a;
    if (partials) {
      a = loadLanes(channel, 4, lanes);
      for (let i = 0; i < lanes; i++) {
        const s = total(partials, 0, c + i, channels, parts) / <f64>batch;
        const q = max<f64>(total(partials, 1, c + i, channels, parts) / <f64>batch - s * s, 0);
        m = withLane(m, i, <f32>s);
        v = withLane(v, i, <f32>q);
        if (part == 0) {
          const to = at + (<usize>i << 2);
          store<f32>(mean + to, <f32>(<f64>load<f32>(x + to) + s));
          store<f32>(variance + to, <f32>q);
          if (shift) store<f32>(shift + to, <f32>s);
        }
      }
    } else {
      m = loadLanes(mean + at, 4, lanes);
      v = loadLanes(variance + at, 4, lanes);
    }
    const s = scaleOf(v, weight, at, lanes, eps);
    const b = bias ? loadLanes(bias + at, 4, lanes) : f32x4.splat(0);
    for (let n = first; n < end; n++) {
      const d = f32x4.sub(f32x4.sub(loadLanes(channel + (<isize>n * <isize>nStep << 2), 4, lanes), a), m);
      storeLanes(y + (<usize>(n * channels + c) << 2), madd(d, s, b), 4, lanes);
    }
  }
}

// @ts-ignore: decorator
@inline function withLane(v: v128, lane: i32, x: f32): v128 {
  if (lane == 0) return f32x4.replace_lane(v, 0, x);
  if (lane == 1) return f32x4.replace_lane(v, 1, x);
  if (lane == 2) return f32x4.replace_lane(v, 2, x);
  return f32x4.replace_lane(v, 3, x);
}

/** w / √(v + eps) of four channels. */
// @ts-ignore: decorator
@inline function scaleOf(v: v128, weight: usize, at: usize, lanes: i32, eps: f64): v128 {
  const e = f64x2.splat(eps);
  let w0 = f64x2.splat(1), w1 = w0;
  if (weight) {
    const w = loadLanes(weight + at, 4, lanes);
    w0 = low64(w);
    w1 = high64(w);
  }
  return narrow64(
    f64x2.div(w0, f64x2.sqrt(f64x2.add(low64(v), e))),
    f64x2.div(w1, f64x2.sqrt(f64x2.add(high64(v), e))),
  );
}

/** Σ dy and Σ dy (x − a − m) over a row: that sum is returned, and the other added to what lies at `sums`. */
// @ts-ignore: decorator
@inline function dotRow(dy: usize, x: usize, step: isize, n: i32, a: f32, m: f32, sums: usize): f64 {
  const a4 = f32x4.splat(a), m4 = f32x4.splat(m);
  let s0 = f64x2.splat(0), s1 = s0, q0 = s0, q1 = s0;
  if (step == 4) {
    while (n >= 8) {
      const g = v128.load(dy), h = v128.load(dy, 16);
      const d = f32x4.sub(f32x4.sub(v128.load(x), a4), m4), e = f32x4.sub(f32x4.sub(v128.load(x, 16), a4), m4);
      const s = f32x4.add(g, h), q = madd(h, e, f32x4.mul(g, d));
      s0 = f64x2.add(s0, low64(s));
      s1 = f64x2.add(s1, high64(s));
      q0 = f64x2.add(q0, low64(q));
      q1 = f64x2.add(q1, high64(q));
      dy += 32;
      x += 32;
      n -= 8;
    }
  }
  let sum = sum64(f64x2.add(s0, s1)), dot = sum64(f64x2.add(q0, q1));
  while (n > 0) {
    const g = load<f32>(dy);
    sum += <f64>g;
    dot += <f64>(g * (load<f32>(x) - a - m));
    dy += 4;
    x += step;
    n--;
  }
  store<f64>(sums, load<f64>(sums) + sum);
  return dot;
}

/** The part's sums of one channel: Σ dy, and Σ dy (x − a − m). a is 0 unless `first`. */
export function batch_backward_sums_f32(
  task: i32, dy: usize, x: usize, shift: usize, partials: usize, centred: i32, channels: i32, parts: i32, batch: i32, perPart: i32,
  places: i32, nStep: i32, cStep: i32, pStep: i32, perTask: i32,
): void {
  const part = task % parts;
  const first = part * perPart, end = min(first + perPart, batch);
  const last = min((task / parts + 1) * perTask, channels);
  for (let c = task / parts * perTask; c < last; c++) {
    const channel = x + (<isize>c * <isize>cStep << 2);
    const a: f32 = centred ? load<f32>(channel) : 0, m = load<f32>(shift + (<usize>c << 2));
    const sums = partials + (<usize>(part * 2 * channels + c) << 3);
    store<f64>(sums, 0);
    let dot: f64 = 0;
    for (let n = first; n < end; n++)
      dot += dotRow(
        dy + (<usize>(n * channels + c) * <usize>places << 2), channel + (<isize>n * <isize>nStep << 2), <isize>pStep << 2, places, a, m, sums,
      );
    store<f64>(sums + (<usize>channels << 3), dot);
  }
}

export function batch_backward_sums_columns_f32(
  task: i32, dy: usize, x: usize, shift: usize, partials: usize, centred: i32, channels: i32, parts: i32, batch: i32, perPart: i32,
  nStep: i32, perTask: i32,
): void {
  const part = task % parts;
  const first = part * perPart, end = min(first + perPart, batch);
  const last = min((task / parts + 1) * perTask, channels);
  for (let c = task / parts * perTask; c < last; c += 4) {
    const lanes = min(last - c, 4);
    const channel = x + (<usize>c << 2);
    const a = centred ? loadLanes(channel, 4, lanes) : f32x4.splat(0), m = loadLanes(shift + (<usize>c << 2), 4, lanes);
    let s0 = f64x2.splat(0), s1 = s0, q0 = s0, q1 = s0;
    for (let n = first; n < end; n++) {
      const g = loadLanes(dy + (<usize>(n * channels + c) << 2), 4, lanes);
      const q = f32x4.mul(g, f32x4.sub(f32x4.sub(loadLanes(channel + (<isize>n * <isize>nStep << 2), 4, lanes), a), m));
      s0 = f64x2.add(s0, low64(g));
      s1 = f64x2.add(s1, high64(g));
      q0 = f64x2.add(q0, low64(q));
      q1 = f64x2.add(q1, high64(q));
    }
    putSums(partials + (<usize>(part * 2 * channels + c) << 3), channels, lanes, s0, s1, q0, q1);
  }
}

/** dx = s (dy − g) − (x − a − m) h over a row. */
// @ts-ignore: decorator
@inline function mapBackRow(
  dy: usize, x: usize, step: isize, dx: usize, n: i32, a: f32, m: f32, s: f32, g: f32, h: f32,
): void {
  const a4 = f32x4.splat(a), m4 = f32x4.splat(m), s4 = f32x4.splat(s), g4 = f32x4.splat(g), h4 = f32x4.splat(h);
  if (step == 4) {
    while (n >= 8) {
      const d = f32x4.mul(f32x4.sub(v128.load(dy), g4), s4), e = f32x4.mul(f32x4.sub(v128.load(dy, 16), g4), s4);
      const v = nmadd(f32x4.sub(f32x4.sub(v128.load(x), a4), m4), h4, d);
      const u = nmadd(f32x4.sub(f32x4.sub(v128.load(x, 16), a4), m4), h4, e);
      v128.store(dx, v);
      v128.store(dx, u, 16);
      dy += 32;
      x += 32;
      dx += 32;
      n -= 8;
    }
  }
  while (n > 0) {
    const lanes = min(n, 4);
    const d = f32x4.mul(f32x4.sub(loadLanes(dy, 4, lanes), g4), s4);
    storeLanes(dx, nmadd(f32x4.sub(f32x4.sub(loadLanes(x, step, lanes), a4), m4), h4, d), 4, lanes);
    dy += 16;
    x += 4 * step;
    dx += 16;
    n -= 4;
  }
}

/** dx of one part, and where it is the first, dw and db. Unless `centred`, statistics were fixed. */
export function batch_norm_backward_f32(
  task: i32, dy: usize, x: usize, weight: optional, variance: usize, shift: usize, partials: usize, dx: usize, dWeight: usize, dBias: usize,
  centred: i32, channels: i32, parts: i32, batch: i32, perPart: i32, places: i32, nStep: i32, cStep: i32, pStep: i32, perTask: i32, eps: f64,
): void {
  const part = task % parts;
  const first = part * perPart, end = min(first + perPart, batch);
  const last = min((task / parts + 1) * perTask, channels);
  const share = centred ? 1 / (<f64>batch * <f64>places) : 0;
  for (let c = task / parts * perTask; c < last; c++) {
    const at = <usize>c << 2;
    const channel = x + (<isize>c * <isize>cStep << 2);
    const a: f32 = centred ? load<f32>(channel) : 0, m = load<f32>(shift + at);
    const r = 1 / sqrt<f64>(<f64>load<f32>(variance + at) + eps);
    const sum = total(partials, 0, c, channels, parts), dot = total(partials, 1, c, channels, parts);
    if (part == 0) {
      store<f32>(dBias + at, <f32>sum);
      store<f32>(dWeight + at, <f32>(dot * r));
    }
    const s = r * <f64>(weight ? load<f32>(weight + at) : 1);
    const g = <f32>(sum * share), h = <f32>(s * r * r * dot * share);
    for (let n = first; n < end; n++) {
      const row = <usize>(n * channels + c) * <usize>places << 2;
      mapBackRow(dy + row, channel + (<isize>n * <isize>nStep << 2), <isize>pStep << 2, dx + row, places, a, m, <f32>s, g, h);
    }
  }
}

export function batch_norm_backward_columns_f32(
  task: i32, dy: usize, x: usize, weight: optional, variance: usize, shift: usize, partials: usize, dx: usize, dWeight: usize, dBias: usize,
  centred: i32, channels: i32, parts: i32, batch: i32, perPart: i32, nStep: i32, perTask: i32, eps: f64,
): void {
  const part = task % parts;
  const first = part * perPart, end = min(first + perPart, batch);
  const last = min((task / parts + 1) * perTask, channels);
  const share = centred ? 1 / <f64>batch : 0;
  for (let c = task / parts * perTask; c < last; c += 4) {
    const lanes = min(last - c, 4);
    const at = <usize>c << 2;
    const channel = x + at;
    const a = centred ? loadLanes(channel, 4, lanes) : f32x4.splat(0), m = loadLanes(shift + at, 4, lanes);
    let s = f32x4.splat(0), g = s, h = s;
    for (let i = 0; i < lanes; i++) {
      const to = at + (<usize>i << 2);
      const r = 1 / sqrt<f64>(<f64>load<f32>(variance + to) + eps);
      const sum = total(partials, 0, c + i, channels, parts), dot = total(partials, 1, c + i, channels, parts);
      if (part == 0) {
        store<f32>(dBias + to, <f32>sum);
        store<f32>(dWeight + to, <f32>(dot * r));
      }
      const scale = r * <f64>(weight ? load<f32>(weight + to) : 1);
      s = withLane(s, i, <f32>scale);
      g = withLane(g, i, <f32>(sum * share));
      h = withLane(h, i, <f32>(scale * r * r * dot * share));
    }
    for (let n = first; n < end; n++) {
      const row = <usize>(n * channels + c) << 2;
      const d = f32x4.mul(f32x4.sub(loadLanes(dy + row, 4, lanes), g), s);
      const v = f32x4.sub(f32x4.sub(loadLanes(channel + (<isize>n * <isize>nStep << 2), 4, lanes), a), m);
      storeLanes(dx + row, nmadd(v, h, d), 4, lanes);
    }
  }
}

/** share = momentum, or below 0 one by the number of batches; `bessel` is samples / (samples − 1). */
export function running_statistics_f32(
  task: i32, mean: usize, variance: usize, runningMean: usize, runningVariance: usize, batches: usize,
  newMean: usize, newVariance: usize, newBatches: usize, channels: i32, momentum: f64, bessel: f64,
): void {
  const count = load<i32>(batches) + 1;
  const share = momentum < 0 ? 1 / <f64>count : momentum;
  for (let c = 0; c < channels; c++) {
    const at = <usize>c << 2;
    const m = <f64>load<f32>(runningMean + at), v = <f64>load<f32>(runningVariance + at);
    store<f32>(newMean + at, <f32>(m + (<f64>load<f32>(mean + at) - m) * share));
    store<f32>(newVariance + at, <f32>(v + (<f64>load<f32>(variance + at) * bessel - v) * share));
  }
  store<i32>(newBatches, count);
}
