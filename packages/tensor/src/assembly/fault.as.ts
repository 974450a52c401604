/**
 * Faults that only the data shows, such as an index out of range. The kernel notes the offending value and goes on as if it
 * were 0; the backend clears the flag before the step and turns it into a typed error after it.
 */

/** Byte address of the flag; the value follows it. @shared */
// @ts-ignore: decorator
@inline const FAULT: usize = 64;

/** Notes an unusable value. */
export function fault(value: i32): void {
  store<i32>(FAULT, 1);
  store<i32>(FAULT + 4, value);
}

/** The index if 0 <= index < size; otherwise 0, with the fault noted. */
// @ts-ignore: decorator
@inline export function checkedIndex(index: i32, size: i32): i32 {
  if (<u32>index < <u32>size) return index;
  fault(index);
  return 0;
}
