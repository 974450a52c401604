import { indices } from "./random-data.ts";

/** A result that is not what float64 arithmetic gives. Nothing is timed after it. */
export class CheckError extends Error {
  override name = "CheckError";
}

/** A number in float64, and how far float32 may be from it. */
export interface Expected {
  readonly value: number;
  readonly bound: number;
}

/** 2⁻²⁴: half the distance of 1 to the next float32. */
export const UNIT_ROUNDOFF = 2 ** -24;

/**
 * Σ left(p) · right(p) for p < count, in float64. Whatever the order of a float32 sum, fused or not, it is within (count + 1) · 2⁻²⁴ · Σ
 * |left(p) · right(p)| of that (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
 */
export const dot = (count: number, left: (p: number) => number, right: (p: number) => number): Expected => {
  let [value, size] = [0, 0];
  for (let p = 0; p < count; p++) {
    const product = left(p) * right(p);
    value += product;
    size += Math.abs(product);
  }
  return { value, bound: (count + 1) * UNIT_ROUNDOFF * size };
};

/** Within so many float32 roundings of `value`, or of `scale` where that is larger. */
export const near = (value: number, roundings: number, scale = 0): Expected => ({
  value,
  bound: roundings * UNIT_ROUNDOFF * Math.max(Math.abs(value), scale),
});

/**
 * Looks at entries of a result, drawn at random with a fixed seed.
 *
 * @throws CheckError naming the entry that is furthest off.
 */
export const checkEntries = (
  what: string,
  got: ArrayLike<number>,
  length: number,
  expected: (index: number) => Expected,
  count = 200,
): void => {
  if (got.length !== length) throw new CheckError(`${what}: expected ${length} numbers, got ${got.length}`);
  let [worst, message] = [1, ""];
  for (const index of indices(Math.min(count, length), length, 17)) {
    const { value, bound } = expected(index);
    const distance = Math.abs(got[index]! - value);
    if (distance <= bound || distance / bound <= worst) continue;
    worst = Number.isNaN(distance) ? Infinity : distance / bound;
    message = `${what}: entry ${index} is ${got[index]}, float64 gives ${value} ± ${bound.toExponential(1)}`;
  }
  if (message !== "") throw new CheckError(message);
};

/** @throws CheckError unless two numbers agree to `relative`. */
export const checkClose = (what: string, got: number, expected: number, relative: number): void => {
  if (!(Math.abs(got - expected) <= relative * Math.abs(expected)))
    throw new CheckError(`${what}: expected ${expected} within a factor of 1 ± ${relative}, got ${got}`);
};
