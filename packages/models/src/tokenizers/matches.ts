import type { AlignedText } from "./aligned-text.ts";
import { compileRegex } from "./regex-syntax.ts";
import { DAMAGED, fail, isObject, readOneOf, readString } from "./section.ts";

/** A stretch of a text: a match, or what lies between two. */
export interface Stretch {
  start: number;
  end: number;
  readonly isMatch: boolean;
}

/** Cuts a text into matches and what is between them. */
export type Matcher = (text: string) => Stretch[];

/** The matches alone, as ranges. */
export type Finder = (text: string) => Iterable<readonly [start: number, end: number]>;

export const BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
/** What becomes of a delimiter. */
export type Behavior = (typeof BEHAVIORS)[number];

/** Every character for which `test` holds is a match of its own. */
export const matchChars =
  (test: (code: number) => boolean): Matcher =>
  (text) =>
    stretches(text, chars(text, test));

function* chars(text: string, test: (code: number) => boolean): Generator<readonly [number, number]> {
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at)!;
    const end = at + (code > 0xffff ? 2 : 1);
    if (test(code)) yield [at, end];
    at = end;
  }
}

/** Every match of a regular expression. */
export const findRegex =
  (pattern: RegExp): Finder =>
  (text) =>
    Array.from(text.matchAll(pattern), (match) => [match.index, match.index + match[0].length] as const);

export const matchRegex = (pattern: RegExp): Matcher => {
  const find = findRegex(pattern);
  return (text) => stretches(text, find(text));
};

const stretches = (text: string, matches: Iterable<readonly [number, number]>): Stretch[] => {
  const out: Stretch[] = [];
  let done = 0;
  for (const [start, end] of matches) {
    if (start > done) out.push({ start: done, end: start, isMatch: false });
    out.push({ start, end, isMatch: true });
    done = end;
  }
  if (done < text.length) out.push({ start: done, end: text.length, isMatch: false });
  return out;
};

export const inverted =
  (matcher: Matcher): Matcher =>
  (text) =>
    matcher(text).map(({ start, end, isMatch }) => ({ start, end, isMatch: !isMatch }));

/** `{"String": "…"}` or `{"Regex": "…"}`. */
export const readPattern = (path: string, value: unknown): Finder => {
  if (isObject(value) && "String" in value) {
    const text = readString(`${path}.String`, value.String);
    return text === "" ? () => [] : findRegex(new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gu"));
  }
  if (isObject(value) && "Regex" in value)
    return findRegex(compileRegex(`${path}.Regex`, readString(`${path}.Regex`, value.Regex)));
  return fail(path, `{"String": …} or {"Regex": …}`, value, DAMAGED);
};

export const readMatcher = (path: string, value: unknown): Matcher => {
  const find = readPattern(path, value);
  return (text) => stretches(text, find(text));
};

export const readBehavior = (path: string, value: unknown, absent?: Behavior): Behavior =>
  readOneOf(path, value, BEHAVIORS, absent);

/** Neighbours that belong together, as one stretch. */
const merge = (list: readonly Stretch[], behavior: Behavior): Stretch[] => {
  const ordered = behavior === "MergedWithNext" ? [...list].reverse() : list;
  const out: Stretch[] = [];
  let previous = false;
  for (const { start, end, isMatch } of ordered) {
    const last = out.at(-1);
    const joins = behavior === "Contiguous" ? isMatch === previous : isMatch && !previous;
    if (joins && last) {
      last.start = Math.min(last.start, start);
      last.end = Math.max(last.end, end);
    } else out.push({ start, end, isMatch });
    previous = isMatch;
  }
  return behavior === "MergedWithNext" ? out.reverse() : out;
};

/** The pieces of a text. Empty ones are left out. */
export const splitText = (text: AlignedText, matcher: Matcher, behavior: Behavior): AlignedText[] => {
  const all = matcher(text.text);
  const kept =
    behavior === "Removed"
      ? all.filter(({ isMatch }) => !isMatch)
      : behavior === "Isolated"
        ? all
        : merge(all, behavior);
  return kept.filter(({ start, end }) => end > start).map(({ start, end }) => text.slice(start, end));
};
