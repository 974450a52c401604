import { resolveDevice, type DeviceLike } from "./backend.ts";
import type { DType } from "./dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "./error.ts";
import {
  checkDTypeName,
  convert,
  describe,
  hostDType,
  hostRoom,
  isInt32,
  MAX_INT32,
  MIN_INT32,
  storedNumber,
  type HostArray,
} from "./host-data.ts";
import { run } from "./op.ts";
import { fillOp } from "./ops/move/move.ts";
import { checkCount, checkShape, type Shape } from "./shape.ts";
import { Tensor } from "./tensor.ts";

/** Numbers or booleans in nested arrays of one shape. */
export type Nested = number | boolean | readonly Nested[];

/** Where and of what dtype a tensor is made. */
export interface CreateOptions {
  dtype?: DType | undefined;
  device?: DeviceLike | undefined;
}

/**
 * A tensor with a copy of the data: nested arrays, or a flat typed array with its shape. The dtype follows from the data, unless
 * `dtype` says otherwise: plain numbers, Float16Array, Float32Array and Float64Array are float32, booleans bool, and typed arrays of
 * whole numbers int32. What `data()` gives of a bool tensor is a Uint8Array, and becomes bool again by `{ dtype: "bool" }`.
 * To int32 numbers round towards zero; to bool whatever is not 0 is true, NaN too.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.tensor.html torch.tensor}
 *
 * @throws ShapeError when rows differ in length, or the data does not fill the shape.
 * @throws ArgumentError when the data is something else, or holds a number that int32 cannot hold.
 * @example
 * tensor([[1, 2], [3, 4]]).shape; // [2, 2]
 * tensor(new Int32Array([1, 2, 3, 4]), [2, 2]).dtype; // "int32"
 * tensor(Uint8Array.of(0, 1, 1), [3], { dtype: "bool" }).dtype; // "bool"
 */
export const tensor = (data: Nested | HostArray, shape?: Shape, options: CreateOptions = {}): Tensor => {
  if (options.dtype !== undefined) checkDTypeName("tensor", options.dtype);
  if (shape !== undefined) checkShape("tensor", shape);
  const device = resolveDevice(options.device);
  if (ArrayBuffer.isView(data)) {
    const flat = data;
    const dtype = options.dtype ?? hostDType("tensor", flat);
    return Tensor.fromHost(flat, shape ?? [flat.length], dtype, device);
  }
  const flat = flatten(data);
  const dtype = options.dtype ?? flat.dtype;
  return Tensor.fromHost(convert("tensor", flat.values, dtype), shape ?? flat.shape, dtype, device);
};

/** Deeper arrays than this are taken for a mistake, such as an array that holds itself. */
const MAX_DEPTH = 64;

const flatten = (data: Nested): { values: readonly number[]; shape: number[]; dtype: DType } => {
  const shape: number[] = [];
  for (let level: Nested | undefined = data; Array.isArray(level); level = (level as readonly Nested[])[0]) {
    shape.push((level as readonly Nested[]).length);
    if (shape.length > MAX_DEPTH) throw new ShapeError(`tensor: at most ${MAX_DEPTH} nested arrays expected, got more`);
  }
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
    if (!Array.isArray(item)) return refuse(item, depth);
    const row = item as readonly Nested[];
    if (row.length !== shape[depth])
      throw new ShapeError(
        `tensor: rows of one length expected, got ${shape[depth] ?? "a number"} and ${row.length} at depth ${depth}`,
      );
    // By position: forEach and its like pass over holes.
    for (let i = 0; i < row.length; i++) visit(row[i]!, depth + 1);
  };
  visit(data, 0);
  if (booleans > 0 && booleans < values.length)
    throw new ArgumentError("tensor: all numbers or all booleans expected, got both");
  return { values, shape, dtype: booleans > 0 ? "bool" : "float32" };
};

const refuse = (item: unknown, depth: number): never => {
  const advice =
    item instanceof Tensor
      ? depth === 0
        ? "clone() it"
        : "stack() tensors"
      : typeof item === "bigint"
        ? "make it a number, as in Number(value)"
        : ArrayBuffer.isView(item) && depth > 0
          ? "give one flat typed array and its shape, or make rows of it, as in Array.from(row)"
          : ArrayBuffer.isView(item) || /Buffer$/.test(describe(item))
            ? "wrap its bytes, as in new Float32Array(buffer)"
            : "give the numbers themselves";
  throw new ArgumentError(
    `tensor: data of numbers or booleans expected, in nested arrays or a typed array, got ${item instanceof Tensor ? "a Tensor" : describe(item)}${depth > 0 ? " inside an array" : ""}; ${advice}`,
  );
};

/**
 * A tensor with every element `value`; in bool whatever is not 0 is true.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.full.html torch.full}
 *
 * @throws DTypeError when `dtype` is int32, which cannot hold the value.
 */
export const full = (shape: Shape, value: number, options: CreateOptions = {}): Tensor =>
  filled("full", shape, value, options);

const filled = (op: string, shape: Shape, value: number, { dtype = "float32", device }: CreateOptions): Tensor => {
  checkShape(op, shape);
  checkDTypeName(op, dtype);
  return run(fillOp, [], { device: resolveDevice(device), shape, dtype, value: storedNumber(op, value, dtype) })[0];
};

/** A tensor of zeros. {@link https://docs.pytorch.org/docs/stable/generated/torch.zeros.html torch.zeros} */
export const zeros = (shape: Shape, options: CreateOptions = {}): Tensor => filled("zeros", shape, 0, options);

/** A tensor of ones. {@link https://docs.pytorch.org/docs/stable/generated/torch.ones.html torch.ones} */
export const ones = (shape: Shape, options: CreateOptions = {}): Tensor => filled("ones", shape, 1, options);

