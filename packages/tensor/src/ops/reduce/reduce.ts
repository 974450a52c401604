import type { DType } from "../../dtype.ts";
import { DTypeError, ShapeError } from "../../error.ts";
import { namedScope } from "../../named-scope.ts";
import { defineOp, run, type Signature } from "../../op.ts";
import { normalizeDim, normalizeDims, showShape, type Dims, type Shape, type TensorSpec } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import {
  CHOICE,
  readOptions,
  REDUCTION,
  type ArgmaxOptions,
  type DimOptions,
  type ReduceOptions,
} from "../dim-options.ts";
import { runningOptions, shifted, type RunningOptions } from "../running.ts";
import { cast } from "../elementwise/elementwise.ts";
import { amaxCpu, aminCpu, argmaxCpu, cumsumCpu, sumCpu } from "./reduce.cpu.ts";
import { amaxWgsl, aminWgsl, sumWgsl } from "./reduce.wgsl.ts";
import { argmaxWgsl } from "./argmax.wgsl.ts";
import { cumsumWgsl } from "./cumsum.wgsl.ts";
import { amaxReference, aminReference, argmaxReference, cumsumReference, sumReference } from "./reduce.reference.ts";

export type { ArgmaxOptions, DimOptions, ReduceOptions, RunningOptions };

/** `dims` are sorted and counted from the front. */
export interface ReduceAttrs {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
}
type Reduce = { inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: ReduceAttrs };

const reducedShape = (shape: Shape, { dims, keepdim }: ReduceAttrs): number[] =>
  keepdim ? shape.map((size, d) => (dims.includes(d) ? 1 : size)) : shape.filter((_, d) => !dims.includes(d));

const takes = (op: string, dtype: DType, ...allowed: readonly DType[]): void => {
  if (!allowed.includes(dtype))
    throw new DTypeError(`${op}: expected ${allowed.join(" or ")}, got ${dtype}; cast it first`);
};

/** The maximum of nothing does not exist. */
const notEmpty = (op: string, x: TensorSpec, dims: readonly number[]): void => {
  if (dims.some((d) => x.shape[d] === 0))
    throw new ShapeError(`${op}: expected at least one element to choose from, got shape ${showShape(x.shape)}`);
};

export const sumOp = defineOp<Reduce>({
  name: "sum",
  family: "reductions",
  infer: ([x], attrs) => [{ shape: reducedShape(x.shape, attrs), dtype: x.dtype === "bool" ? "int32" : x.dtype }],
  kernels: { reference: sumReference, cpu: sumCpu, webgpu: sumWgsl },
});

const extreme = (
  name: string,
  kernels: { reference: typeof amaxReference; cpu: typeof amaxCpu; webgpu: typeof amaxWgsl },
) =>
  defineOp<Reduce>({
    name,
    family: "reductions",
    infer: ([x], attrs) => {
      takes(name, x.dtype, "float32", "int32");
      notEmpty(name, x, attrs.dims);
      return [{ shape: reducedShape(x.shape, attrs), dtype: x.dtype }];
    },
    kernels,
  });
export const amaxOp = extreme("amax", { reference: amaxReference, cpu: amaxCpu, webgpu: amaxWgsl });
export const aminOp = extreme("amin", { reference: aminReference, cpu: aminCpu, webgpu: aminWgsl });

export const argmaxOp = defineOp<{
  inputs: [x: Tensor];
  outputs: [y: Tensor];
  attrs: { dim: number; keepdim: boolean };
}>({
  name: "argmax",
  family: "reductions",
  infer: ([x], { dim, keepdim }) => {
    const dims = x.shape.length === 0 ? [] : [dim];
    takes("argmax", x.dtype, "float32", "int32");
    notEmpty("argmax", x, dims);
    return [{ shape: reducedShape(x.shape, { dims, keepdim }), dtype: "int32" }];
  },
  kernels: { reference: argmaxReference, cpu: argmaxCpu, webgpu: argmaxWgsl },
});

/** `reverse`: from the last element to the first, y_j = Σ_{k ≥ j} x_k. */
export interface CumsumSignature extends Signature {
  inputs: [x: Tensor];
  outputs: [y: Tensor];
  attrs: { dim: number; reverse: boolean };
}

