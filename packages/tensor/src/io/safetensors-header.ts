import type { DType } from "../dtype.ts";
import { FormatError } from "../error.ts";
import { showShape } from "../shape.ts";
import { excerpt, foreignFile } from "./foreign-file.ts";
import { isSize } from "./host-tensor.ts";
import { parseStrictJson, showJson } from "./strict-json.ts";

/** The format's own bound; a larger header is an attack or a mistake. */
export const MAX_HEADER = 100_000_000;

/** A dtype of the format: bytes of an element, and how it becomes one of ours. */
export interface StoredKind {
  readonly name: string;
  readonly bytes: number;
  readonly dtype: DType;
  read(view: DataView, at: number): number;
}

/** A tensor of a file, whose place has been checked. */
export interface HeaderEntry {
  readonly name: string;
  /** `null` for a dtype that does not become one of ours: the tensor has its place, and cannot be read. */
  readonly kind: StoredKind | null;
  /** As the file calls it. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In bytes from the beginning of the file. */
  readonly from: number;
  readonly to: number;
}

export interface SafetensorsHeader {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: { readonly [key: string]: string };
}

/** @throws FormatError always */
export const fail = (why: string): never => {
  throw new FormatError(`safetensors: ${why}`);
};

/** JSON can write half of a character; UTF-8 cannot. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/** Says what a file is that is no safetensors file, or else what is wrong with its length. */
const refuse = (bytes: Uint8Array, why: string): never => {
  if (bytes.byteLength === 0) fail("expected at least 8 bytes, got an empty file; download it again");
  const foreign = foreignFile(bytes);
  if (foreign) fail(`expected a safetensors file, got ${foreign.what}; ${foreign.advice}`);
  const start = bytes.subarray(0, 64);
  if (start.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 9 && byte <= 13)))
    fail(
      `expected a safetensors file, got a text, ${excerpt(new TextDecoder().decode(start))}; download the file itself (${why})`,
    );
  return fail(why);
};

