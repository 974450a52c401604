import { IndexError } from "../../error.ts";
import type { Data, ReferenceKernel } from "../../op.ts";
import { contiguousStrides, numel, type Shape } from "../../shape.ts";
import { forEachElement } from "../move/copy.reference.ts";
import type {
  EmbeddingBackwardSignature,
  EmbeddingSignature,
  GatherSignature,
  IndexAddSignature,
  IndexSelectSignature,
  OneHotSignature,
  ScatterAddSignature,
} from "./index.ts";

/** What is said of an index that lies outside. */
export const outside = (op: string, index: number, size: number): string =>
  `${op}: index ${index} is outside [0, ${size})`;

const inside = (op: string, index: number, size: number): number => {
  if (index < 0 || index >= size) throw new IndexError(outside(op, index, size));
  return index;
};

/** Calls `visit(a, b)` for the places of x[o, index[k], i] in `shape` and of y[o, k, i] beside it. */
const forEachRow = (
  op: string,
  shape: Shape,
  dim: number,
  index: Data,
  visit: (a: number, b: number, chosen: number) => void,
): void => {
  const [outer, n, inner] = [numel(shape.slice(0, dim)), shape[dim]!, numel(shape.slice(dim + 1))];
  const count = index.values.length;
  for (let o = 0; o < outer; o++)
    for (let k = 0; k < count; k++) {
      const chosen = inside(op, index.values[k]!, n);
      for (let i = 0; i < inner; i++) visit((o * n + chosen) * inner + i, (o * count + k) * inner + i, chosen);
    }
};

/** y[…, :] = weight[indices[…], :]. */
export const embeddingReference: ReferenceKernel<EmbeddingSignature> = ([indices, weight], [y]) =>
  forEachRow("embedding", weight.layout.shape, 0, indices, (from, to) => {
    y.values[to] = weight.values[from]!;
  });

/** dWeight[v, :] = Σ dy[i, :] over the i with indices[i] = v, in float64; 0 for v = paddingIdx. */
export const embeddingBackwardReference: ReferenceKernel<EmbeddingBackwardSignature> = (
  [dy, indices, start],
  [dWeight],
  { paddingIdx },
) => {
  const total = start ? Float64Array.from(start.values) : new Float64Array(dWeight.values.length);
  forEachRow("embedding", dWeight.layout.shape, 0, indices, (to, from, row) => {
    if (row !== paddingIdx) total[to]! += dy.values[from]!;
  });
  dWeight.values.set(total);
};

/** y[…, k, …] = x[…, index[k], …]. */
export const indexSelectReference: ReferenceKernel<IndexSelectSignature> = ([x, index], [y], { dim }) =>
  forEachRow("indexSelect", x.layout.shape, dim, index, (from, to) => {
    y.values[to] = x.values[from]!;
  });

/** y = x, or 0, then y[…, index[k], …] += source[…, k, …], in float64. */
export const indexAddReference: ReferenceKernel<IndexAddSignature> = ([x, index, source], [y], { dim }) => {
  const total = x ? Float64Array.from(x.values) : new Float64Array(y.values.length);
  forEachRow("indexAdd", y.layout.shape, dim, index, (to, from) => {
    total[to]! += source.values[from]!;
  });
  y.values.set(total);
};

/** Calls `visit(a, i)` for every element i of `index`, with the place a of […, index[i], …] in `shape`. */
const forEachChosen = (
  op: string,
  shape: Shape,
  dim: number,
  index: Data,
  visit: (a: number, i: number) => void,
): void => {
  const along = contiguousStrides(shape)[dim]!;
  const strides = contiguousStrides(shape).map((stride, d) => (d === dim ? 0 : stride));
  forEachElement({ shape: index.layout.shape, strides, offset: 0, dtype: "int32" }, (i, at) =>
    visit(at + inside(op, index.values[i]!, shape[dim]!) * along, i),
  );
};

/** y[…, k, …] = x[…, index[…, k, …], …]. */
export const gatherReference: ReferenceKernel<GatherSignature> = ([x, index], [y], { dim }) =>
  forEachChosen("gather", x.layout.shape, dim, index, (from, to) => {
    y.values[to] = x.values[from]!;
  });

/** y = x, or 0, then y[…, index[…, k, …], …] += source[…, k, …], in float64. */
export const scatterAddReference: ReferenceKernel<ScatterAddSignature> = ([x, index, source], [y], { dim }) => {
  const total = x ? Float64Array.from(x.values) : new Float64Array(y.values.length);
  forEachChosen("scatterAdd", y.layout.shape, dim, index, (to, from) => {
    total[to]! += source.values[from]!;
  });
  y.values.set(total);
};

/** y[i, c] = 1 where c = index[i], else 0. */
export const oneHotReference: ReferenceKernel<OneHotSignature> = ([index], [y], { numClasses }) => {
  y.values.fill(0);
  for (const [i, c] of index.values.entries()) y.values[i * numClasses + inside("oneHot", c, numClasses)] = 1;
};
