import { words, type Slot, type Words } from "../../slots.ts";

/** One operand: strides in elements from row to row of A (column to column of B), from k to k, and of the batch dims. */
export interface Operand {
  readonly slot: Slot;
  readonly across: number;
  readonly along: number;
  readonly batch: readonly number[];
}

/** C[batch] = f(A[batch] · B[batch] + bias + plus[batch]), C and plus contiguous; `null` for a tensor that is not there. */
export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: readonly number[];
  readonly a: Operand;
  readonly b: Operand;
  readonly bias: Slot | null;
  readonly plus: Slot | null;
  readonly pre: Slot | null;
  readonly activation: number;
}

/** An argument: how many batch dims, their sizes, and lists of their strides. */
export const batchWords = (sizes: readonly number[], ...strides: readonly (readonly number[])[]): Words =>
  words([sizes.length, ...sizes, ...strides.flat()]);

/** `size` cut into equal parts of at most `max`, rounded up to a multiple of `multiple`. */
export const evenPart = (size: number, max: number, multiple: number): number =>
  Math.ceil(size / Math.ceil(size / max) / multiple) * multiple;
