import type { ReferenceKernel } from "../../op.ts";
import type { Layout } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";

/** Calls `visit(i, at)` for each element in row-major order: its number, and its place in the storage. */
export const forEachElement = ({ shape, strides, offset }: Layout, visit: (i: number, at: number) => void): void => {
  const index = new Array<number>(shape.length).fill(0);
  const total = shape.reduce((n, size) => n * size, 1);
  for (let i = 0, at = offset; i < total; i++) {
    visit(i, at);
    for (let d = shape.length - 1; d >= 0; d--) {
      at += strides[d]!;
      if (++index[d]! < shape[d]!) break;
      at -= strides[d]! * shape[d]!;
      index[d] = 0;
    }
  }
};

/** y[i] = x[i], where x is any view and y is contiguous. */
export const copyReference: ReferenceKernel<{ inputs: [x: Tensor]; outputs: [y: Tensor] }> = ([x], [y]) => {
  forEachElement(x.layout, (i, at) => {
    y.values[i] = x.values[at]!;
  });
};
