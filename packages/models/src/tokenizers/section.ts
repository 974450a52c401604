import { showJson } from "@tessera/tensor/files";
import { TokenizerError } from "./tokenizer-error.ts";

/** A part of `tokenizer.json` that has a type: a normaliser, a pre-tokeniser, a post-processor, a decoder. */
export interface Section {
  readonly type: string;
  readonly [key: string]: unknown;
}

export const DAMAGED = "the file is damaged or of another kind";

export const show = (value: unknown): string => showJson(value, 78);

export const fail = (path: string, expected: string, value: unknown, advice: string): never => {
  throw new TokenizerError(`${path}: expected ${expected}, got ${show(value)}; ${advice}`);
};

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const readObject = (path: string, value: unknown): Record<string, unknown> =>
  isObject(value) ? value : fail(path, "an object", value, DAMAGED);

export const readFlag = (path: string, value: unknown, absent?: boolean): boolean => {
  if (value === undefined && absent !== undefined) return absent;
  return typeof value === "boolean" ? value : fail(path, "true or false", value, DAMAGED);
};

export const readId = (path: string, value: unknown): number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 31
    ? value
    : fail(path, "an integer ≥ 0", value, DAMAGED);

export const readString = (path: string, value: unknown, absent?: string): string => {
  if (value === undefined && absent !== undefined) return absent;
  return typeof value === "string" ? value : fail(path, "a string", value, DAMAGED);
};

export const readList = (path: string, value: unknown): readonly unknown[] =>
  Array.isArray(value) ? (value as unknown[]) : fail(path, "an array", value, DAMAGED);

export const readOneOf = <T extends string>(path: string, value: unknown, all: readonly T[], absent?: T): T => {
  if (value === undefined && absent !== undefined) return absent;
  const found = all.find((one) => one === value);
  return found ?? fail(path, all.map((one) => JSON.stringify(one)).join(", "), value, DAMAGED);
};

export const readTokenAndId = (path: string, value: unknown): [token: string, id: number] => {
  const list = readList(path, value);
  return list.length === 2
    ? [readString(`${path}[0]`, list[0]), readId(`${path}[1]`, list[1])]
    : fail(path, "[token, id]", value, DAMAGED);
};

/** Makes a part out of its section, which it checks: `path` is where that stands, for messages. */
export type PartReader<Part> = (path: string, section: Section) => Part;

/** The part that a section names, out of the record of those that exist. */
export const readPart = <Part>(
  readers: Readonly<Record<string, PartReader<Part>>>,
  path: string,
  value: unknown,
): Part => {
  const read = isObject(value) && typeof value.type === "string" ? ownReader(readers, value.type) : undefined;
  if (read) return read(path, value as Section);
  return fail(path, `type ${Object.keys(readers).join(", ")}`, value, "other types are not read here");
};

const ownReader = <Part>(readers: Readonly<Record<string, PartReader<Part>>>, type: string) =>
  Object.hasOwn(readers, type) ? readers[type] : undefined;

/** The parts of a `Sequence`, which each lie under `key`. */
export const readParts = <Part>(
  readers: Readonly<Record<string, PartReader<Part>>>,
  path: string,
  section: Section,
  key: string,
): Part[] => readList(`${path}.${key}`, section[key]).map((item, i) => readPart(readers, `${path}.${key}[${i}]`, item));