export const cumsumOp = defineOp<CumsumSignature>({
  name: "cumsum",
  family: "reductions",
  infer: ([x]) => {
    takes("cumsum", x.dtype, "float32", "int32");
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  kernels: { reference: cumsumReference, cpu: cumsumCpu, webgpu: cumsumWgsl },
});

const attrsOf = (op: string, x: Tensor, given: Dims | ReduceOptions): ReduceAttrs => {
  const { dim = null, keepdim = false } = readOptions<ReduceOptions>(op, given, REDUCTION);
  return { dims: normalizeDims(op, dim, x.shape), keepdim };
};

/**
 * Σ x over some dims, or over all of them. bool counts as int32; the sum of nothing is 0.
 *
 * Shape: any → without the dims, or with 1 in their place when `keepdim`.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.sum.html torch.sum}
 *
 * @param options `dim`, one or several, and `keepdim`; or the dims alone
 * @throws ShapeError when a dim is outside or named twice, ArgumentError when an option is unknown or no such thing.
 * @example
 * await sum(tensor([[1, 2], [3, 4]]), { dim: 0 }).data(); // [4, 6]
 */
export const sum = (x: Tensor, options: Dims | ReduceOptions = {}): Tensor =>
  run(sumOp, [x], attrsOf("sum", x, options))[0];

/** Of bool, false comes before true. */
const runExtreme = (op: typeof amaxOp, x: Tensor, options: Dims | ReduceOptions): Tensor => {
  const attrs = attrsOf(op.name, x, options);
  if (x.dtype !== "bool") return run(op, [x], attrs)[0];
  return namedScope(op.name, () => cast(run(op, [cast(x, "int32")], attrs)[0], "bool"));
};

/** The largest element over some dims; NaN wins, and equal elements share the gradient. Shapes and options as `sum`. {@link https://docs.pytorch.org/docs/stable/generated/torch.amax.html torch.amax} */
export const amax = (x: Tensor, options: Dims | ReduceOptions = {}): Tensor => runExtreme(amaxOp, x, options);

/** The smallest element over some dims; NaN wins, and equal elements share the gradient. Shapes and options as `sum`. {@link https://docs.pytorch.org/docs/stable/generated/torch.amin.html torch.amin} */
export const amin = (x: Tensor, options: Dims | ReduceOptions = {}): Tensor => runExtreme(aminOp, x, options);

/**
 * Where the largest element is along a dim, as int32: the first of equal ones. Not differentiable.
 *
 * Shape: as `sum` with one dim. {@link https://docs.pytorch.org/docs/stable/generated/torch.argmax.html torch.argmax}
 *
 * @param dim the dim alone, −1 unless said otherwise, with further `options`; or `{ dim, keepdim }`
 * @throws ShapeError when the dim is outside, or empty, ArgumentError when an option is unknown or no such thing.
 * @example
 * await argmax(tensor([[1, 2], [4, 3]]), { dim: 1 }).data(); // [1, 0]
 */
export const argmax = (
  x: Tensor,
  dim: number | ArgmaxOptions = {},
  options: { keepdim?: boolean | undefined } = {},
): Tensor => {
  const further = readOptions<ArgmaxOptions>("argmax", options, CHOICE);
  const { dim: at = further.dim ?? -1, keepdim = further.keepdim ?? false } = readOptions<ArgmaxOptions>(
    "argmax",
    dim,
    CHOICE,
  );
  return run(argmaxOp, [x], { dim: normalizeDim("argmax", at, x.shape), keepdim })[0];
};

/**
 * Running sums along a dim: y_j = Σ_{k ≤ j} x_k. bool counts as int32.
 *
 * Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.cumsum.html torch.cumsum}
 *
 * @param dim the dim alone, or `{ dim, exclusive, reverse }`
 * @throws ShapeError when the dim is outside, ArgumentError when an option is unknown or no such thing.
 * @example
 * await cumsum(tensor([1, 2, 3]), { dim: 0 }).data(); // [1, 3, 6]
 * await cumsum(tensor([1, 2, 3]), { dim: 0, exclusive: true, reverse: true }).data(); // [5, 3, 0]
 */
export const cumsum = (x: Tensor, dim: number | RunningOptions): Tensor => {
  const { at, exclusive, reverse } = runningOptions("cumsum", x, dim);
  if (!exclusive && x.dtype !== "bool") return run(cumsumOp, [x], { dim: at, reverse })[0];
  return namedScope("cumsum", () => {
    const counted = x.dtype === "bool" ? cast(x, "int32") : x;
    return run(cumsumOp, [exclusive ? shifted(counted, at, reverse, 0) : counted], { dim: at, reverse })[0];
  });
};
