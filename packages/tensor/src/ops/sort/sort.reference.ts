import type { ReferenceKernel } from "../../op.ts";
import type { ArgsortSignature } from "./sort.ts";

/** Negative when a comes before b: NaN is greater than all, and equal to itself. */
const compare = (a: number, b: number): number =>
  Number.isNaN(a) || Number.isNaN(b)
    ? Number(Number.isNaN(a)) - Number(Number.isNaN(b))
    : Number(a > b) - Number(a < b);

/** y[row, k] = the place of the k-th element in the sorted row; equal ones keep their order. */
export const argsortReference: ReferenceKernel<ArgsortSignature> = ([x], [y], { descending }) => {
  const n = x.layout.shape.at(-1)!;
  for (let start = 0; start < y.values.length; start += n) {
    const row = x.values.subarray(start, start + n);
    const order = Array.from(row, (_, i) => i);
    order.sort((i, j) => (descending ? compare(row[j]!, row[i]!) : compare(row[i]!, row[j]!)));
    y.values.set(order, start);
  }
};
