import { hostArray, type DType, type TypedArray } from "../dtype.ts";
import { FormatError } from "../error.ts";
import { hostValues } from "../host-data.ts";
import { numel, showShape, type Shape } from "../shape.ts";

/** One tensor of a file, in host memory. */
export interface HostTensor {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: TypedArray;
}

/** What a safetensors file holds. */
export interface SafetensorsFile {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: { readonly [key: string]: string };
}

/** The format's own bound; a larger header is an attack or a mistake. */
const MAX_HEADER = 100_000_000;

/** Bytes per element, and how each stored kind becomes one of our dtypes. */
const KINDS: {
  readonly [kind: string]: { readonly bytes: number; readonly dtype: DType; read(view: DataView, at: number): number };
} = {
  F64: { bytes: 8, dtype: "float32", read: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, dtype: "float32", read: (view, at) => view.getFloat32(at, true) },
  F16: { bytes: 2, dtype: "float32", read: (view, at) => halfToNumber(view.getUint16(at, true)) },
  BF16: { bytes: 2, dtype: "float32", read: (view, at) => bfloatToNumber(view.getUint16(at, true)) },
  I64: { bytes: 8, dtype: "int32", read: (view, at) => Number(view.getBigInt64(at, true)) },
  I32: { bytes: 4, dtype: "int32", read: (view, at) => view.getInt32(at, true) },
  I16: { bytes: 2, dtype: "int32", read: (view, at) => view.getInt16(at, true) },
  I8: { bytes: 1, dtype: "int32", read: (view, at) => view.getInt8(at) },
  U8: { bytes: 1, dtype: "int32", read: (view, at) => view.getUint8(at) },
  BOOL: { bytes: 1, dtype: "bool", read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
};

/** IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
const halfToNumber = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
};

const word = new DataView(new ArrayBuffer(4));
/** The upper half of a float32. */
const bfloatToNumber = (bits: number): number => {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
};

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const fail = (why: string): never => {
  throw new FormatError(`safetensors: ${why}`);
};

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** A header entry that can be trusted, or an error that names it. */
const checkEntry = (name: string, value: unknown, dataBytes: number): Entry => {
  const { dtype, shape, data_offsets: range } = (value ?? {}) as Partial<Entry>;
  const kind = typeof dtype === "string" ? KINDS[dtype] : undefined;
  if (!kind) return fail(`"${name}" has dtype ${String(dtype)}, expected one of ${Object.keys(KINDS).join(" ")}`);
  if (!Array.isArray(shape) || !shape.every(isSize))
    return fail(`"${name}" has shape ${JSON.stringify(shape)}, expected whole numbers from 0 up`);
  if (!Array.isArray(range) || range.length !== 2 || !range.every(isSize) || range[0] > range[1])
    return fail(`"${name}" has data_offsets ${JSON.stringify(range)}, expected a range`);
  if (range[1] > dataBytes)
    return fail(`"${name}" ends at byte ${range[1]} of ${dataBytes}; the file is cut short or not a safetensors file`);
  const bytes = shape.reduce((n, size) => n * size, kind.bytes);
  if (bytes !== range[1] - range[0])
    return fail(
      `"${name}" of shape ${showShape(shape)} and dtype ${dtype} takes ${bytes} bytes, its range has ${range[1] - range[0]}`,
    );
  return { dtype: dtype!, shape, data_offsets: [range[0], range[1]] };
};

const parseHeader = (bytes: Uint8Array): { header: { readonly [name: string]: unknown }; start: number } => {
  if (bytes.byteLength < 8) fail(`expected at least 8 bytes, got ${bytes.byteLength}`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER))
    fail(`the header says it is ${length} bytes long, more than the format's limit of ${MAX_HEADER}`);
  const start = 8 + Number(length);
  if (start > bytes.byteLength)
    fail(
      `the header says it is ${length} bytes long, the file has ${bytes.byteLength - 8} after its length; it is cut short or not a safetensors file`,
    );
  try {
    const header: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.slice(8, start)));
    if (typeof header !== "object" || header === null || Array.isArray(header)) throw new Error("not an object");
    return { header: header as { [name: string]: unknown }, start };
  } catch (error) {
    return fail(`the header is not a JSON object (${(error as Error).message})`);
  }
};

