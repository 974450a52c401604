import { bytesPerElement, hostArray, type DType, type TypedArray } from "./dtype.ts";
import { ArgumentError, DTypeError, OutOfMemoryError, ShapeError } from "./error.ts";

/** A `Float16Array`, where the engine has it. */
export interface HalfArray {
  readonly [Symbol.toStringTag]: "Float16Array";
  readonly length: number;
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly [index: number]: number;
}

/** Numbers in host memory, as typed arrays of any kind hold them. */
export type HostArray =
  | TypedArray
  | HalfArray
  | Float64Array
  | Int8Array
  | Int16Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export const MIN_INT32 = -2147483648;
export const MAX_INT32 = 2147483647;
/** No array of the host's is made larger: the memory of the largest device. */
const MAX_HOST_BYTES = 2 ** 32;

/** The dtype that each kind of typed array becomes unless another one is named. */
const DTYPES: { readonly [kind: string]: DType } = {
  Float16Array: "float32",
  Float32Array: "float32",
  Float64Array: "float32",
  Int8Array: "int32",
  Int16Array: "int32",
  Int32Array: "int32",
  Uint8Array: "int32",
  Uint8ClampedArray: "int32",
  Uint16Array: "int32",
  Uint32Array: "int32",
  BigInt64Array: "int32",
  BigUint64Array: "int32",
};

/** The typed array that each dtype has of its own. */
const OWN: { readonly [D in DType]: new (length: number) => TypedArray } = {
  float32: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
};

/** Whether a value names a dtype. */
export const isDType = (value: unknown): value is DType => typeof value === "string" && Object.hasOwn(OWN, value);

/** Whether data is the typed array that a dtype has of its own, of this realm or another. */
const isOwn = (data: unknown, dtype: DType): data is TypedArray =>
  ArrayBuffer.isView(data) && Object.prototype.toString.call(data).slice(8, -1) === OWN[dtype].name;

/**
 * What is expected and what came where data must fill a tensor as they are, without conversion: a Float32Array of 6, and a
 * Float64Array of 6. `null` when they do.
 */
export const ownDataFault = (
  data: unknown,
  dtype: DType,
  count: number,
): { readonly expected: string; readonly got: string } | null => {
  const length = ArrayBuffer.isView(data) && "length" in data ? (data as Uint8Array).length : -1;
  if (isOwn(data, dtype) && length === count) return null;
  const name = Object.prototype.toString.call(data).slice(8, -1);
  return { expected: `a ${OWN[dtype].name} of ${count}`, got: `${name}${length < 0 ? "" : ` of ${length}`}` };
};

/** "a Float64Array", "null", "a string": what came, for messages. */
export const describe = (value: unknown): string => {
  if (value === null || value === undefined || typeof value === "number" || typeof value === "boolean")
    return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  const name = tag === "Object" ? (value.constructor as { name?: string } | undefined)?.name || tag : tag;
  return `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}`;
};

/** The dtype of host data that says none. @throws ArgumentError unless it is a typed array of numbers. */
export const hostDType = (op: string, data: unknown): DType => {
  const dtype = ArrayBuffer.isView(data)
    ? DTYPES[(data as unknown as { [Symbol.toStringTag]: string })[Symbol.toStringTag]]
    : undefined;
  if (dtype) return dtype;
  const advice =
    ArrayBuffer.isView(data) || /Buffer$/.test(describe(data))
      ? "wrap its bytes, as in new Float32Array(buffer)"
      : Array.isArray(data)
        ? "make one, as in Float32Array.from(data)"
        : "give the numbers themselves";
  throw new ArgumentError(`${op}: a typed array of numbers expected as data, got ${describe(data)}; ${advice}`);
};

/** @throws DTypeError unless `dtype` is one. */
export const checkDTypeName = (op: string, dtype: DType): void => {
  if (!isDType(dtype))
    throw new DTypeError(
      `${op}: a dtype is ${Object.keys(bytesPerElement).join(", ")}, got ${typeof dtype === "string" ? `"${String(dtype)}"` : describe(dtype)}`,
    );
};

/**
 * Host data as the typed array that a dtype has of its own; the data itself where it is that. Every way from host memory into a tensor
 * leads through here. To int32 numbers round towards zero, to bool whatever is not 0 is 1.
 *
 * @throws ArgumentError when it is no typed array, or holds a number that int32 cannot.
 */
export const hostValues = (op: string, data: HostArray, dtype: DType): TypedArray => {
  if (isOwn(data, dtype) && (dtype !== "bool" || allBits(data as Uint8Array))) return data;
  hostDType(op, data);
  return convert(op, data, dtype);
};

const allBits = (data: Uint8Array): boolean => {
  for (let i = 0; i < data.length; i++) if (data[i]! > 1) return false;
  return true;
};

/** Numbers as the typed array of a dtype. */
export const convert = (op: string, values: ArrayLike<number | bigint>, dtype: DType): TypedArray => {
  const out = hostRoom(op, dtype, values.length);
  for (let i = 0; i < out.length; i++) {
    const value = Number(values[i]);
    if (dtype === "int32" && !(value > MIN_INT32 - 1 && value < MAX_INT32 + 1))
      throw new ArgumentError(
        `${op}: numbers from ${MIN_INT32} to ${MAX_INT32} expected for int32, got ${value} at element ${i}; make it float32`,
      );
    out[i] = dtype === "bool" ? Number(value !== 0) : value;
  }
  return out;
};

/** A zeroed array for `length` elements. @throws OutOfMemoryError when no device could hold it. */
export const hostRoom = (op: string, dtype: DType, length: number): TypedArray => {
  const bytes = length * bytesPerElement[dtype];
  const refuse = (): never => {
    throw new OutOfMemoryError(`${op}: no room for ${length} elements of ${dtype}, ${bytes} bytes; make it smaller`);
  };
  if (bytes > MAX_HOST_BYTES) return refuse();
  try {
    return hostArray(dtype, length);
  } catch {
    return refuse();
  }
};

/**
 * A number as a tensor of a dtype stores it: to bool, whatever is not 0 is 1.
 *
 * @throws ArgumentError when it is no number, DTypeError when int32 cannot hold it.
 */
export const storedNumber = (op: string, value: number | boolean, dtype: DType): number => {
  if (typeof value !== "number" && typeof value !== "boolean")
    throw new ArgumentError(`${op}: a number expected, got ${describe(value)}`);
  const number = Number(value);
  if (dtype === "bool") return Number(number !== 0);
  if (dtype === "int32" && !isInt32(number))
    throw new DTypeError(
      `${op}: a whole number expected beside int32, got ${number}; it holds ${MIN_INT32} to ${MAX_INT32}, cast(x, "float32") first?`,
    );
  return number;
};

export const isInt32 = (value: number): boolean => Number.isInteger(value) && value >= MIN_INT32 && value <= MAX_INT32;

/**
 * What may be written to the start of a buffer with `room` elements of a dtype.
 *
 * @throws DTypeError when the array is another dtype's, ShapeError when it is longer than the buffer.
 */
export const writable = (device: string, dtype: DType, room: number, data: TypedArray): TypedArray => {
  if (!isOwn(data, dtype))
    throw new DTypeError(
      `${device}: ${describe(new OWN[dtype](0))} expected to write ${dtype}, got ${describe(data)}; Tensor.fromHost converts`,
    );
  if (data.length > room)
    throw new ShapeError(`${device}: the buffer has room for ${room} elements, the data has ${data.length}`);
  return dtype === "bool" ? hostValues(device, data, dtype) : data;
};
