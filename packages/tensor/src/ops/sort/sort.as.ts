/**
 * The order of the elements of rows, as indices.
 *
 *   argsort  y[row, k] = the place in its row of the k-th smallest x, or of the k-th largest when `descending`
 *
 * NaN is greater than all, −0 equals 0, and equal elements keep their order. A row is sorted as pairs of key and place in one int64, of
 * which no two are equal: runs of 16 by insertion, then merges of twice the width, O(n log n). After torch.argsort.
 */

const RUN = 16;

/** Floats in the order of these: sign and magnitude as two's complement, −0 as 0, and NaN last. */
// @ts-ignore: decorator
@inline function keyOf(bits: i32): i32 {
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return i32.MAX_VALUE;
  return bits < 0 ? -magnitude : bits;
}

/** Sorts `n` pairs by insertion. */
function insert(pairs: usize, n: i32): void {
  const end = pairs + (<usize>n << 3);
  for (let next = pairs + 8; next < end; next += 8) {
    const pair = load<i64>(next);
    let at = next;
    for (; at > pairs; at -= 8) {
      const before = load<i64>(at - 8);
      if (before <= pair) break;
      store<i64>(at, before);
    }
    store<i64>(at, pair);
  }
}

/** Merges the sorted pairs in [a, middle) and [middle, end) to `to`. */
function merge(a: usize, middle: usize, end: usize, to: usize): void {
  let b = middle;
  while (a < middle && b < end) {
    const left = load<i64>(a), right = load<i64>(b), fromLeft = left < right;
    store<i64>(to, fromLeft ? left : right);
    a += <usize>fromLeft << 3;
    b += <usize>!fromLeft << 3;
    to += 8;
  }
  memory.copy(to, a, middle - a);
  memory.copy(to + (middle - a), b, end - b);
}

/** Sorts `n` pairs, with as much space in `other`: where they are then. */
function sortPairs(pairs: usize, other: usize, n: i32): usize {
  for (let start = 0; start < n; start += RUN) insert(pairs + (<usize>start << 3), min(RUN, n - start));
  let from = pairs, to = other;
  for (let width = RUN; width < n; width <<= 1) {
    for (let start = 0; start < n; start += width << 1) {
      const middle = min(start + width, n), end = min(start + (width << 1), n);
      merge(from + (<usize>start << 3), from + (<usize>middle << 3), from + (<usize>end << 3), to + (<usize>start << 3));
    }
    const done = to;
    to = from;
    from = done;
  }
  return from;
}

/** A task sorts `perTask` of the `rows`, in 16 bytes of scratch for each element of one row. `floats`: x is float32, else int32. */
export function argsort(
  task: i32, x: usize, space: usize, y: usize, n: i32, rows: i32, perTask: i32, floats: i32, descending: i32,
): void {
  const end = min((task + 1) * perTask, rows), bytes = <usize>n << 3, flip = descending ? -1 : 0;
  const pairs = space + <usize>task * (bytes << 1);
  for (let row = task * perTask; row < end; row++) {
    const from = x + (<usize>row * <usize>n << 2), to = y + (<usize>row * <usize>n << 2);
    for (let i = 0; i < n; i++) {
      const value = load<i32>(from + (<usize>i << 2)), key = (floats ? keyOf(value) : value) ^ flip;
      store<i64>(pairs + (<usize>i << 3), (<i64>key << 32) | <i64>i);
    }
    const sorted = sortPairs(pairs, pairs + bytes, n);
    for (let i = 0; i < n; i++) store<i32>(to + (<usize>i << 2), load<i32>(sorted + (<usize>i << 3)));
  }
}
