import { hostArray, type DType } from "../dtype.ts";
import { ArgumentError } from "../error.ts";
import { excerpt } from "./foreign-file.ts";
import { hostTensorFault, type HostTensor } from "./host-tensor.ts";
import {
  fail,
  isWellFormed,
  MAX_HEADER,
  readSafetensorsHeader,
  refuseKind,
  type HeaderEntry,
  type StoredKind,
} from "./safetensors-header.ts";

export type { HostTensor } from "./host-tensor.ts";

/** What a safetensors file holds. */
export interface SafetensorsFile {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: { readonly [key: string]: string };
}

/** Bytes per element, and how each stored kind becomes one of our dtypes. */
const kinds: readonly StoredKind[] = [
  { name: "F64", bytes: 8, dtype: "float32", read: (view, at) => view.getFloat64(at, true) },
  { name: "F32", bytes: 4, dtype: "float32", read: (view, at) => view.getFloat32(at, true) },
  { name: "F16", bytes: 2, dtype: "float32", read: (view, at) => halfToNumber(view.getUint16(at, true)) },
  { name: "BF16", bytes: 2, dtype: "float32", read: (view, at) => bfloatToNumber(view.getUint16(at, true)) },
  { name: "I64", bytes: 8, dtype: "int32", read: (view, at) => Number(view.getBigInt64(at, true)) },
  { name: "I32", bytes: 4, dtype: "int32", read: (view, at) => view.getInt32(at, true) },
  { name: "I16", bytes: 2, dtype: "int32", read: (view, at) => view.getInt16(at, true) },
  { name: "I8", bytes: 1, dtype: "int32", read: (view, at) => view.getInt8(at) },
  { name: "U64", bytes: 8, dtype: "int32", read: (view, at) => Number(view.getBigUint64(at, true)) },
  { name: "U32", bytes: 4, dtype: "int32", read: (view, at) => view.getUint32(at, true) },
  { name: "U16", bytes: 2, dtype: "int32", read: (view, at) => view.getUint16(at, true) },
  { name: "U8", bytes: 1, dtype: "int32", read: (view, at) => view.getUint8(at) },
  { name: "BOOL", bytes: 1, dtype: "bool", read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
];
const kindsByName: ReadonlyMap<unknown, StoredKind> = new Map(kinds.map((kind) => [kind.name, kind]));

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

/**
 * Reads a safetensors file. float16, bfloat16 and float64 become float32; int64, int16, int8 and the unsigned ones become int32.
 * Values that are not finite are read as they are.
 *
 * {@link https://huggingface.co/docs/safetensors/index#format the format}
 *
 * @throws FormatError when the file is cut short, is of another kind, or its header lies: sizes that do not match, ranges that
 *   overlap or leave a hole, a name that stands twice; or when a number does not fit into the dtype that it becomes.
 * @example
 * const w = { shape: [2], dtype: "float32", data: Float32Array.of(1, 2) } as const;
 * const { tensors } = readSafetensors(writeSafetensors(new Map([["w", w]])));
 * tensors.get("w")!.data; // Float32Array [1, 2]
 */
export const readSafetensors = (bytes: Uint8Array): SafetensorsFile => {
  if (!(ArrayBuffer.isView(bytes) && "BYTES_PER_ELEMENT" in bytes && bytes.BYTES_PER_ELEMENT === 1))
    throw new ArgumentError(
      `readSafetensors: expected the bytes of a file as a Uint8Array, got ${Object.prototype.toString.call(bytes).slice(8, -1)}; wrap an ArrayBuffer with new Uint8Array(buffer)`,
    );
  const { entries, metadata } = readSafetensorsHeader(bytes, kindsByName);
  for (const { name, kind, dtype } of entries) if (kind === null) refuseKind(name, dtype, kindsByName);
  // A copy, aligned for its type. (A Node Buffer's own slice would be a view.)
  const read = (entry: HeaderEntry): HostTensor =>
    readEntry(Uint8Array.prototype.slice.call(bytes, entry.from, entry.to), entry);
  return { tensors: new Map(entries.map((entry) => [entry.name, read(entry)])), metadata };
};

/** Bytes that are read part by part: a file on a disk, or one behind a network. */
export interface ByteSource {
  /** How many there are. */
  readonly size: number;
  /** Those of `[from, to)`, in memory of their own. */
  read(from: number, to: number): Promise<Uint8Array>;
}

/** A tensor that is still in its file. */
export interface StoredTensor {
  readonly shape: readonly number[];
  /** As the file calls it: `F32`, `BF16`. */
  readonly dtype: string;
  /** Reads its bytes, and no others. @throws FormatError when its dtype does not become one of ours, or a number does not fit */
  load(): Promise<HostTensor>;
}

/**
 * Reads the header of a safetensors file, and each tensor when it is asked for: a large file is never in memory as a whole, and a
 * tensor that nobody needs may have any dtype.
 *
 * @throws FormatError as `readSafetensors`
 * @example
 * const { tensors } = await openSafetensors({ size: bytes.length, read: async (from, to) => bytes.slice(from, to) });
 * const { data } = await tensors.get("w")!.load();
 */
export const openSafetensors = async (
  source: ByteSource,
): Promise<{ tensors: Map<string, StoredTensor>; metadata: { readonly [key: string]: string } }> => {
  const { size } = source;
  // Enough to say what a file is that is none of this format.
  const start = await source.read(0, Math.min(size, 4096));
  const length =
    start.byteLength < 8 ? 0 : Number(new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true));
  const isWhole = 8 + length <= start.byteLength || 8 + length > size || length > MAX_HEADER;
  const head = isWhole ? start : await source.read(0, 8 + length);
  const { entries, metadata } = readSafetensorsHeader(head, kindsByName, size);
  const stored = (entry: HeaderEntry): StoredTensor => ({
    shape: entry.shape,
    dtype: entry.dtype,
    load: async () => {
      if (entry.kind === null) return refuseKind(entry.name, entry.dtype, kindsByName);
      const raw = await source.read(entry.from, entry.to);
      const found = raw.byteLength;
      if (found !== entry.to - entry.from)
        return fail(
          `${excerpt(entry.name, 200)} has ${found} of its ${entry.to - entry.from} bytes; the file was cut short`,
        );
      // A view that is not aligned for its type is copied.
      return readEntry(raw.byteOffset === 0 && raw.buffer.byteLength === found ? raw : copyOf(raw), entry);
    },
  });
  return { tensors: new Map(entries.map((entry) => [entry.name, stored(entry)])), metadata };
};

