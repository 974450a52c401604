import type { SeededRandom } from "@tessera/models";

const encoder = new TextEncoder();
export const bytesOf = (text: string): Uint8Array => encoder.encode(text);

export const pick = <T>(random: SeededRandom, items: readonly T[]): T => items[random.nextInt(items.length)]!;

/** Parts one behind the other. */
export const join = (...parts: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

const SPECIAL_BYTES = [0, 0x22, 0x2c, 0x3a, 0x5b, 0x5c, 0x7b, 0x7d, 0x7f, 0x80, 0xc3, 0xe9, 0xed, 0xf5, 0xfe, 0xff];

/** Bytes changed, put in, taken out, doubled, cut off. */
export const mutateBytes = (random: SeededRandom, bytes: Uint8Array): Uint8Array => {
  // The beginning has the lengths and marks.
  const at = random.nextInt(random.nextFloat() < 0.4 ? Math.min(bytes.length, 32) + 1 : bytes.length + 1);
  const length = random.nextInt(Math.min(64, bytes.length - at) + 1);
  const piece = bytes.slice(at, at + length);
  switch (random.nextInt(6)) {
    case 0: {
      const out = bytes.slice();
      if (out.length > 0) out[at % out.length]! ^= 1 << random.nextInt(8);
      return out;
    }
    case 1: {
      const out = bytes.slice();
      if (out.length > 0) out[at % out.length] = pick(random, SPECIAL_BYTES);
      return out;
    }
    case 2:
      return join(bytes.slice(0, at), new Uint8Array(length).fill(pick(random, SPECIAL_BYTES)), bytes.slice(at));
    case 3:
      return join(bytes.slice(0, at), bytes.slice(at + length));
    case 4:
      return join(bytes.slice(0, at), piece, piece, bytes.slice(at + length));
    default:
      return bytes.slice(0, at);
  }
};

/** Stands for a value that no JSON.stringify could write. */
const DEEP = "@deep@";
const HUGE = "@huge@";

const NUMBERS = [0, -1, 1, 2, 3, 1.5, -0.5, 255, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53, 1e308, 1e-320];
const STRINGS = "|x|0|1|true|null|__proto__|constructor|toString|\ud800|é|日本|\u0000|../x|F32|I64|BOOL|float16".split(
  "|",
);
const NESTED = [[], {}, [[]], [0], [1, 2], [null], { a: 1 }, { __proto__: null }, DEEP, HUGE];
const VALUES: readonly unknown[] = [null, true, false, ...NUMBERS, ...STRINGS, ...NESTED];
const KEYS = [
  HUGE,
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "",
  "0",
  "1",
  "__metadata__",
  "length",
  "é",
  "\ud800",
];

type Container = { [key: string]: unknown };
const isContainer = (value: unknown): value is Container => typeof value === "object" && value !== null;

/** Every object and array of a value that has something in it. */
const containers = (value: unknown, found: Container[] = []): Container[] => {
  if (isContainer(value)) {
    if (Object.keys(value).length > 0) found.push(value);
    for (const inner of Object.values(value)) containers(inner, found);
  }
  return found;
};

/** Sets a property of any name: `__proto__` by assignment would be none. */
const put = (target: Container, key: string, value: unknown): void => {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
};

/** Values swapped, taken out, renamed, doubled, deep, huge. */
export const mutateJson = (random: SeededRandom, source: unknown): string => {
  const value = structuredClone(source);
  let doubled: string | null = null;
  for (let changes = 1 + random.nextInt(3); changes > 0; changes--) {
    const all = containers(value);
    if (all.length === 0) break;
    const target = pick(random, all);
    const keys = Object.keys(target);
    const key = pick(random, keys);
    switch (random.nextInt(7)) {
      case 0:
        if (Array.isArray(target)) target.splice(Number(key), 1);
        else delete target[key];
        break;
      case 1: {
        const name = random.nextFloat() < 0.5 ? pick(random, KEYS) : pick(random, keys);
        if (Array.isArray(target)) target.push(structuredClone(target[Number(key)]));
        else put(target, name, structuredClone(target[key]));
        break;
      }
      case 2:
        put(target, key, structuredClone(target[pick(random, keys)]));
        break;
      case 3:
        if (typeof target[key] === "number") put(target, key, target[key] + pick(random, [-1, 1, 4, 0.5, 1e6, 1e9]));
        break;
      case 4:
        if (!Array.isArray(target)) doubled = key;
        break;
      default:
        put(target, key, structuredClone(pick(random, VALUES)));
    }
  }
  let text = JSON.stringify(value);
  if (doubled !== null) {
    const name = JSON.stringify(doubled);
    const at = text.indexOf(`${name}:`);
    if (at >= 0) text = `${text.slice(0, at)}${name}:${pick(random, ["1", "null", '"x"', "{}"])},${text.slice(at)}`;
  }
  return text
    .replace(`"${DEEP}"`, () => pick(random, ["[", '{"a":']).repeat(20_000) + (random.nextFloat() < 0.5 ? "1" : ""))
    .replace(/^(.*)$/s, (all) => (all.includes('{"a":{"a":{"a"') || all.includes("[[[[[[") ? closed(all) : all))
    .replaceAll(`"${HUGE}"`, () => `"${"h".repeat(200_000)}"`);
};

/** Closes what a deep value left open, so that depth alone is wrong. */
const closed = (text: string): string => {
  const open = /(?:\[|\{"a":){1000,}1?/.exec(text);
  if (!open) return text;
  const [run] = open;
  const list = run.startsWith("[");
  const levels = list ? run.replace(/1$/, "").length : run.replace(/1$/, "").length / 5;
  const inner = run.endsWith("1") || list ? "" : "1";
  const end = open.index + run.length;
  return `${text.slice(0, end)}${inner}${(list ? "]" : "}").repeat(levels)}${text.slice(end)}`;
};

/** Whole files of other kinds, as they turn up in the place of the right one. */
export const FOREIGN: Readonly<Record<string, Uint8Array>> = {
  nothing: new Uint8Array(0),
  "a pointer": bytesOf("version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef\nsize 501\n"),
  "a page": bytesOf("<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>…</body></html>\n"),
  xml: bytesOf('<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>\n'),
  "an error": bytesOf('{"error":"Repository not found"}'),
  "a list": bytesOf("[1, 2, 3]"),
  text: bytesOf("Not Found"),
  zip: join(new Uint8Array([0x50, 0x4b, 3, 4, 0, 0, 8, 8]), new Uint8Array(60).fill(7)),
  pickle: join(new Uint8Array([0x80, 2, 0x8a, 0x0a]), new Uint8Array(60).fill(0x6c)),
  gzip: join(new Uint8Array([0x1f, 0x8b, 8, 0]), new Uint8Array(60).fill(0x9d)),
  utf16: new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0, 0x0a, 0]),
  utf16be: new Uint8Array([0xfe, 0xff, 0, 0x7b, 0, 0x7d]),
  latin: new Uint8Array([0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d]),
  zeros: new Uint8Array(256),
  ones: new Uint8Array(256).fill(0xff),
};