/** The text of the header, and where the data begin. */
const headerText = (bytes: Uint8Array, size: number): { text: string; start: number } => {
  if (bytes.byteLength < 8) refuse(bytes, `expected at least 8 bytes, got ${bytes.byteLength}; the file is cut short`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  const says = `the header says it is ${length} bytes long`;
  if (length > BigInt(MAX_HEADER)) refuse(bytes, `${says}, more than the format's limit of ${MAX_HEADER}`);
  const start = 8 + Number(length);
  if (start > size)
    refuse(bytes, `${says}, the file has ${size - 8} after its length; it is cut short or not a safetensors file`);
  if (length === 0n)
    refuse(bytes, "the header is not a JSON object: expected { as its first byte, got a header of no bytes");
  if (bytes[8] !== 0x7b)
    refuse(
      bytes,
      `the header is not a JSON object: expected { as its first byte, got 0x${bytes[8]!.toString(16).padStart(2, "0")}`,
    );
  try {
    // A Node Buffer's own slice would be a view, which TextDecoder takes as well. A mark would be a character of its own.
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return { text: decoder.decode(bytes.subarray(8, start)), start };
  } catch {
    return fail("the header is not a JSON object (its bytes are not UTF-8)");
  }
};

const parse = (text: string): { readonly [name: string]: unknown } => {
  try {
    // The first character is {, so it is an object or no JSON.
    return parseStrictJson(text) as { readonly [name: string]: unknown };
  } catch (error) {
    return fail(`the header is not a JSON object (${(error as Error).message})`);
  }
};

/** What a header says of one tensor, or an error that names it. */
const checkEntry = (
  name: string,
  value: unknown,
  kinds: ReadonlyMap<unknown, StoredKind>,
  start: number,
  dataBytes: number,
): HeaderEntry => {
  const shown = excerpt(name, 200);
  if (!isWellFormed(name)) fail(`${shown} has half of a character in its name, which no UTF-8 has`);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return fail(`${shown} is ${showJson(value)}, expected an object with dtype, shape and data_offsets`);
  const own = (key: string): unknown =>
    Object.hasOwn(value, key) ? (value as { readonly [key: string]: unknown })[key] : undefined;
  const [dtype, shape, range] = [own("dtype"), own("shape"), own("data_offsets")];
  const kind = kinds.get(dtype) ?? null;
  if (typeof dtype !== "string") return refuseKind(name, dtype, kinds);
  if (!Array.isArray(shape) || !shape.every(isSize))
    return fail(`${shown} has shape ${showJson(shape)}, expected whole numbers from 0 up`);
  if (!Array.isArray(range) || range.length !== 2 || !range.every(isSize) || range[0]! > range[1]!)
    return fail(`${shown} has data_offsets ${showJson(range)}, expected a range`);
  const [from, to] = range as [number, number];
  if (to > dataBytes)
    fail(`${shown} ends at byte ${to} of ${dataBytes}; the file is cut short or not a safetensors file`);
  const bytes = shape.reduce((n, size) => n * size, kind?.bytes ?? 0);
  if (kind && bytes !== to - from)
    fail(
      `${shown} of shape ${showShape(shape)} and dtype ${kind.name} takes ${bytes} bytes, its range has ${to - from}`,
    );
  return { name, kind, dtype, shape, from: start + from, to: start + to };
};

/** @throws FormatError that names the dtypes which become one of ours */
export const refuseKind = (name: string, dtype: unknown, kinds: ReadonlyMap<unknown, StoredKind>): never => {
  const known = [...kinds.values()].map((each) => each.name).join(" ");
  const got = typeof dtype === "string" ? dtype.slice(0, 40) : showJson(dtype);
  return fail(`${excerpt(name, 200)} has dtype ${got}, expected one of ${known}`);
};

/** The tensors must cover the data from the first byte to the last, each byte once. */
const checkCover = (entries: readonly HeaderEntry[], start: number, end: number): void => {
  let [at, before] = [start, "the header"];
  for (const { name, from, to } of [...entries].sort((a, b) => a.from - b.from || a.to - b.to)) {
    const shown = excerpt(name, 200);
    if (from < at) fail(`${before} and ${shown} overlap`);
    if (from > at)
      fail(`${from - at} bytes between ${before} and ${shown} belong to no tensor; the format has no holes`);
    [at, before] = [to, shown];
  }
  if (at < end) fail(`${end - at} bytes behind ${before} belong to no tensor; the file is longer than its header says`);
};

const checkMetadata = (value: unknown): { readonly [key: string]: string } => {
  const metadata = Object.create(null) as { [key: string]: string };
  if (value === undefined) return metadata;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return fail(`__metadata__ is ${showJson(value)}, expected a map of strings`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string")
      return fail(`__metadata__ is not a map of strings: ${excerpt(key)} is ${showJson(text)}`);
    metadata[key] = text;
  }
  return metadata;
};

/**
 * Reads the header of a safetensors file, by the letter of the format: it begins with `{`, is UTF-8 and JSON, names each tensor
 * once, and its tensors cover the data without a hole, an overlap or a byte behind the last.
 *
 * {@link https://huggingface.co/docs/safetensors/index#format the format}
 *
 * @param bytes the beginning of the file, with all of its header
 * @param size how long the file is
 */
export const readSafetensorsHeader = (
  bytes: Uint8Array,
  kinds: ReadonlyMap<unknown, StoredKind>,
  size = bytes.byteLength,
): SafetensorsHeader => {
  const { text, start } = headerText(bytes, size);
  const header = parse(text);
  const dataBytes = size - start;
  const entries: HeaderEntry[] = [];
  let metadata: unknown;
  for (const [name, value] of Object.entries(header))
    if (name === "__metadata__") metadata = value;
    else entries.push(checkEntry(name, value, kinds, start, dataBytes));
  checkCover(entries, start, size);
  return { entries, metadata: checkMetadata(metadata) };
};
