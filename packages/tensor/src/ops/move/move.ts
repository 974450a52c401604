import type { Backend } from "../../backend.ts";
import type { DType } from "../../dtype.ts";
import { ShapeError } from "../../error.ts";
import { copyOp, defineOp, run } from "../../op.ts";
import { checkSameDType } from "../elementwise/rows.ts";
import {
  broadcastShapes,
  broadcastStrides,
  checkCount,
  isContiguous,
  normalizeDim,
  reshapedStrides,
  resolveReshape,
  sameShape,
  showShape,
  type Shape,
  checkList,
} from "../../shape.ts";
import { namedScope } from "../../named-scope.ts";
import type { Tensor } from "../../tensor.ts";
import { catCpu, fillCpu, placeCpu } from "./move.cpu.ts";
import { catReference, fillReference, placeReference } from "./move.reference.ts";
import { catWgsl, fillWgsl, placeWgsl } from "./move.wgsl.ts";

type OneToOne<A extends object> = { inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: A };

export { copyOp };

export const reshapeOp = defineOp<OneToOne<{ shape: Shape }>>({
  name: "reshape",
  family: "copies",
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  kernels: {
    view: (x, { shape }) => {
      const strides = reshapedStrides(x, shape);
      return strides && { ...plain(x), shape, strides };
    },
  },
});

export const permuteOp = defineOp<OneToOne<{ dims: readonly number[] }>>({
  name: "permute",
  family: "copies",
  infer: ([x], { dims }) => [{ shape: dims.map((d) => x.shape[d]!), dtype: x.dtype }],
  kernels: {
    view: (x, { dims }) => ({
      ...plain(x),
      shape: dims.map((d) => x.shape[d]!),
      strides: dims.map((d) => x.strides[d]!),
    }),
  },
});

export const expandOp = defineOp<OneToOne<{ shape: Shape }>>({
  name: "expand",
  family: "copies",
  infer: ([x], { shape }) => {
    if (!sameShape(broadcastShapes("expand", x.shape, shape), shape))
      throw new ShapeError(
        `expand: ${showShape(x.shape)} does not stretch to ${showShape(shape)}; only sizes of 1 and new leading dims stretch`,
      );
    return [{ shape, dtype: x.dtype }];
  },
  kernels: { view: (x, { shape }) => ({ ...plain(x), shape, strides: broadcastStrides(x, shape) }) },
});

export const sliceOp = defineOp<OneToOne<{ dim: number; start: number; length: number; step: number }>>({
  name: "slice",
  family: "copies",
  infer: ([x], { dim, length }) => [{ shape: x.shape.map((size, d) => (d === dim ? length : size)), dtype: x.dtype }],
  kernels: {
    view: (x, { dim, start, length, step }) => ({
      ...plain(x),
      shape: x.shape.map((size, d) => (d === dim ? length : size)),
      strides: x.strides.map((stride, d) => (d === dim ? stride * step : stride)),
      offset: x.offset + start * x.strides[dim]!,
    }),
  },
});

export const stopGradientOp = defineOp<{ inputs: [x: Tensor]; outputs: [y: Tensor] }>({
  name: "stopGradient",
  family: "copies",
  infer: ([x]) => [x],
  kernels: { view: plain },
});

/** Where the input goes in a larger tensor that is `value` elsewhere. */
export interface PlaceAttrs {
  readonly shape: Shape;
  readonly starts: readonly number[];
  readonly steps: readonly number[];
  readonly value: number;
}
export const placeOp = defineOp<OneToOne<PlaceAttrs>>({
  name: "place",
  family: "copies",
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  kernels: { reference: placeReference, cpu: placeCpu, webgpu: placeWgsl },
});

export const catOp = defineOp<{ inputs: Tensor[]; outputs: [y: Tensor]; attrs: { dim: number } }>({
  name: "cat",
  family: "copies",
  infer: (inputs, { dim }) => {
    const [first, ...rest] = inputs;
    if (!first) throw new ShapeError("cat: expected at least one tensor, got none");
    for (const x of rest) {
      checkSameDType("cat", first.dtype, x.dtype);
      if (x.shape.length !== first.shape.length || x.shape.some((size, d) => d !== dim && size !== first.shape[d]))
        throw new ShapeError(
          `cat: shapes may differ at dim ${dim} only, got ${inputs.map((one) => showShape(one.shape)).join(" and ")}`,
        );
    }
    const length = inputs.reduce((n, x) => n + x.shape[dim]!, 0);
    return [{ shape: first.shape.map((size, d) => (d === dim ? length : size)), dtype: first.dtype }];
  },
  kernels: { reference: catReference, cpu: catCpu, webgpu: catWgsl },
});

