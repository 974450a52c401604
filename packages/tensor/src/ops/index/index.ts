import { ArgumentError, DTypeError, ShapeError } from "../../error.ts";
import { defineOp, run, type Cost } from "../../op.ts";
import { namedScope } from "../../named-scope.ts";
import {
  bytesOf,
  checkCount,
  type Layout,
  normalizeDim,
  numel,
  sameShape,
  type Shape,
  showShape,
  type TensorSpec,
} from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { checkSameDType } from "../elementwise/rows.ts";
import { narrow } from "../move/move.ts";
import {
  embeddingBackwardCpu,
  embeddingCpu,
  gatherCpu,
  indexAddCpu,
  indexSelectCpu,
  oneHotCpu,
  scatterAddCpu,
} from "./index.cpu.ts";
import {
  embeddingBackwardReference,
  embeddingReference,
  gatherReference,
  indexAddReference,
  indexSelectReference,
  oneHotReference,
  scatterAddReference,
} from "./index.reference.ts";
import { gatherWgsl, scatterAddWgsl } from "./gather-scatter.wgsl.ts";
import { embeddingBackwardWgsl, embeddingWgsl, indexAddWgsl, indexSelectWgsl, oneHotWgsl } from "./index.wgsl.ts";

/** `paddingIdx`: the row that gets no gradient. */
export interface EmbeddingSignature {
  inputs: [indices: Tensor, weight: Tensor];
  outputs: [y: Tensor];
  attrs: { readonly paddingIdx: number | null };
}
export interface EmbeddingBackwardSignature {
  inputs: [dy: Tensor, indices: Tensor, start: Tensor | null];
  outputs: [dWeight: Tensor];
  attrs: { readonly rows: number; readonly paddingIdx: number | null };
}
export interface IndexSelectSignature {
  inputs: [x: Tensor, index: Tensor];
  outputs: [y: Tensor];
  attrs: { readonly dim: number };
}
/** Without x the sums start from zeros of `shape`, which is that of the result. */
export interface IndexAddSignature {
  inputs: [x: Tensor | null, index: Tensor, source: Tensor];
  outputs: [y: Tensor];
  attrs: { readonly dim: number; readonly shape: Shape };
}
export interface GatherSignature {
  inputs: [x: Tensor, index: Tensor];
  outputs: [y: Tensor];
  attrs: { readonly dim: number };
}
export type ScatterAddSignature = IndexAddSignature;
export interface OneHotSignature {
  inputs: [index: Tensor];
  outputs: [y: Tensor];
  attrs: { readonly numClasses: number };
}

const checkIndex = (op: string, name: string, { dtype }: TensorSpec): void => {
  if (dtype !== "int32") throw new DTypeError(`${op}: ${name} is int32, got ${dtype}; cast(${name}, "int32") first?`);
};

/** No index lies inside a dim of size 0. */
const checkChoice = (op: string, shape: Shape, dim: number, index: TensorSpec): void => {
  if (shape.length === 0)
    throw new ShapeError(`${op}: expected a tensor with a dim to choose from, got a 0-d one; unsqueeze it`);
  if (shape[dim] === 0 && numel(index.shape) > 0)
    throw new ShapeError(
      `${op}: dim ${dim} of ${showShape(shape)} is empty, got ${numel(index.shape)} indices into it`,
    );
};

const checkList = (op: string, index: TensorSpec): void => {
  checkIndex(op, "index", index);
  if (index.shape.length !== 1)
    throw new ShapeError(`${op}: expected a 1-d index, got ${showShape(index.shape)}; flatten it`);
};

const checkSums = (op: string, x: TensorSpec | null, source: TensorSpec): void => {
  if (source.dtype === "bool") throw new DTypeError(`${op}: expected float32 or int32, got bool; cast it first`);
  if (x) checkSameDType(op, x.dtype, source.dtype);
};

const replaced = (shape: Shape, dim: number, size: number): number[] => shape.map((old, d) => (d === dim ? size : old));

/** y[…, :] = weight[indices[…], :]. */
/** Of a table, only what is asked for is read. */
const rowsAskedFor = ({ outputs: [y] }: { readonly outputs: readonly [y: Layout] }): Cost => ({
  bytes: 2 * bytesOf(y),
});

export const embeddingOp = defineOp<EmbeddingSignature>({
  name: "embedding",
  family: "embedding and indexing",
  infer: ([indices, weight]) => {
    checkIndex("embedding", "indices", indices);
    if (weight.shape.length !== 2)
      throw new ShapeError(
        `embedding: expected a weight [rows, features], got ${showShape(weight.shape)}; did you swap it with the indices?`,
      );
    checkChoice("embedding", weight.shape, 0, indices);
    return [{ shape: [...indices.shape, weight.shape[1]!], dtype: weight.dtype }];
  },
  cost: rowsAskedFor,
  kernels: { reference: embeddingReference, cpu: embeddingCpu, webgpu: embeddingWgsl },
});

