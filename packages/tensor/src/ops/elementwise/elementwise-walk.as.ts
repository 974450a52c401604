/**
 * Walks over the operands of an elementwise op, of any strides, and applies its row of elementwise.as.ts to four lanes at a time. The two files
 * import each other: a generic function is compiled where it is used, with the row that it is used for.
 */
import {
  CHUNK, INNER, TOTAL, innerStride, read, read4, rowOffset, splat, write, write4,
} from "../../assembly/map.as";
import { rest } from "./elementwise-math.as";
import { apply1, apply2, apply3 } from "./elementwise.as";

// @ts-ignore: decorator
@inline export function unary<F, X, Y>(task: i32, x: usize, y: usize, words: usize, p: f32 = 0, q: f32 = 0): void {
  const inner = load<i32>(words + INNER), chunk = load<i32>(words + CHUNK);
  const p4 = f32x4.splat(p), q4 = f32x4.splat(q);
  const step = <isize>innerStride(words, 0) * sizeof<X>();
  let i = task * chunk;
  const end = min(i + chunk, load<i32>(words + TOTAL));
  let row = i / inner, column = i % inner;
  y += <usize>i * sizeof<Y>();
  while (i < end) {
    let n = min(inner - column, end - i);
    let from = x + rowOffset(words, row, 0) * sizeof<X>() + <isize>column * step;
    i += n;
    row++;
    column = 0;
    if (step == sizeof<X>())
      while (n >= 16) {
        const a = apply1<F>(read4<X>(from, 0), p4, q4), b = apply1<F>(read4<X>(from, 4), p4, q4);
        const c = apply1<F>(read4<X>(from, 8), p4, q4), d = apply1<F>(read4<X>(from, 12), p4, q4);
        write4<Y>(y, a, 0);
        write4<Y>(y, b, 4);
        write4<Y>(y, c, 8);
        write4<Y>(y, d, 12);
        from += 16 * sizeof<X>();
        y += 16 * sizeof<Y>();
        n -= 16;
      }
    while (n > 0) {
      const lanes = min(n, 4);
      write<Y>(y, apply1<F>(read<X>(from, step, lanes), p4, q4), lanes);
      from += <isize>lanes * step;
      y += <usize>lanes * sizeof<Y>();
      n -= lanes;
    }
  }
}

/** Sixteen elements a round, where an operand has stride 1 or, if `splatX` or `splatY`, stride 0. Returns how many it did. */
// @ts-ignore: decorator
@inline function blocks<F, X, Z>(splatX: bool, splatY: bool, x: usize, y: usize, z: usize, n: i32): i32 {
  let x4 = i32x4.splat(0), y4 = i32x4.splat(0);
  if (splatX) x4 = splat<X>(x);
  if (splatY) y4 = splat<X>(y);
  const done = n & ~15;
  const end = z + <usize>done * sizeof<Z>();
  while (z != end) {
    const a = apply2<F>(splatX ? x4 : read4<X>(x, 0), splatY ? y4 : read4<X>(y, 0));
    const b = apply2<F>(splatX ? x4 : read4<X>(x, 4), splatY ? y4 : read4<X>(y, 4));
    const c = apply2<F>(splatX ? x4 : read4<X>(x, 8), splatY ? y4 : read4<X>(y, 8));
    const d = apply2<F>(splatX ? x4 : read4<X>(x, 12), splatY ? y4 : read4<X>(y, 12));
    write4<Z>(z, a, 0);
    write4<Z>(z, b, 4);
    write4<Z>(z, c, 8);
    write4<Z>(z, d, 12);
    if (!splatX) x += 16 * sizeof<X>();
    if (!splatY) y += 16 * sizeof<X>();
    z += 16 * sizeof<Z>();
  }
  return done;
}

/** `speed`: 0 plain, 1 blocks of sixteen for operands in rows, 2 for a broadcast operand too. Code size is what they cost. */
// @ts-ignore: decorator
@inline export function binary<F, X, Z>(speed: i32, task: i32, x: usize, y: usize, z: usize, words: usize): void {
  const inner = load<i32>(words + INNER), chunk = load<i32>(words + CHUNK);
  const stepX = <isize>innerStride(words, 0) * sizeof<X>(), stepY = <isize>innerStride(words, 1) * sizeof<X>();
  const one: isize = sizeof<X>();
  let i = task * chunk;
  const end = min(i + chunk, load<i32>(words + TOTAL));
  let row = i / inner, column = i % inner;
  z += <usize>i * sizeof<Z>();
  while (i < end) {
    let n = min(inner - column, end - i);
    let fromX = x + rowOffset(words, row, 0) * sizeof<X>() + <isize>column * stepX;
    let fromY = y + rowOffset(words, row, 1) * sizeof<X>() + <isize>column * stepY;
    i += n;
    row++;
    column = 0;
    if (speed > 0) {
      let done = 0;
      if (stepX == one && stepY == one) done = blocks<F, X, Z>(false, false, fromX, fromY, z, n);
      if (speed > 1 && stepX == one && stepY == 0) done = blocks<F, X, Z>(false, true, fromX, fromY, z, n);
      if (speed > 1 && stepX == 0 && stepY == one) done = blocks<F, X, Z>(true, false, fromX, fromY, z, n);
      fromX += <isize>done * stepX;
      fromY += <isize>done * stepY;
      z += <usize>done * sizeof<Z>();
      n -= done;
    }
    while (n > 0) {
      const lanes = min(n, 4);
      write<Z>(z, apply2<F>(read<X>(fromX, stepX, lanes), read<X>(fromY, stepY, lanes)), lanes);
      fromX += <isize>lanes * stepX;
      fromY += <isize>lanes * stepY;
      z += <usize>lanes * sizeof<Z>();
      n -= lanes;
    }
  }
}

