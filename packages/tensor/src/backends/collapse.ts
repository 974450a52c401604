import type { Shape } from "../shape.ts";

/** Operands walked together: the sizes of the walk, and for each operand its stride in every dim. */
export interface Walk {
  readonly sizes: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/**
 * The same walk, in the same order, with as few dims as possible: dims of size 1 go, and neighbours that every operand crosses
 * without a gap become one. Kernels then see long rows.
 */
export const collapse = (shape: Shape, operands: readonly (readonly number[])[]): Walk => {
  const sizes: number[] = [];
  const strides: number[][] = operands.map(() => []);
  for (const [d, size] of shape.entries()) {
    if (size === 1) continue;
    const last = sizes.length - 1;
    const joins = last >= 0 && operands.every((operand, i) => strides[i]![last] === operand[d]! * size);
    if (joins) sizes[last]! *= size;
    else sizes.push(size);
    for (const [i, operand] of operands.entries()) strides[i]![joins ? last : sizes.length - 1] = operand[d]!;
  }
  return { sizes, strides };
};