/** dWeight[v, :] = start[v, :] + Σ dy[i, :] over the i with indices[i] = v, in order; just the start, or 0, for v = paddingIdx. */
export const embeddingBackwardOp = defineOp<EmbeddingBackwardSignature>({
  name: "embeddingBackward",
  family: "embedding and indexing",
  infer: ([dy], { rows }) => [{ shape: [rows, dy.shape.at(-1)!], dtype: "float32" }],
  kernels: { reference: embeddingBackwardReference, cpu: embeddingBackwardCpu, webgpu: embeddingBackwardWgsl },
});

export const indexSelectOp = defineOp<IndexSelectSignature>({
  name: "indexSelect",
  family: "embedding and indexing",
  infer: ([x, index], { dim }) => {
    checkList("indexSelect", index);
    checkChoice("indexSelect", x.shape, dim, index);
    return [{ shape: replaced(x.shape, dim, index.shape[0]!), dtype: x.dtype }];
  },
  cost: rowsAskedFor,
  kernels: { reference: indexSelectReference, cpu: indexSelectCpu, webgpu: indexSelectWgsl },
});

export const indexAddOp = defineOp<IndexAddSignature>({
  name: "indexAdd",
  family: "embedding and indexing",
  infer: ([x, index, source], { dim, shape }) => {
    checkList("indexAdd", index);
    checkChoice("indexAdd", shape, dim, index);
    checkSums("indexAdd", x, source);
    const expected = replaced(shape, dim, index.shape[0]!);
    if (!sameShape(source.shape, expected))
      throw new ShapeError(
        `indexAdd: expected a source ${showShape(expected)} for ${index.shape[0]} indices at dim ${dim} of ${showShape(shape)}, got ${showShape(source.shape)}`,
      );
    return [{ shape, dtype: source.dtype }];
  },
  kernels: { reference: indexAddReference, cpu: indexAddCpu, webgpu: indexAddWgsl },
});

/** The index has as many dims as the tensor, and is nowhere larger but in the dim of the choice. */
const checkElements = (op: string, shape: Shape, dim: number, index: TensorSpec): void => {
  checkIndex(op, "index", index);
  checkChoice(op, shape, dim, index);
  if (index.shape.length !== shape.length || index.shape.some((size, d) => d !== dim && size > shape[d]!))
    throw new ShapeError(
      `${op}: expected an index of ${shape.length} dims within ${showShape(shape)} except at dim ${dim}, got ${showShape(index.shape)}`,
    );
};

export const gatherOp = defineOp<GatherSignature>({
  name: "gather",
  family: "embedding and indexing",
  infer: ([x, index], { dim }) => {
    checkElements("gather", x.shape, dim, index);
    return [{ shape: index.shape, dtype: x.dtype }];
  },
  cost: rowsAskedFor,
  kernels: { reference: gatherReference, cpu: gatherCpu, webgpu: gatherWgsl },
});

export const scatterAddOp = defineOp<ScatterAddSignature>({
  name: "scatterAdd",
  family: "embedding and indexing",
  infer: ([x, index, source], { dim, shape }) => {
    checkElements("scatterAdd", shape, dim, index);
    checkSums("scatterAdd", x, source);
    if (!sameShape(source.shape, index.shape))
      throw new ShapeError(
        `scatterAdd: expected a source at least as large as the index ${showShape(index.shape)}, got ${showShape(source.shape)}`,
      );
    return [{ shape, dtype: source.dtype }];
  },
  kernels: { reference: scatterAddReference, cpu: scatterAddCpu, webgpu: scatterAddWgsl },
});

export const oneHotOp = defineOp<OneHotSignature>({
  name: "oneHot",
  family: "embedding and indexing",
  infer: ([index], { numClasses }) => {
    checkIndex("oneHot", "index", index);
    return [{ shape: [...index.shape, numClasses], dtype: "int32" }];
  },
  cost: rowsAskedFor,
  kernels: { reference: oneHotReference, cpu: oneHotCpu, webgpu: oneHotWgsl },
});

export interface EmbeddingOptions {
  /** The row of the padding token: it is read like any other, but gets no gradient. Negative: from the back. */
  paddingIdx?: number | undefined;
}

