/** Deeper than any file that is read here; recursive code over a value must not run out of stack. */
const MAX_DEPTH = 100;

/** Why a parsed value goes too deep to be walked through; `null` when it does not. Cycles go on for ever, and are too deep. */
const tooDeep = (value: unknown): boolean => {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    const next: unknown[] = [];
    for (const item of level)
      if (typeof item === "object" && item !== null)
        for (const inner of Object.values(item)) if (typeof inner === "object" && inner !== null) next.push(inner);
    // A value that holds itself several times over would double at every level.
    if (next.length > 1e7) return true;
    level = next;
  }
  return false;
};

/** @throws SyntaxError when arrays and objects lie in one another deeper than any file has them */
export const checkDepth = (value: unknown): void => {
  if (tooDeep(value)) throw new SyntaxError(`values lie deeper in one another than ${MAX_DEPTH} levels`);
};

/**
 * Walks over the tokens of a text that is JSON. `JSON.parse` keeps the last of several values of one key, and takes any depth.
 */
const checkKeys = (text: string): void => {
  const open: (Set<string> | null)[] = [];
  /** Whether a string that comes now is a key. */
  let key = false;
  const brackets = /["{}[\],]/g;
  for (let found = brackets.exec(text); found; found = brackets.exec(text)) {
    const [char] = found;
    if (char === "{" || char === "[") {
      open.push(char === "{" ? new Set() : null);
      key = char === "{";
      if (open.length > MAX_DEPTH) throw new SyntaxError(`values lie deeper in one another than ${MAX_DEPTH} levels`);
    } else if (char === "}" || char === "]") {
      open.pop();
      key = false;
    } else if (char === ",") key = open.at(-1) instanceof Set;
    else {
      const end = endOfString(text, found.index + 1);
      brackets.lastIndex = end + 1;
      const names = open.at(-1);
      if (!key || !names) continue;
      key = false;
      const raw = text.slice(found.index + 1, end);
      const name = raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
      if (names.has(name))
        throw new SyntaxError(
          `the key ${JSON.stringify(name.slice(0, 100))} stands twice in one object, again at line ${lineOf(text, found.index)}`,
        );
      names.add(name);
    }
  }
};

/** Where the string ends whose first character is at `start`. */
const endOfString = (text: string, start: number): number => {
  for (let end = text.indexOf('"', start); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
};

const lineOf = (text: string, at: number): number => {
  let line = 1;
  for (let end = text.indexOf("\n"); end >= 0 && end < at; end = text.indexOf("\n", end + 1)) line++;
  return line;
};

/**
 * `JSON.parse` for files of others: a key that stands twice in one object is an error, and so is a depth that no file has.
 * A key may be called `__proto__`: it is a property of its own, as of any name.
 *
 * @throws SyntaxError that says why, for the caller to name the file
 */
export const parseStrictJson = (text: string): unknown => {
  const value: unknown = JSON.parse(text);
  checkKeys(text);
  return value;
};

/** A value as an error shows it: its JSON, cut off at a length, whatever its depth. */
export const showJson = (value: unknown, max = 80): string => {
  const shown = showInside(value, max, 0);
  return shown.length > max ? `${shown.slice(0, max - 1)}…` : shown;
};

const showInside = (value: unknown, room: number, depth: number): string => {
  if (typeof value === "string") return JSON.stringify(value.slice(0, room));
  if (typeof value !== "object" || value === null) return String(value);
  const isList = Array.isArray(value);
  if (depth > 8) return isList ? "[…]" : "{…}";
  let out = "";
  for (const key of Object.keys(value)) {
    if (out.length > room) break;
    const item = showInside((value as { readonly [key: string]: unknown })[key], room, depth + 1);
    out += `${out === "" ? "" : ","}${isList ? "" : `${JSON.stringify(key.slice(0, room))}:`}${item}`;
  }
  return isList ? `[${out}]` : `{${out}}`;
};