/** Zeros of the shape, dtype and device of `x`. {@link https://docs.pytorch.org/docs/stable/generated/torch.zeros_like.html torch.zeros_like} */
export const zerosLike = (x: Tensor): Tensor => filled("zerosLike", x.shape, 0, x);

/** Ones of the shape, dtype and device of `x`. {@link https://docs.pytorch.org/docs/stable/generated/torch.ones_like.html torch.ones_like} */
export const onesLike = (x: Tensor): Tensor => filled("onesLike", x.shape, 1, x);

/**
 * The numbers from `start` up to `end`, `step` apart; `arange(n)` counts from 0. int32, or float32 when `start` or `step` is no
 * whole number, unless `dtype` says otherwise.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.arange.html torch.arange}
 *
 * @throws ArgumentError when the step is 0 or leads away from the end.
 * @throws DTypeError when `dtype` is int32 and one of the numbers is not, OutOfMemoryError when there are too many.
 * @example
 * await arange(0, 1, { step: 0.25 }).data(); // Float32Array [0, 0.25, 0.5, 0.75]
 */
export const arange = (
  start: number,
  end?: number,
  { step = 1, dtype, device }: CreateOptions & { step?: number | undefined } = {},
): Tensor => {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  for (const value of [from, to, step])
    if (typeof value !== "number") throw new ArgumentError(`arange: numbers expected, got ${describe(value)}`);
  const length = (to - from) / step;
  if (!(length >= 0) || length === Infinity)
    throw new ArgumentError(`arange: step ${step} does not lead from ${from} to ${to}`);
  const whole = Number.isInteger(from) && Number.isInteger(step);
  const type = dtype ?? (whole ? "int32" : "float32");
  checkDTypeName("arange", type);
  const count = Math.ceil(length);
  if (type === "int32" && !whole)
    throw new DTypeError(
      `arange: a whole start and step expected for int32, got ${from} and ${step}; leave the dtype away, or say float32`,
    );
  for (const last of count === 0 ? [] : [from, from + (count - 1) * step])
    if (type === "int32" && !isInt32(last))
      throw new DTypeError(
        `arange: numbers from ${MIN_INT32} to ${MAX_INT32} expected for int32, got ${last}; say float32, which holds whole numbers to 2^24`,
      );
  const values = hostRoom("arange", type, count);
  for (let i = 0; i < count; i++) values[i] = type === "bool" ? Number(from + i * step !== 0) : from + i * step;
  return Tensor.fromHost(values, [count], type, resolveDevice(device), "arange");
};

/**
 * `steps` numbers from `start` to `end`, both included, at equal distances; one step is the start. Exact at both ends. To int32 they round
 * towards zero.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.linspace.html torch.linspace}
 *
 * @throws ArgumentError when `steps` is no whole number from 0 on, or an end is no number, DTypeError when `dtype` is int32 and cannot hold an end.
 * @example
 * await linspace(0, 1, 5).data(); // [0, 0.25, 0.5, 0.75, 1]
 */
export const linspace = (start: number, end: number, steps: number, options: CreateOptions = {}): Tensor =>
  spaced("linspace", { start, end, steps }, (value) => value, options);

/**
 * `steps` powers of `base`, 10 unless said otherwise, whose exponents are `linspace(start, end, steps)`.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.logspace.html torch.logspace}
 *
 * @throws ArgumentError when `steps` is no whole number from 0 on, or an end is no number, DTypeError when `dtype` is int32 and cannot hold a power.
 * @example
 * await logspace(0, 2, 3).data(); // [1, 10, 100]
 */
export const logspace = (
  start: number,
  end: number,
  steps: number,
  { base = 10, ...options }: CreateOptions & { base?: number | undefined } = {},
): Tensor => spaced("logspace", { start, end, steps }, (value) => base ** value, options);

const spaced = (
  op: string,
  { start, end, steps }: { readonly start: number; readonly end: number; readonly steps: number },
  f: (value: number) => number,
  { dtype = "float32", device }: CreateOptions,
): Tensor => {
  for (const value of [start, end])
    if (typeof value !== "number") throw new ArgumentError(`${op}: numbers expected, got ${describe(value)}`);
  checkCount(op, "steps", steps);
  checkDTypeName(op, dtype);
  const step = (end - start) / (steps - 1);
  const values = hostRoom(op, dtype, steps);
  for (let i = 0; i < steps; i++) {
    // From the nearer end, so that both are exact.
    const value = f(steps === 1 || i < steps / 2 ? start + (i === 0 ? 0 : i * step) : end - (steps - 1 - i) * step);
    values[i] = storedNumber(op, dtype === "int32" ? Math.trunc(value) : value, dtype);
  }
  return Tensor.fromHost(values, [steps], dtype, resolveDevice(device), op);
};

/**
 * The n × m matrix with ones on its diagonal and zeros elsewhere; m is n unless said otherwise.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.eye.html torch.eye}
 *
 * @throws ShapeError when a size is no whole number from 0 on, OutOfMemoryError when there are too many.
 * @example
 * eye(2, 3).shape; // [2, 3]
 * eye(2, { dtype: "int32" });
 */
export const eye = (n: number, m: number | CreateOptions = n, options: CreateOptions = {}): Tensor => {
  const [columns, { dtype = "float32", device }] = typeof m === "object" ? [n, m] : [m, options];
  checkShape("eye", [n, columns]);
  checkDTypeName("eye", dtype);
  const values = hostRoom("eye", dtype, n * columns);
  for (let i = 0; i < Math.min(n, columns); i++) values[i * columns + i] = 1;
  return Tensor.fromHost(values, [n, columns], dtype, resolveDevice(device), "eye");
};
