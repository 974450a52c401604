/** Reductions of one contiguous row of floats that several families need. */
import { expNegative4 } from "./math.as";
import { high64, loadLanes, low64, max4, storeLanes, sum64 } from "./simd.as";

/** max x over n floats in a row; NaN wins. */
export function maxRow(x: usize, n: i32): f32 {
  let a = f32x4.splat(-Infinity), b = a, c = a, d = a;
  while (n >= 16) {
    a = f32x4.max(a, v128.load(x));
    b = f32x4.max(b, v128.load(x, 16));
    c = f32x4.max(c, v128.load(x, 32));
    d = f32x4.max(d, v128.load(x, 48));
    x += 64;
    n -= 16;
  }
  while (n >= 4) {
    a = f32x4.max(a, v128.load(x));
    x += 16;
    n -= 4;
  }
  let most = max4(f32x4.max(f32x4.max(a, b), f32x4.max(c, d)));
  while (n > 0) {
    most = max(most, load<f32>(x));
    x += 4;
    n--;
  }
  return most;
}

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
export function sumExp(x: usize, n: i32, m: f32): f64 {
  return sumTerms(x, 0, n, m, false);
}

/** Σ e^(x − m) over a row; the terms go to y. */
export function sumExpKept(x: usize, y: usize, n: i32, m: f32): f64 {
  return sumTerms(x, y, n, m, true);
}