/** z = x % y one by one: the exact rest takes a loop over bits, and of a lane beyond the end 0 would be no fault. */
// @ts-ignore: decorator
@inline export function rests<T>(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  const inner = load<i32>(words + INNER), chunk = load<i32>(words + CHUNK);
  const stepX = innerStride(words, 0), stepY = innerStride(words, 1);
  const end = min(task * chunk + chunk, load<i32>(words + TOTAL));
  for (let i = task * chunk; i < end; i++) {
    const row = i / inner, column = i % inner;
    const a = load<T>(x + (rowOffset(words, row, 0) + column * stepX) * sizeof<T>());
    const b = load<T>(y + (rowOffset(words, row, 1) + column * stepY) * sizeof<T>());
    store<T>(z + <usize>i * sizeof<T>(), rest<T>(a, b));
  }
}

/** Sixteen elements a round, where c has stride 1, and a and b too or, if `splatA` or `splatB`, stride 0. Returns how many it did. */
// @ts-ignore: decorator
@inline function blocks3<F, C, X>(splatA: bool, splatB: bool, c: usize, a: usize, b: usize, y: usize, n: i32): i32 {
  let a4 = i32x4.splat(0), b4 = i32x4.splat(0);
  if (splatA) a4 = splat<X>(a);
  if (splatB) b4 = splat<X>(b);
  const done = n & ~15;
  const end = y + <usize>done * sizeof<X>();
  while (y != end) {
    const p = apply3<F>(read4<C>(c, 0), splatA ? a4 : read4<X>(a, 0), splatB ? b4 : read4<X>(b, 0));
    const q = apply3<F>(read4<C>(c, 4), splatA ? a4 : read4<X>(a, 4), splatB ? b4 : read4<X>(b, 4));
    const r = apply3<F>(read4<C>(c, 8), splatA ? a4 : read4<X>(a, 8), splatB ? b4 : read4<X>(b, 8));
    const s = apply3<F>(read4<C>(c, 12), splatA ? a4 : read4<X>(a, 12), splatB ? b4 : read4<X>(b, 12));
    write4<X>(y, p, 0);
    write4<X>(y, q, 4);
    write4<X>(y, r, 8);
    write4<X>(y, s, 12);
    c += 16 * sizeof<C>();
    if (!splatA) a += 16 * sizeof<X>();
    if (!splatB) b += 16 * sizeof<X>();
    y += 16 * sizeof<X>();
  }
  return done;
}

/** `speed`: 0 plain, 1 blocks of sixteen for operands in rows, 2 for one number beside them too. */
// @ts-ignore: decorator
@inline export function ternary<F, C, X>(speed: i32, task: i32, c: usize, a: usize, b: usize, y: usize, words: usize): void {
  const inner = load<i32>(words + INNER), chunk = load<i32>(words + CHUNK);
  const stepC = <isize>innerStride(words, 0) * sizeof<C>(), one: isize = sizeof<X>();
  const stepA = <isize>innerStride(words, 1) * sizeof<X>(), stepB = <isize>innerStride(words, 2) * sizeof<X>();
  let i = task * chunk;
  const end = min(i + chunk, load<i32>(words + TOTAL));
  let row = i / inner, column = i % inner;
  y += <usize>i * sizeof<X>();
  while (i < end) {
    let n = min(inner - column, end - i);
    let fromC = c + rowOffset(words, row, 0) * sizeof<C>() + <isize>column * stepC;
    let fromA = a + rowOffset(words, row, 1) * sizeof<X>() + <isize>column * stepA;
    let fromB = b + rowOffset(words, row, 2) * sizeof<X>() + <isize>column * stepB;
    i += n;
    row++;
    column = 0;
    if (speed > 0 && stepC == sizeof<C>()) {
      let done = 0;
      if (stepA == one && stepB == one) done = blocks3<F, C, X>(false, false, fromC, fromA, fromB, y, n);
      if (speed > 1 && stepA == one && stepB == 0) done = blocks3<F, C, X>(false, true, fromC, fromA, fromB, y, n);
      if (speed > 1 && stepA == 0 && stepB == one) done = blocks3<F, C, X>(true, false, fromC, fromA, fromB, y, n);
      if (speed > 1 && stepA == 0 && stepB == 0) done = blocks3<F, C, X>(true, true, fromC, fromA, fromB, y, n);
      fromC += <isize>done * stepC;
      fromA += <isize>done * stepA;
      fromB += <isize>done * stepB;
      y += <usize>done * sizeof<X>();
      n -= done;
    }
    while (n > 0) {
      const lanes = min(n, 4);
      const v = apply3<F>(read<C>(fromC, stepC, lanes), read<X>(fromA, stepA, lanes), read<X>(fromB, stepB, lanes));
      write<X>(y, v, lanes);
      fromC += <isize>lanes * stepC;
      fromA += <isize>lanes * stepA;
      fromB += <isize>lanes * stepB;
      y += <usize>lanes * sizeof<X>();
      n -= lanes;
    }
  }
}
