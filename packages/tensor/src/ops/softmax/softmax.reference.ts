import type { Data, ReferenceKernel } from "../../op.ts";
import { numel } from "../../shape.ts";
import type { SoftmaxBackwardSignature, SoftmaxSignature } from "./softmax.ts";

/** Calls `visit` with the positions of the elements of each line along `dim`. */
const forEachLine = ({ layout: { shape } }: Data, dim: number, visit: (line: readonly number[]) => void): void => {
  const n = shape[dim] ?? 1;
  const inner = numel(shape.slice(dim + 1));
  const outer = numel(shape.slice(0, dim));
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) visit(Array.from({ length: n }, (_, k) => (o * n + k) * inner + i));
};

/** The maximum of a line, and Σ e^(x − max). NaN wins. */
const totalOf = (x: Data, line: readonly number[]): { max: number; total: number } => {
  const max = line.reduce((best, at) => Math.max(best, x.values[at]!), -Infinity);
  return { max, total: line.reduce((sum, at) => sum + Math.exp(x.values[at]! - max), 0) };
};

/** y_k = e^(x_k − m) / Σ_j e^(x_j − m). */
export const softmaxReference: ReferenceKernel<SoftmaxSignature> = ([x], [y], { dim }) =>
  forEachLine(x, dim, (line) => {
    const { max, total } = totalOf(x, line);
    for (const at of line) y.values[at] = Math.exp(x.values[at]! - max) / total;
  });

/** y_k = x_k − m − ln Σ_j e^(x_j − m). */
export const logSoftmaxReference: ReferenceKernel<SoftmaxSignature> = ([x], [y], { dim }) =>
  forEachLine(x, dim, (line) => {
    const { max, total } = totalOf(x, line);
    for (const at of line) y.values[at] = x.values[at]! - max - Math.log(total);
  });

/** dx_k = y_k (dy_k − Σ_j dy_j y_j). */
export const softmaxBackwardReference: ReferenceKernel<SoftmaxBackwardSignature> = ([dy, y], [dx], { dim }) =>
  forEachLine(y, dim, (line) => {
    const dot = line.reduce((sum, at) => sum + dy.values[at]! * y.values[at]!, 0);
    for (const at of line) dx.values[at] = y.values[at]! * (dy.values[at]! - dot);
  });

/** dx_k = dy_k − e^(y_k) Σ_j dy_j. */
export const logSoftmaxBackwardReference: ReferenceKernel<SoftmaxBackwardSignature> = ([dy, y], [dx], { dim }) =>
  forEachLine(y, dim, (line) => {
    const total = line.reduce((sum, at) => sum + dy.values[at]!, 0);
    for (const at of line) dx.values[at] = dy.values[at]! - Math.exp(y.values[at]!) * total;
  });
