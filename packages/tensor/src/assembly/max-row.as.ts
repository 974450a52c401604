/** The maximum of a row, for whatever subtracts it before it exponentiates. */
import { max4 } from "./simd.as";

/** max x over n floats in a row, NaN left out: `pmax` is one instruction where `max` is eight. */
export function maxRow(x: usize, n: i32): f32 {
  let a = f32x4.splat(-Infinity), b = a, c = a, d = a;
  while (n >= 16) {
    a = f32x4.pmax(a, v128.load(x));
    b = f32x4.pmax(b, v128.load(x, 16));
    c = f32x4.pmax(c, v128.load(x, 32));
    d = f32x4.pmax(d, v128.load(x, 48));
    x += 64;
    n -= 16;
  }
  while (n >= 4) {
    a = f32x4.pmax(a, v128.load(x));
    x += 16;
    n -= 4;
  }
  let max = max4(f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)));
  while (n > 0) {
    const value = load<f32>(x);
    if (value > max) max = value;
    x += 4;
    n--;
  }
  return max;
}
