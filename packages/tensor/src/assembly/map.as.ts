/**
 * The loops of elementwise kernels: y[i] = f(x[i], …) for operands of any strides and a contiguous y.
 *
 * The elements of y form rows of `inner`; along a row each operand has one stride, and the rows are counted by `dims` outer
 * sizes. A task computes elements [task · chunk, (task + 1) · chunk) of y. The words:
 *
 *   [inner, chunk, total, dims, size of each outer dim (innermost first),
 *    then for each operand: stride along a row, stride of each outer dim]        strides in elements
 *
 * Four vectors a round: their constants are loaded once, and their chains overlap. Rows that are strided, and tails, go
 * through the same vector function lane by lane, so an element's value does not depend on where it lies.
 */
import { loadLanes, storeLanes } from "./simd.as";

// @ts-ignore: decorator
@inline export const INNER: usize = 0;
// @ts-ignore: decorator
@inline export const CHUNK: usize = 4;
// @ts-ignore: decorator
@inline export const TOTAL: usize = 8;
// @ts-ignore: decorator
@inline const DIMS: usize = 12;
// @ts-ignore: decorator
@inline const SIZES: usize = 16;

/** Elements from an operand's start to row `row` of it. */
export function rowOffset(words: usize, row: i32, operand: i32): isize {
  const dims = load<i32>(words + DIMS);
  let size = words + SIZES;
  let stride = size + (<usize>(dims + operand * (dims + 1) + 1) << 2);
  let offset: isize = 0;
  for (let d = 1; d < dims; d++) {
    const n = load<i32>(size);
    offset += <isize>(row % n) * <isize>load<i32>(stride);
    row /= n;
    size += 4;
    stride += 4;
  }
  // The outermost needs no remainder.
  return dims > 0 ? offset + <isize>row * <isize>load<i32>(stride) : 0;
}

/** An operand's stride along a row, in elements. */
// @ts-ignore: decorator
@inline export function innerStride(words: usize, operand: i32): i32 {
  const dims = load<i32>(words + DIMS);
  return load<i32>(words + SIZES + (<usize>(dims + operand * (dims + 1)) << 2));
}

/** Four elements in a row, `offset` elements on, 0, 4, 8 or 12: V8 sees which loads are neighbours by their literal offsets. 4-byte ones as they are, bytes widened to int32. */
// @ts-ignore: decorator
@inline export function read4<T>(at: usize, offset: usize): v128 {
  if (sizeof<T>() == 4) {
    if (offset == 0) return v128.load(at);
    if (offset == 4) return v128.load(at, 16);
    if (offset == 8) return v128.load(at, 32);
    return v128.load(at, 48);
  }
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at + offset)));
}

function byteLanes(at: usize, step: usize, n: i32): v128 {
  let v = v128.load8_lane(at, i32x4.splat(0), 0);
  if (n > 1) v = v128.load8_lane(at + step, v, 4);
  if (n > 2) v = v128.load8_lane(at + 2 * step, v, 8);
  if (n > 3) v = v128.load8_lane(at + 3 * step, v, 12);
  return v;
}

/** One to four elements `step` bytes apart; reads no byte outside them. */
// @ts-ignore: decorator
@inline export function read<T>(at: usize, step: usize, n: i32): v128 {
  if (n == 4 && step == sizeof<T>()) return read4<T>(at, 0);
  if (step == 0) return splat<T>(at);
  return sizeof<T>() == 4 ? loadLanes(at, step, n) : byteLanes(at, step, n);
}

/** One element in all lanes. */
// @ts-ignore: decorator
@inline export function splat<T>(at: usize): v128 {
  if (sizeof<T>() == 4) return v128.load32_splat(at);
  return i32x4.splat(load<u8>(at));
}

/** Lanes that are all ones or all zeros, as bytes 1 or 0: four bits, spread out by one product. */
// @ts-ignore: decorator
@inline function maskBytes(mask: v128): i32 {
  return (i32x4.bitmask(mask) * 0x00204081) & 0x01010101;
}

function putBytes(at: usize, bytes: i32, n: i32): void {
  store<u8>(at, bytes);
  if (n > 1) store<u8>(at + 1, bytes >> 8);
  if (n > 2) store<u8>(at + 2, bytes >> 16);
}

/** Four results in a row, `offset` elements on: 4-byte ones as they are, a mask as bytes. */
// @ts-ignore: decorator
@inline export function write4<T>(at: usize, v: v128, offset: usize): void {
  if (sizeof<T>() == 4) {
    if (offset == 0) v128.store(at, v);
    else if (offset == 4) v128.store(at, v, 16);
    else if (offset == 8) v128.store(at, v, 32);
    else v128.store(at, v, 48);
  } else store<i32>(at + offset, maskBytes(v));
}

/** One to four results in a row; touches no byte outside them. */
// @ts-ignore: decorator
@inline export function write<T>(at: usize, v: v128, n: i32): void {
  if (n == 4) write4<T>(at, v, 0);
  else if (sizeof<T>() == 4) storeLanes(at, v, 4, n);
  else putBytes(at, maskBytes(v), n);
}