export const fillOp = defineOp<{
  inputs: [];
  outputs: [y: Tensor];
  attrs: { device: Backend; shape: Shape; dtype: DType; value: number };
}>({
  name: "fill",
  family: "copies",
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  kernels: { reference: fillReference, cpu: fillCpu, webgpu: fillWgsl },
});

/** A layout without the other properties of the tensor that it may come from. */
function plain(x: { shape: Shape; dtype: DType; strides: readonly number[]; offset: number }) {
  return { shape: x.shape, dtype: x.dtype, strides: x.strides, offset: x.offset };
}

/**
 * The same elements in another shape; one size may be −1. A view where the strides of `x` allow one, else a copy.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.reshape.html torch.reshape}
 *
 * @throws ShapeError when the element counts differ.
 * @example
 * reshape(arange(6), [2, -1]).shape; // [2, 3]
 */
export const reshape = (x: Tensor, shape: Shape): Tensor =>
  run(reshapeOp, [x], { shape: resolveReshape("reshape", x.shape, shape) })[0];

/** The dims from `start` to `end` joined into one. {@link https://docs.pytorch.org/docs/stable/generated/torch.flatten.html torch.flatten} */
export const flatten = (x: Tensor, start = 0, end = -1): Tensor => {
  if (x.ndim === 0) return reshape(x, [1]);
  const first = normalizeDim("flatten", start, x.shape);
  const last = normalizeDim("flatten", end, x.shape);
  if (first > last)
    throw new ShapeError(`flatten: start dim ${start} comes after end dim ${end} for shape ${showShape(x.shape)}`);
  const joined = x.shape.slice(first, last + 1).reduce((n, size) => n * size, 1);
  return reshape(x, [...x.shape.slice(0, first), joined, ...x.shape.slice(last + 1)]);
};

/** The dims in another order, as a view: dim i of the result is dim `dims[i]` of x. {@link https://docs.pytorch.org/docs/stable/generated/torch.permute.html torch.permute} */
export const permute = (x: Tensor, dims: readonly number[]): Tensor => {
  checkList("permute", "dims", dims);
  const order = dims.map((dim) => normalizeDim("permute", dim, x.shape));
  if (order.length !== x.ndim || new Set(order).size !== x.ndim)
    throw new ShapeError(`permute: expected each dim of ${showShape(x.shape)} once, got ${showShape(dims)}`);
  return run(permuteOp, [x], { dims: order })[0];
};

/** Two dims swapped, as a view. {@link https://docs.pytorch.org/docs/stable/generated/torch.transpose.html torch.transpose} */
export const transpose = (x: Tensor, dim0: number, dim1: number): Tensor => {
  const a = normalizeDim("transpose", dim0, x.shape);
  const b = normalizeDim("transpose", dim1, x.shape);
  return run(permuteOp, [x], { dims: x.shape.map((_, d) => (d === a ? b : d === b ? a : d)) })[0];
};

/** Sizes of 1 stretched and leading dims added, as a view; −1 keeps a size. {@link https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html torch.Tensor.expand} */
export const expand = (x: Tensor, shape: Shape): Tensor => {
  checkList("expand", "sizes", shape);
  const lead = shape.length - x.ndim;
  return run(expandOp, [x], {
    shape: shape.map((size, d) => (size === -1 && d >= lead ? x.shape[d - lead]! : size)),
  })[0];
};