/**
 * Reads a safetensors file. float16, bfloat16 and float64 become float32; int64, int16, int8 and uint8 become int32.
 *
 * {@link https://huggingface.co/docs/safetensors/index#format the format}
 *
 * @throws FormatError when the file is cut short, or its header lies: sizes that do not match, ranges that overlap.
 * @example
 * const w = { shape: [2], dtype: "float32", data: Float32Array.of(1, 2) } as const;
 * const { tensors } = readSafetensors(writeSafetensors(new Map([["w", w]])));
 * tensors.get("w")!.data; // Float32Array [1, 2]
 */
export const readSafetensors = (bytes: Uint8Array): SafetensorsFile => {
  const { header, start } = parseHeader(bytes);
  const dataBytes = bytes.byteLength - start;
  const { __metadata__: metadata = {}, ...rest } = header;
  if (
    typeof metadata !== "object" ||
    metadata === null ||
    !Object.values(metadata).every((value) => typeof value === "string")
  )
    fail("__metadata__ is not a map of strings");
  const entries = Object.entries(rest).map(([name, value]) => [name, checkEntry(name, value, dataBytes)] as const);
  const ranges = entries
    .map(
      ([
        name,
        {
          data_offsets: [from, to],
        },
      ]) => ({ name, from, to }),
    )
    .sort((a, b) => a.from - b.from || a.to - b.to);
  for (let i = 1; i < ranges.length; i++)
    if (ranges[i]!.from < ranges[i - 1]!.to) fail(`"${ranges[i - 1]!.name}" and "${ranges[i]!.name}" overlap`);
  const tensors = new Map(entries.map(([name, entry]) => [name, readEntry(bytes, start, name, entry)]));
  return { tensors, metadata: metadata as { [key: string]: string } };
};

const readEntry = (
  bytes: Uint8Array,
  start: number,
  name: string,
  { dtype: kindName, shape, data_offsets: [from, to] }: Entry,
): HostTensor => {
  const kind = KINDS[kindName]!;
  const { dtype } = kind;
  // A copy, aligned for its type; most files need no conversion. (A Node Buffer's own slice would be a view.)
  const raw = Uint8Array.prototype.slice.call(bytes, start + from, start + to);
  if (kindName === "F32") return { shape, dtype, data: new Float32Array(raw.buffer) };
  if (kindName === "I32") return { shape, dtype, data: new Int32Array(raw.buffer) };
  const view = new DataView(raw.buffer);
  const data = hostArray(dtype, raw.byteLength / kind.bytes);
  for (let i = 0; i < data.length; i++) {
    const value = kind.read(view, i * kind.bytes);
    if (dtype === "int32" && (value > 2147483647 || value < -2147483648))
      fail(`"${name}" holds ${value}, which does not fit into int32`);
    data[i] = value;
  }
  return { shape, dtype, data };
};

const STORED: { readonly [D in DType]: string } = { float32: "F32", int32: "I32", bool: "BOOL" };

/**
 * Writes a safetensors file: names sorted, data aligned to 8 bytes, so that equal content gives equal bytes.
 *
 * @throws FormatError when a name is `__metadata__`, or data does not fill its shape.
 */
export const writeSafetensors = (
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: { readonly [key: string]: string } = {},
): Uint8Array => {
  const names = [...tensors.keys()].sort();
  const contents = new Map<string, TypedArray>();
  const header: { [name: string]: unknown } = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let at = 0;
  for (const name of names) {
    if (name === "__metadata__") fail(`a tensor cannot be named "__metadata__"`);
    const { shape, dtype, data: given } = tensors.get(name)!;
    if (!Object.hasOwn(STORED, dtype))
      fail(`"${name}" has dtype ${String(dtype)}, expected one of ${Object.keys(STORED).join(" ")}`);
    const data = hostValues(`safetensors: "${name}"`, given, dtype);
    if (data.length !== numel(shape))
      fail(`"${name}" of shape ${showShape(shape)} has ${numel(shape)} elements, its data ${data.length}`);
    contents.set(name, data);
    header[name] = { dtype: STORED[dtype], shape, data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(text.byteLength / 8) * 8;
  const out = new Uint8Array(8 + headerBytes + at).fill(0x20, 8, 8 + headerBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.set(text, 8);
  let cursor = 8 + headerBytes;
  for (const name of names) {
    const data = contents.get(name)!;
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), cursor);
    cursor += data.byteLength;
  }
  return out;
};