/**
 * Rows of a table by number: y[…, :] = weight[indices[…], :]. The gradient adds up the uses of a row in order, so it is
 * the same in every run.
 *
 * Shape: indices int32 `[…]`, weight `[V, D]` → `[…, D]`.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html torch.nn.functional.embedding}
 *
 * @throws IndexError when an index is outside [0, V). @throws DTypeError unless the indices are int32.
 * @example
 * await embedding(tensor(new Int32Array([1, 0])), tensor([[1, 2], [3, 4]])).data(); // [3, 4, 1, 2]
 */
export const embedding = (indices: Tensor, weight: Tensor, { paddingIdx }: EmbeddingOptions = {}): Tensor =>
  run(embeddingOp, [indices, weight], {
    paddingIdx: paddingIdx === undefined ? null : paddingRow(paddingIdx, weight),
  })[0];

const paddingRow = (paddingIdx: number, { shape }: Tensor): number => {
  const rows = shape[0] ?? 0;
  if (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows)
    throw new ArgumentError(`embedding: paddingIdx is a row of the weight ${showShape(shape)}, got ${paddingIdx}`);
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
};

/**
 * Slices along a dim by number: y[…, k, …] = x[…, index[k], …].
 *
 * Shape: x any, index int32 `[k]` → as x, with size k at the dim.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.index_select.html torch.index_select}
 *
 * @throws IndexError when an index is outside; negative ones are.
 * @example
 * await indexSelect(tensor([[1, 2], [3, 4]]), 1, tensor(new Int32Array([1]))).data(); // [2, 4]
 */
export const indexSelect = (x: Tensor, dim: number, index: Tensor): Tensor =>
  run(indexSelectOp, [x, index], { dim: normalizeDim("indexSelect", dim, x.shape) })[0];

/**
 * A copy of x with slices added to it: y[…, index[k], …] += source[…, k, …], in the order of k.
 *
 * Shape: x any, index int32 `[k]`, source as x with size k at the dim → as x.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.index_add.html torch.index_add}
 *
 * @throws IndexError when an index is outside; negative ones are.
 * @example
 * await indexAdd(zeros([3]), 0, tensor(new Int32Array([2, 2])), tensor([1, 5])).data(); // [0, 0, 6]
 */
export const indexAdd = (x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor =>
  run(indexAddOp, [x, index, source], { dim: normalizeDim("indexAdd", dim, x.shape), shape: x.shape })[0];

/**
 * Elements along a dim, each with an index of its own: y[…, k, …] = x[…, index[…, k, …], …].
 *
 * Shape: x any, index int32 with as many dims, nowhere larger except at the dim → as index.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.gather.html torch.gather}
 *
 * @throws IndexError when an index is outside; negative ones are.
 * @example
 * const labels = tensor(new Int32Array([1, 0]), [2, 1]);
 * await gather(tensor([[1, 2], [3, 4]]), 1, labels).data(); // [2, 3]
 */
export const gather = (x: Tensor, dim: number, index: Tensor): Tensor =>
  run(gatherOp, [x, index], { dim: normalizeDim("gather", dim, x.shape) })[0];

/**
 * A copy of x with elements added to it: y[…, index[…, k, …], …] += source[…, k, …], in the order of k. Of a source larger
 * than the index, the corner that the index covers.
 *
 * Shape: x any, index int32 with as many dims, nowhere larger except at the dim, source at least as large → as x.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.scatter_add.html torch.scatter_add}
 *
 * @throws IndexError when an index is outside; negative ones are.
 * @example
 * await scatterAdd(zeros([3]), 0, tensor(new Int32Array([2, 2])), tensor([1, 5])).data(); // [0, 0, 6]
 */
export const scatterAdd = (x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor =>
  namedScope("scatterAdd", () => {
    let used = source;
    if (source.ndim === index.ndim)
      for (const [d, size] of index.shape.entries()) if (size < used.size(d)) used = narrow(used, d, 0, size);
    return run(scatterAddOp, [x, index, used], { dim: normalizeDim("scatterAdd", dim, x.shape), shape: x.shape })[0];
  });

/**
 * For every index a row of zeros with a 1 at that place, as int32. Not differentiable.
 *
 * Shape: int32 `[…]` → int32 `[…, numClasses]`.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.one_hot.html torch.nn.functional.one_hot}
 *
 * @throws IndexError when an index is outside [0, numClasses).
 * @example
 * await oneHot(tensor(new Int32Array([2, 0])), 3).data(); // [0, 0, 1, 1, 0, 0]
 */
export const oneHot = (index: Tensor, numClasses: number): Tensor => {
  checkCount("oneHot", "numClasses", numClasses, 1);
  return run(oneHotOp, [index], { numClasses })[0];
};