/** A dim of size 1 put in before `dim`, as a view. {@link https://docs.pytorch.org/docs/stable/generated/torch.unsqueeze.html torch.unsqueeze} */
export const unsqueeze = (x: Tensor, dim: number): Tensor => {
  const at = normalizeDim("unsqueeze", dim, x.shape, 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
};

/** Without dims of size 1: all of them, or the one named. {@link https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html torch.squeeze} */
export const squeeze = (x: Tensor, dim?: number): Tensor => {
  const at = dim === undefined ? undefined : normalizeDim("squeeze", dim, x.shape);
  return reshape(
    x,
    x.shape.filter((size, d) => size !== 1 || (at !== undefined && d !== at)),
  );
};

/** `length` elements along a dim from `start` on, as a view. {@link https://docs.pytorch.org/docs/stable/generated/torch.narrow.html torch.narrow} */
export const narrow = (x: Tensor, dim: number, start: number, length: number): Tensor => {
  const at = normalizeDim("narrow", dim, x.shape);
  const size = x.shape[at] ?? 0;
  const from = start < 0 ? start + size : start;
  if (
    x.ndim === 0 ||
    !Number.isInteger(from) ||
    !Number.isInteger(length) ||
    from < 0 ||
    length < 0 ||
    from + length > size
  )
    throw new ShapeError(
      `narrow: start ${start} and length ${length} do not lie in dim ${at} of ${showShape(x.shape)}`,
    );
  return run(sliceOp, [x], { dim: at, start: from, length, step: 1 })[0];
};

/** One index of a dim, which goes away, as a view. {@link https://docs.pytorch.org/docs/stable/generated/torch.select.html torch.select} */
export const select = (x: Tensor, dim: number, index: number): Tensor => {
  const at = normalizeDim("select", dim, x.shape);
  const size = x.shape[at] ?? 0;
  if (!Number.isInteger(index) || index < -size || index >= size)
    throw new ShapeError(`select: index ${index} is outside dim ${at} of ${showShape(x.shape)}`);
  return namedScope("select", () =>
    reshape(
      narrow(x, at, index, 1),
      x.shape.filter((_, d) => d !== at),
    ),
  );
};

/** The tensor cut along a dim into `chunks` views of equal length, the last ones shorter or missing. {@link https://docs.pytorch.org/docs/stable/generated/torch.chunk.html torch.chunk} */
export const chunk = (x: Tensor, chunks: number, dim = 0): Tensor[] => {
  checkCount("chunk", "chunks", chunks, 1);
  const at = normalizeDim("chunk", dim, x.shape);
  const size = x.shape[at] ?? 1;
  return split(x, Math.max(Math.ceil(size / chunks), 1), at);
};

/**
 * The tensor cut along a dim into views of one length, the last one shorter; or of lengths of their own, which sum to the dim's.
 *
 * Shape: `[…, n, …]` → `[…, length, …]` each. {@link https://docs.pytorch.org/docs/stable/generated/torch.split.html torch.split}
 *
 * @throws ArgumentError when the length is no whole number from 1 on, or one of the lengths none from 0 on, ShapeError when the dim is
 * outside, or the lengths do not sum to it.
 * @example
 * split(zeros([7]), 3).map(({ shape }) => shape); // [[3], [3], [1]]
 * split(zeros([7]), [2, 5]).map(({ shape }) => shape); // [[2], [5]]
 */
export const split = (x: Tensor, length: number | readonly number[], dim = 0): Tensor[] => {
  const at = normalizeDim("split", dim, x.shape);
  const size = x.shape[at] ?? 1;
  if (typeof length !== "number") checkList("split", "lengths", length);
  const lengths = typeof length === "number" ? equalLengths(size, length) : length;
  for (const each of lengths) checkCount("split", "length", each);
  const sum = lengths.reduce((total, each) => total + each, 0);
  if (sum !== size)
    throw new ShapeError(
      `split: expected lengths that sum to ${size}, dim ${at} of ${showShape(x.shape)}, got ${showShape(lengths)}, which sum to ${sum}`,
    );
  let start = 0;
  return lengths.map((each) => narrow(x, at, (start += each) - each, each));
};

/** At least one length: nothing is one piece of nothing. */
const equalLengths = (size: number, length: number): number[] => {
  checkCount("split", "length", length, 1);
  return Array.from({ length: Math.max(Math.ceil(size / length), 1) }, (_, i) => Math.min(length, size - i * length));
};

/** The tensors one after the other along a dim. {@link https://docs.pytorch.org/docs/stable/generated/torch.cat.html torch.cat} */
export const cat = (tensors: readonly Tensor[], dim = 0): Tensor => {
  const at = normalizeDim("cat", dim, tensors[0]?.shape ?? []);
  if (tensors[0]?.ndim === 0) throw new ShapeError("cat: 0-d tensors have no dim to join; stack them");
  return run(catOp, [...tensors], { dim: at })[0];
};

/** A row-major copy, even when `x` is contiguous. {@link https://docs.pytorch.org/docs/stable/generated/torch.clone.html torch.clone} */
export const clone = (x: Tensor): Tensor => run(copyOp, [x])[0];

/** The tensor itself when it is row-major, else a copy that is. {@link https://docs.pytorch.org/docs/stable/generated/torch.Tensor.contiguous.html torch.Tensor.contiguous} */
export const contiguous = (x: Tensor): Tensor => (isContiguous(x) ? x : clone(x));

/** The same values, through which no gradient flows. {@link https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html torch.Tensor.detach} */
export const stopGradient = (x: Tensor): Tensor => run(stopGradientOp, [x])[0];
