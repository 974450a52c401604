import type { Backend } from "../../backend.ts";
import type { DType } from "../../dtype.ts";
import type { Data, ReferenceKernel } from "../../op.ts";
import { contiguousStrides, type Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { forEachElement } from "./copy.reference.ts";
import type { PlaceAttrs } from "./move.ts";

/** The value as a tensor of the dtype stores it. */
const stored = (value: number, dtype: DType): number => (dtype === "bool" ? Number(value !== 0) : value);

/** Writes x into y at `starts`, every `steps`-th element. */
const put = (x: Data, y: Data, starts: readonly number[], steps: readonly number[]): void => {
  const into = contiguousStrides(y.layout.shape);
  const offset = starts.reduce((at, start, d) => at + start * into[d]!, 0);
  const strides = into.map((stride, d) => stride * steps[d]!);
  forEachElement({ shape: x.layout.shape, strides, offset, dtype: x.layout.dtype }, (i, at) => {
    y.values[at] = x.values[i]!;
  });
};

/** y = value everywhere but at y[starts + i·steps] = x[i]. */
export const placeReference: ReferenceKernel<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: PlaceAttrs }> = (
  [x],
  [y],
  { starts, steps, value },
) => {
  y.values.fill(stored(value, y.layout.dtype));
  put(x, y, starts, steps);
};

/** The inputs one after the other along `dim`. */
export const catReference: ReferenceKernel<{ inputs: Tensor[]; outputs: [y: Tensor]; attrs: { dim: number } }> = (
  inputs,
  [y],
  { dim },
) => {
  let start = 0;
  const ones = y.layout.shape.map(() => 1);
  for (const x of inputs) {
    if (!x) continue;
    put(
      x,
      y,
      ones.map((_, d) => (d === dim ? start : 0)),
      ones,
    );
    start += x.layout.shape[dim]!;
  }
};

/** y = value. */
export const fillReference: ReferenceKernel<{
  inputs: [];
  outputs: [y: Tensor];
  attrs: { device: Backend; shape: Shape; dtype: DType; value: number };
}> = (_, [y], { value }) => {
  y.values.fill(stored(value, y.layout.dtype));
};