/** With memory of its own: a Node Buffer's own slice is a view. */
const copyOf = (bytes: Uint8Array): Uint8Array => Uint8Array.prototype.slice.call(bytes);

/** @param raw the bytes of one tensor, with memory of their own: most need no conversion, and are the data */
const readEntry = (raw: Uint8Array, { name, kind, shape }: HeaderEntry): HostTensor => {
  if (kind === null) return fail(`${excerpt(name, 200)} has a dtype that cannot be read`);
  const { dtype } = kind;
  if (kind.name === "F32") return { shape, dtype, data: new Float32Array(raw.buffer as ArrayBuffer) };
  if (kind.name === "I32") return { shape, dtype, data: new Int32Array(raw.buffer as ArrayBuffer) };
  const view = new DataView(raw.buffer);
  const data = hostArray(dtype, raw.byteLength / kind.bytes);
  const bounded = dtype === "int32" ? [-2147483648, 2147483647] : null;
  for (let i = 0; i < data.length; i++) {
    const value = kind.read(view, i * kind.bytes);
    if (bounded && (value < bounded[0]! || value > bounded[1]!))
      fail(`${excerpt(name, 200)} holds ${value}, which does not fit into int32`);
    data[i] = value;
    if (dtype === "float32" && Number.isFinite(value) && !Number.isFinite(data[i]))
      fail(`${excerpt(name, 200)} holds ${value}, which does not fit into float32`);
  }
  return { shape, dtype, data };
};

const STORED: { readonly [D in DType]: string } = { float32: "F32", int32: "I32", bool: "BOOL" };

/**
 * Writes a safetensors file: names sorted, data aligned to 8 bytes, so that equal content gives equal bytes.
 *
 * @throws FormatError when a name is `__metadata__` or no text that UTF-8 can hold, when data are of another type or length than
 *   dtype and shape say, or when metadata have a value that is no string.
 */
export const writeSafetensors = (
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: { readonly [key: string]: string } = {},
): Uint8Array => {
  const names = [...tensors.keys()].sort();
  // Written by hand: a tensor may be called "__proto__", which no object takes by assignment.
  const rows: string[] = [];
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== "string")
      fail(`metadata ${excerpt(key)} is ${String(value)}, expected a string; write String(value)`);
    if (!isWellFormed(key + value)) fail(`metadata ${excerpt(key)} has half of a character, which no UTF-8 has`);
    rows.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  }
  const parts = rows.length > 0 ? [`"__metadata__":{${rows.join(",")}}`] : [];
  let at = 0;
  for (const name of names) {
    if (name === "__metadata__") fail(`a tensor cannot be named "__metadata__"`);
    if (!isWellFormed(name))
      fail(`the name ${excerpt(name)} has half of a character, which no UTF-8 has; rename the tensor`);
    const tensor = tensors.get(name)!;
    const fault = hostTensorFault(tensor);
    if (fault) fail(`${excerpt(name, 200)}: ${fault}; convert the data, or correct the shape`);
    const { shape, dtype, data } = tensor;
    const entry = { dtype: STORED[dtype], shape, data_offsets: [at, at + data.byteLength] };
    parts.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    at += data.byteLength;
  }
  const text = new TextEncoder().encode(`{${parts.join(",")}}`);
  const headerBytes = Math.ceil(text.byteLength / 8) * 8;
  const out = new Uint8Array(8 + headerBytes + at).fill(0x20, 8, 8 + headerBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.set(text, 8);
  let cursor = 8 + headerBytes;
  for (const name of names) {
    const { data } = tensors.get(name)!;
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), cursor);
    cursor += data.byteLength;
  }
  return out;
};
