/**
 * Cross-entropy of rows of logits x [rows, n] with one target class t a row, forward and backward.
 *
 *   m = max x,  s = Σ_c e^(x_c − m),  lse = m + ln s
 *   loss = ln s − (1 − ε)(x_t − m) − ε/n · Σ_c (x_c − m)             = −Σ_c q_c ln softmax(x)_c
 *   dx_c = dloss · (e^(x_c − lse) − q_c),   q_c = (1 − ε)[c = t] + ε/n
 *
 * ε is the label smoothing. A row whose target is `ignore` has loss and dx 0; any other target outside [0, n) is a fault. A task
 * does `perTask` rows, each in two passes, or one backward. Sums are float32 in 16 lanes; that of the smoothing is float64.
 * After torch.nn.functional.cross_entropy and Szegedy et al., https://arxiv.org/abs/1512.00567
 */
import { checkedIndex } from "../../assembly/fault.as";
import { expNegative4, log4 } from "../../assembly/math.as";
import { maxRow } from "../../assembly/max-row.as";
import { optional } from "../../assembly/optional.as";
import { accumulate, loadLanes, storeLanes, sum64 } from "../../assembly/simd.as";

/** The first `n` < 4 floats; the other lanes repeat `fill`. */
// @ts-ignore: decorator
@inline function loadTail(x: usize, n: i32, fill: v128): v128 {
  const v = loadLanes(x, 4, n);
  if (n == 1) return v128.shuffle<f32>(v, fill, 0, 4, 5, 6);
  if (n == 2) return v128.shuffle<f32>(v, fill, 0, 1, 4, 5);
  return v128.shuffle<f32>(v, fill, 0, 1, 2, 4);
}

/** Σ e^(x_c − m) over n floats, none above m. */
function sumExp(x: usize, n: i32, m: f32): f32 {
  const m4 = f32x4.splat(m);
  let a = f32x4.splat(0), b = a, c = a, d = a;
  while (n >= 16) {
    a = f32x4.add(a, expNegative4(f32x4.sub(v128.load(x), m4)));
    b = f32x4.add(b, expNegative4(f32x4.sub(v128.load(x, 16), m4)));
    c = f32x4.add(c, expNegative4(f32x4.sub(v128.load(x, 32), m4)));
    d = f32x4.add(d, expNegative4(f32x4.sub(v128.load(x, 48), m4)));
    x += 64;
    n -= 16;
  }
  while (n >= 4) {
    a = f32x4.add(a, expNegative4(f32x4.sub(v128.load(x), m4)));
    x += 16;
    n -= 4;
  }
  // e^−∞ adds nothing.
  if (n > 0) b = f32x4.add(b, expNegative4(f32x4.sub(loadTail(x, n, f32x4.splat(-Infinity)), m4)));
  const sum = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
  const pair = f32x4.add(sum, v128.shuffle<i64>(sum, sum, 1, 1));
  return f32x4.extract_lane(pair, 0) + f32x4.extract_lane(pair, 1);
}

/** Σ (x_c − m) over n floats. */
function sumShifted(x: usize, n: i32, m: f32): f64 {
  const m4 = f32x4.splat(m);
  let a = f64x2.splat(0), b = a;
  while (n >= 8) {
    a = accumulate(a, f32x4.sub(v128.load(x), m4));
    b = accumulate(b, f32x4.sub(v128.load(x, 16), m4));
    x += 32;
    n -= 8;
  }
  if (n >= 4) {
    a = accumulate(a, f32x4.sub(v128.load(x), m4));
    x += 16;
    n -= 4;
  }
  if (n > 0) b = accumulate(b, f32x4.sub(loadTail(x, n, m4), m4));
  return sum64(f64x2.add(a, b));
}

/** lse is 0 where nothing records. */
export function cross_entropy_f32(
  task: i32, x: usize, target: usize, loss: usize, lse: optional, rows: i32, n: i32, perTask: i32, ignore: i32, smoothing: f32,
): void {
  const end = min((task + 1) * perTask, rows);
  for (let row = task * perTask; row < end; row++) {
    const at = <usize>row << 2, from = x + (<usize>row * <usize>n << 2);
    const t = load<i32>(target + at);
    if (t == ignore) {
      store<f32>(loss + at, 0);
      if (lse) store<f32>(lse + at, 0);
      continue;
    }
    const m = maxRow(from, n);
    const log = f32x4.extract_lane(log4(f32x4.splat(sumExp(from, n, m))), 0);
    const own = load<f32>(from + (<usize>checkedIndex(t, n) << 2)) - m;
    let value = log - own;
    if (smoothing > 0) {
      const even = <f32>(sumShifted(from, n, m) / <f64>n);
      value = log - ((1 - smoothing) * own + smoothing * even);
    }
    store<f32>(loss + at, value);
    if (lse) store<f32>(lse + at, m + log);
  }
}

/** dloss has one stride, in elements: 0 when one number serves all rows. */
export function cross_entropy_backward_f32(
  task: i32, dloss: usize, x: usize, target: usize, lse: usize, dx: usize,
  rows: i32, n: i32, perTask: i32, dlossStep: i32, ignore: i32, smoothing: f32,
): void {
  const end = min((task + 1) * perTask, rows);
  const even = f32x4.splat(smoothing / <f32>n);
  for (let row = task * perTask; row < end; row++) {
    const at = <usize>row << 2, start = <usize>row * <usize>n << 2;
    let from = x + start, to = dx + start;
    const t = load<i32>(target + at);
    if (t == ignore) {
      memory.fill(to, 0, <usize>n << 2);
      continue;
    }
    const g = load<f32>(dloss + (<isize>row * <isize>dlossStep << 2));
    const g4 = f32x4.splat(g), lse4 = v128.load32_splat(lse + at);
    let left = n;
    while (left >= 16) {
      const a = expNegative4(f32x4.sub(v128.load(from), lse4)), b = expNegative4(f32x4.sub(v128.load(from, 16), lse4));
      const c = expNegative4(f32x4.sub(v128.load(from, 32), lse4)), d = expNegative4(f32x4.sub(v128.load(from, 48), lse4));
      v128.store(to, f32x4.mul(g4, f32x4.sub(a, even)));
      v128.store(to, f32x4.mul(g4, f32x4.sub(b, even)), 16);
      v128.store(to, f32x4.mul(g4, f32x4.sub(c, even)), 32);
      v128.store(to, f32x4.mul(g4, f32x4.sub(d, even)), 48);
      from += 64;
      to += 64;
      left -= 16;
    }
    while (left > 0) {
      const lanes = min(left, 4);
      storeLanes(to, f32x4.mul(g4, f32x4.sub(expNegative4(f32x4.sub(loadLanes(from, 4, lanes), lse4)), even)), 4, lanes);
      from += 16;
      to += 16;
      left -= lanes;
    }
    // (p − ε/n) and then − (1 − ε), rather than dloss times a difference of two products.
    const own = start + (<usize>checkedIndex(t, n) << 2);
    const p = f32x4.extract_lane(expNegative4(f32x4.sub(v128.load32_splat(x + own), lse4)), 0);
    store<f32>(dx + own, g * (p - f32x4.extract_lane(even, 0) - (1 - smoothing)));
  }
}
