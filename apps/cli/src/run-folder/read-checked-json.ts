import * as v from "valibot";
import { CommandError } from "../terminal/command-error.ts";

/** Deeper than anything that is written here. What walks values afterwards may recurse. */
const MAX_DEPTH = 64;

const isTooDeep = (value: unknown): boolean => {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((each) =>
      typeof each === "object" && each !== null ? (Object.values(each) as unknown[]) : [],
    );
  }
  return false;
};

/** Names a value in few words. */
const describeValue = (value: unknown): string => {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 39)}…` : value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "number" ? String(value) : JSON.stringify(value);
};

/** Schemas of what a run writes. Their messages end the words "expected …". */
export const shapes = {
  number: v.pipe(v.number("a finite number"), v.finite("a finite number")),
  count: v.pipe(
    v.number("a whole number from 0"),
    v.safeInteger("a whole number from 0"),
    v.minValue(0, "a whole number from 0"),
  ),
  text: v.string("a text"),
  flag: v.boolean("true or false"),
  sha256: v.pipe(v.string("64 hexadecimal digits"), v.regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits")),
  list: <S extends v.GenericSchema>(item: S) => v.array(item, "an array"),
  /** An object with these entries. Others are kept: a later version may write them. */
  object: <E extends v.ObjectEntries>(entries: E) => v.looseObject(entries, "an object"),
  record: <S extends v.GenericSchema>(item: S) => v.record(v.string(), item, "an object"),
} as const;

/**
 * Checks a value that came out of a file.
 *
 * @param place what is named in front of the key, such as a path
 * @param advice what to do about it
 * @throws {CommandError} that names the key, what was expected and what came
 */
export const checkShape = <S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  place: string,
  advice: string,
): v.InferOutput<S> => {
  const { success, output, issues } = v.safeParse(schema, value, { abortEarly: true });
  if (success) return output;
  const [issue] = issues;
  const key = v.getDotPath(issue);
  // The issue of an absent key is the object's, whose message is the library's own.
  const expected = issue.input === undefined ? "a value" : issue.message;
  throw new CommandError(
    `${place}: ${key === null ? "" : `${key}: `}expected ${expected}, got ${describeValue(issue.input)}; ${advice}`,
  );
};

/**
 * Reads JSON whose shape is checked.
 *
 * @param what names the whole, such as "the state of a run"
 * @throws {CommandError} if it is no JSON, is nested too deeply, or has another shape
 */
export const readCheckedJson = <S extends v.GenericSchema>(
  schema: S,
  text: string,
  { place, what, advice }: { place: string; what: string; advice: string },
): v.InferOutput<S> => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CommandError(`${place}: expected ${what}, got text that is no JSON; ${advice}`, { cause });
  }
  if (isTooDeep(value)) {
    throw new CommandError(`${place}: expected ${what}, got values nested more than ${MAX_DEPTH} deep; ${advice}`);
  }
  return checkShape(schema, value, place, advice);
};
