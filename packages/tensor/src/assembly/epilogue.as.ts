/**
 * What follows a matrix product, on a block of C that is still in cache:
 *
 *   pre = C + bias + addend,  C = f(pre)        C [rows, columns] with rows `ldc` bytes apart, bias [columns], pre and addend like C
 *
 * `bias`, `addend` and `pre` may be 0: nothing to add, and the pre-activation is not wanted. Four vectors a
 * round, so that the constants of an activation are loaded once for 16 elements.
 */
import { gelu4, geluTanh4 } from "./math.as";
import { loadLanes, storeLanes } from "./simd.as";

/** What f is. @shared */
export const enum ActivationCode {
  none = 0,
  relu = 1,
  gelu = 2,
  geluTanh = 3,
}

// @ts-ignore: decorator
@inline function activate(x: v128, activation: i32): v128 {
  if (activation == ActivationCode.relu) return f32x4.max(x, i32x4.splat(0));
  if (activation == ActivationCode.gelu) return gelu4(x);
  if (activation == ActivationCode.geluTanh) return geluTanh4(x);
  return x;
}

// @ts-ignore: decorator
@inline function row(c: usize, pre: usize, bias: usize, addend: usize, columns: i32, activation: i32): void {
  for (; columns >= 16; columns -= 16) {
    let x = v128.load(c), y = v128.load(c, 16), z = v128.load(c, 32), w = v128.load(c, 48);
    if (bias) {
      x = f32x4.add(x, v128.load(bias));
      y = f32x4.add(y, v128.load(bias, 16));
      z = f32x4.add(z, v128.load(bias, 32));
      w = f32x4.add(w, v128.load(bias, 48));
      bias += 64;
    }
    if (addend) {
      x = f32x4.add(x, v128.load(addend));
      y = f32x4.add(y, v128.load(addend, 16));
      z = f32x4.add(z, v128.load(addend, 32));
      w = f32x4.add(w, v128.load(addend, 48));
      addend += 64;
    }
    if (pre) {
      v128.store(pre, x);
      v128.store(pre, y, 16);
      v128.store(pre, z, 32);
      v128.store(pre, w, 48);
      pre += 64;
    }
    // No store between the four: behind one, the constants would be loaded anew.
    const fx = activate(x, activation), fy = activate(y, activation);
    const fz = activate(z, activation), fw = activate(w, activation);
    v128.store(c, fx);
    v128.store(c, fy, 16);
    v128.store(c, fz, 32);
    v128.store(c, fw, 48);
    c += 64;
  }
  for (; columns > 0; columns -= 4) {
    const n = min(columns, 4);
    let x = loadLanes(c, 4, n);
    if (bias) {
      x = f32x4.add(x, loadLanes(bias, 4, n));
      bias += 16;
    }
    if (addend) {
      x = f32x4.add(x, loadLanes(addend, 4, n));
      addend += 16;
    }
    if (pre) {
      storeLanes(pre, x, 4, n);
      pre += 16;
    }
    storeLanes(c, activate(x, activation), 4, n);
    c += 16;
  }
}

function finishNone(c: usize, pre: usize, bias: usize, addend: usize, columns: i32): void {
  row(c, pre, bias, addend, columns, ActivationCode.none);
}
function finishRelu(c: usize, pre: usize, bias: usize, columns: i32): void {
  row(c, pre, bias, 0, columns, ActivationCode.relu);
}
function finishGelu(c: usize, pre: usize, bias: usize, columns: i32): void {
  row(c, pre, bias, 0, columns, ActivationCode.gelu);
}
function finishGeluTanh(c: usize, pre: usize, bias: usize, columns: i32): void {
  row(c, pre, bias, 0, columns, ActivationCode.geluTanh);
}

/**
 * Finishes the block at `c`; `pre` and `addend` point to the same block of their own matrices, `bias` to the block's first column.
 * `addend` is 0 where there is an activation.
 */
export function finish(c: usize, pre: usize, ldc: usize, rows: i32, columns: i32, bias: usize, addend: usize, activation: i32): void {
  if (!bias && !pre && !addend && activation == ActivationCode.none) return;
  for (let i = 0; i < rows; i++) {
    if (activation == ActivationCode.none) finishNone(c, pre, bias, addend, columns);
    else if (activation == ActivationCode.relu) finishRelu(c, pre, bias, columns);
    else if (activation == ActivationCode.gelu) finishGelu(c, pre, bias, columns);
    else finishGeluTanh(c, pre, bias, columns);
    c += ldc;
    if (pre) pre += ldc;
    if (addend) addend += ldc;
  }
}
