import { isInt32 } from "../../host-data.ts";
import type { Data, ReferenceKernel } from "../../op.ts";
import { contiguousStrides, type Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { forEachElement } from "../move/copy.reference.ts";
import { overflow } from "./overflow.ts";
import type { CumsumSignature, ReduceAttrs } from "./reduce.ts";

type Reduction = ReferenceKernel<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: ReduceAttrs }>;

/** Calls `visit(i, o)` for each element i of `shape`, with the element o of the output that it is reduced into. */
const forEachReduced = (shape: Shape, dims: readonly number[], visit: (i: number, o: number) => void): void => {
  const kept = shape.map((size, d) => (dims.includes(d) ? 1 : size));
  const strides = contiguousStrides(kept).map((stride, d) => (dims.includes(d) ? 0 : stride));
  forEachElement({ shape, strides, offset: 0, dtype: "float32" }, visit);
};

/** A sum as its dtype holds it. @throws OverflowError when int32 does not. */
const held = (op: string, y: Data, sum: number): number => {
  if (y.layout.dtype === "int32" && !isInt32(sum)) throw overflow(op);
  return sum;
};

/** y[o] = Σ x[i], in float64. */
export const sumReference: Reduction = ([x], [y], { dims }) => {
  const total = new Float64Array(y.values.length);
  forEachReduced(x.layout.shape, dims, (i, o) => {
    total[o]! += x.values[i]!;
  });
  for (let o = 0; o < total.length; o++) y.values[o] = held("sum", y, total[o]!);
};

/** y[o] = the x[i] that is better than all before it; NaN wins. */
const extremeReference =
  (better: (a: number, b: number) => boolean): Reduction =>
  ([x], [y], { dims }) => {
    const seen = new Uint8Array(y.values.length);
    forEachReduced(x.layout.shape, dims, (i, o) => {
      const value = x.values[i]!;
      if (!seen[o] || Number.isNaN(value) || better(value, y.values[o]!)) y.values[o] = value;
      seen[o] = 1;
    });
  };

export const amaxReference = extremeReference((a, b) => a > b);
export const aminReference = extremeReference((a, b) => a < b);

/** y[o] = the first position of the maximum along `dim`; a NaN counts as the maximum. */
export const argmaxReference: ReferenceKernel<{
  inputs: [x: Tensor];
  outputs: [y: Tensor];
  attrs: { dim: number; keepdim: boolean };
}> = ([x], [y], { dim }) => {
  const { shape } = x.layout;
  const best = new Float64Array(y.values.length);
  const next = new Int32Array(y.values.length);
  forEachReduced(shape, shape.length === 0 ? [] : [dim], (i, o) => {
    const value = x.values[i]!;
    const position = next[o]!++;
    if (position > 0 && !(value > best[o]! || (Number.isNaN(value) && !Number.isNaN(best[o]!)))) return;
    if (position > 0 && Number.isNaN(best[o]!)) return;
    best[o] = value;
    y.values[o] = position;
  });
};

/** y[…, j, …] = Σ_{k ≤ j} x[…, k, …] along `dim`, or Σ_{k ≥ j} when `reverse`, in float64. */
export const cumsumReference: ReferenceKernel<CumsumSignature> = ([x], [y], { dim, reverse }) => {
  const { shape } = x.layout;
  const length = shape[dim] ?? 1;
  const running = new Float64Array(length === 0 ? 0 : x.values.length / length);
  const visits: (readonly [i: number, o: number])[] = [];
  forEachReduced(shape, shape.length === 0 ? [] : [dim], (i, o) => visits.push([i, o]));
  for (const [i, o] of reverse ? visits.reverse() : visits) {
    running[o]! += x.values[i]!;
    y.values[i] = held("cumsum", y, running[o]!);
  }
};
