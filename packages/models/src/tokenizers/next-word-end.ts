import { characterClasses, LETTER, NUMBER, OTHER, SPACE } from "./character-classes.ts";

const classAt = (classes: Uint8Array, text: string, at: number, end: number): number => {
  const code = text.charCodeAt(at);
  if (code < 0xd800 || code > 0xdbff || at + 1 >= end) return classes[code]!;
  const low = text.charCodeAt(at + 1);
  return low >= 0xdc00 && low <= 0xdfff ? classes[0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)]! : OTHER;
};

/** A run of one class starting at `at`; a surrogate pair is one character. */
const runEnd = (classes: Uint8Array, text: string, at: number, end: number, wanted: number): number => {
  while (at < end) {
    const code = text.charCodeAt(at);
    if (code < 0xd800 || code > 0xdbff) {
      if (classes[code] !== wanted) return at;
      at++;
    } else {
      if (classAt(classes, text, at, end) !== wanted) return at;
      const low = at + 1 < end ? text.charCodeAt(at + 1) : 0;
      at += low >= 0xdc00 && low <= 0xdfff ? 2 : 1;
    }
  }
  return end;
};

/** The length of `'s 't 'm 'd 're 've 'll` at `at`, or 0. */
const contraction = (text: string, at: number, end: number): number => {
  const first = at + 1 < end ? text.charCodeAt(at + 1) : 0;
  if (first === 0x73 || first === 0x74 || first === 0x6d || first === 0x64) return 2;
  const second = at + 2 < end ? text.charCodeAt(at + 2) : 0;
  if ((first === 0x72 || first === 0x76) && second === 0x65) return 3;
  return first === 0x6c && second === 0x6c ? 3 : 0;
};

/**
 * The end of the word that starts at `at`, under GPT-2's pattern
 * `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
 *
 * The words tile `text[start, end)`, so a loop needs nothing but this. A hand-written scan takes a fifth of the time of
 * the regular expression and makes no match objects; the last two alternatives say that a run of white space gives its last
 * character to the word behind it, unless it is the run's only one.
 *
 * Source: Radford et al. 2019, GPT-2's encoder.
 */
export const nextWordEnd = (text: string, at: number, end: number): number => {
  const classes = characterClasses();
  const code = text.charCodeAt(at);
  if (code === 0x27) {
    const length = contraction(text, at, end);
    if (length > 0) return at + length;
  }
  let from = at;
  let kind = classAt(classes, text, at, end);
  if (code === 0x20 && at + 1 < end) {
    const behind = classAt(classes, text, at + 1, end);
    if (behind !== SPACE) {
      from = at + 1;
      kind = behind;
    }
  }
  if (kind === LETTER || kind === NUMBER || kind === OTHER) return runEnd(classes, text, from, end, kind);
  const stop = runEnd(classes, text, at, end, SPACE);
  return stop === end || stop === at + 1 ? stop : stop - 1;
};
