import { resolveDevice, type DeviceLike } from "./backend.ts";
import { hostArray, type DType, type TypedArray } from "./dtype.ts";
import { ArgumentError, ShapeError } from "./error.ts";
import { run } from "./op.ts";
import { fillOp } from "./ops/move/move.ts";
import { checkShape, numel, showShape, type Shape } from "./shape.ts";
import { Tensor } from "./tensor.ts";

/** Numbers or booleans in nested arrays of one shape. */
export type Nested = number | boolean | readonly Nested[];

/** Where and of what dtype a tensor is made. */
export interface CreateOptions {
  dtype?: DType | undefined;
  device?: DeviceLike | undefined;
}

/**
 * A tensor with a copy of the data: nested arrays, or a flat typed array with its shape. The dtype follows from the data:
 * numbers are float32, booleans bool, an Int32Array int32, unless `dtype` says otherwise.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.tensor.html torch.tensor}
 *
 * @throws ShapeError when rows differ in length, or the data does not fill the shape.
 * @example
 * tensor([[1, 2], [3, 4]]).shape; // [2, 2]
 * tensor(new Int32Array([1, 2, 3, 4]), [2, 2]).dtype; // "int32"
 */
export const tensor = (data: Nested | TypedArray, shape?: Shape, options: CreateOptions = {}): Tensor => {
  const flat = ArrayBuffer.isView(data) ? { values: data, shape: [data.length], dtype: dtypeOf(data) } : flatten(data);
  const dtype = options.dtype ?? flat.dtype;
  const target = shape ?? flat.shape;
  checkShape("tensor", target);
  if (numel(target) !== flat.values.length)
    throw new ShapeError(
      `tensor: shape ${showShape(target)} has ${numel(target)} elements, the data ${flat.values.length}`,
    );
  return Tensor.fromHost(convert(flat.values, dtype), target, dtype, resolveDevice(options.device));
};

const dtypeOf = (data: TypedArray): DType =>
  data instanceof Float32Array ? "float32" : data instanceof Int32Array ? "int32" : "bool";

/** A typed array of the dtype's own kind; int32 rounds towards zero, bool is x ≠ 0. */
const convert = (values: TypedArray | readonly number[], dtype: DType): TypedArray => {
  if (ArrayBuffer.isView(values) && dtypeOf(values) === dtype) return values;
  const out = hostArray(dtype, values.length);
  for (let i = 0; i < out.length; i++) {
    const value = values[i]!;
    out[i] = dtype === "bool" ? (value !== 0 ? 1 : 0) : value;
  }
  return out;
};

const flatten = (data: Nested): { values: readonly number[]; shape: number[]; dtype: DType } => {
  const shape: number[] = [];
  for (let level: Nested | undefined = data; Array.isArray(level); level = (level as readonly Nested[])[0])
    shape.push((level as readonly Nested[]).length);
  const values: number[] = [];
  let booleans = 0;
  const visit = (item: Nested, depth: number): void => {
    if (typeof item === "number" || typeof item === "boolean") {
      if (depth !== shape.length)
        throw new ShapeError("tensor: rows of one length expected, got a number beside a row");
      if (typeof item === "boolean") booleans++;
      values.push(Number(item));
      return;
    }
    if (item.length !== shape[depth])
      throw new ShapeError(
        `tensor: rows of one length expected, got ${shape[depth] ?? "a number"} and ${item.length} at depth ${depth}`,
      );
    for (const inner of item) visit(inner, depth + 1);
  };
  visit(data, 0);
  if (booleans > 0 && booleans < values.length)
    throw new ArgumentError("tensor: all numbers or all booleans expected, got both");
  return { values, shape, dtype: booleans > 0 ? "bool" : "float32" };
};

/** A tensor with every element `value`. {@link https://docs.pytorch.org/docs/stable/generated/torch.full.html torch.full} */
export const full = (shape: Shape, value: number, { dtype = "float32", device }: CreateOptions = {}): Tensor => {
  checkShape("full", shape);
  return run(fillOp, [], { device: resolveDevice(device), shape, dtype, value })[0];
};

/** A tensor of zeros. {@link https://docs.pytorch.org/docs/stable/generated/torch.zeros.html torch.zeros} */
export const zeros = (shape: Shape, options: CreateOptions = {}): Tensor => full(shape, 0, options);

/** A tensor of ones. {@link https://docs.pytorch.org/docs/stable/generated/torch.ones.html torch.ones} */
export const ones = (shape: Shape, options: CreateOptions = {}): Tensor => full(shape, 1, options);

/** Zeros of the shape, dtype and device of `x`. {@link https://docs.pytorch.org/docs/stable/generated/torch.zeros_like.html torch.zeros_like} */
export const zerosLike = (x: Tensor): Tensor => full(x.shape, 0, x);

/** Ones of the shape, dtype and device of `x`. {@link https://docs.pytorch.org/docs/stable/generated/torch.ones_like.html torch.ones_like} */
export const onesLike = (x: Tensor): Tensor => full(x.shape, 1, x);

/**
 * The numbers from `start` up to `end`, `step` apart, as int32 unless `dtype` says otherwise; `arange(n)` counts from 0.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.arange.html torch.arange}
 *
 * @throws ArgumentError when the step is 0 or leads away from the end.
 */
export const arange = (
  start: number,
  end?: number,
  { step = 1, dtype = "int32", device }: CreateOptions & { step?: number | undefined } = {},
): Tensor => {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const count = Math.ceil((to - from) / step);
  if (!Number.isFinite(count) || count < 0)
    throw new ArgumentError(`arange: step ${step} does not lead from ${from} to ${to}`);
  const values = hostArray(dtype, count);
  for (let i = 0; i < count; i++) values[i] = from + i * step;
  return Tensor.fromHost(values, [count], dtype, resolveDevice(device), "arange");
};

/** The n × n identity matrix. {@link https://docs.pytorch.org/docs/stable/generated/torch.eye.html torch.eye} */
export const eye = (n: number, { dtype = "float32", device }: CreateOptions = {}): Tensor => {
  checkShape("eye", [n]);
  const values = hostArray(dtype, n * n);
  for (let i = 0; i < n; i++) values[i * n + i] = 1;
  return Tensor.fromHost(values, [n, n], dtype, resolveDevice(device), "eye");
};
