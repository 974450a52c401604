import type { AlignedText } from "./aligned-text.ts";
import { characterClasses, NUMBER } from "./character-classes.ts";
import { inverted, matchChars, matchRegex, readBehavior, readMatcher, splitText, type Matcher } from "./matches.ts";
import { nextWordEnd } from "./next-word-end.ts";
import { toByteChars } from "./normalizers.ts";
import {
  DAMAGED,
  fail,
  readFlag,
  readOneOf,
  readPart,
  readParts,
  readString,
  type PartReader,
  type Section,
} from "./section.ts";
import { IS_PUNCTUATION, IS_WORD, isSpace, unicodeFlags } from "./unicode-tables.ts";

/** Cuts a text into the pieces that the model sees one by one. */
export type PreTokenizer = (text: AlignedText) => AlignedText[];

/** A pre-tokeniser, and what an encoder may know of it to be fast. */
export interface PreTokenizerPart {
  readonly split: PreTokenizer;
  /** Whether it cuts at every white space, drops it, and looks at no text on the other side. */
  readonly bySpaces: boolean;
  /** For one that ends by writing bytes in GPT-2's alphabet: the same without that, so that the model may take the bytes. */
  readonly beforeBytes?: PreTokenizer;
  /** Whether it asks if a piece is the first of its text. */
  readonly asksForFirst?: boolean;
  /** For GPT-2's pattern alone: whether a space goes before each text that has none. */
  readonly gpt2?: { readonly addPrefixSpace: boolean };
}

const part = (split: PreTokenizer, bySpaces = false): PreTokenizerPart => ({ split, bySpaces });

const PREFIX = " ";

/** GPT-2's words. */
const splitWords = (text: AlignedText): AlignedText[] => {
  const out: AlignedText[] = [];
  for (let at = 0; at < text.length;) {
    const end = nextWordEnd(text.text, at, text.length);
    out.push(text.slice(at, end));
    at = end;
  }
  return out;
};

const readByteLevel = (path: string, section: Section): PreTokenizerPart => {
  const addPrefixSpace = readFlag(`${path}.add_prefix_space`, section.add_prefix_space);
  const useRegex = readFlag(`${path}.use_regex`, section.use_regex, true);
  readFlag(`${path}.trim_offsets`, section.trim_offsets, true);
  const beforeBytes = (text: AlignedText): AlignedText[] => {
    const prefixed = addPrefixSpace && !text.text.startsWith(PREFIX) ? text.prepend(PREFIX) : text;
    return useRegex ? splitWords(prefixed) : prefixed.length === 0 ? [] : [prefixed];
  };
  return {
    split: (text) => beforeBytes(text).map(toByteChars),
    bySpaces: false,
    beforeBytes,
    ...(useRegex ? { gpt2: { addPrefixSpace } } : {}),
  };
};

const atSpaces = matchChars(isSpace);
const atPunctuation = matchChars((code) => (unicodeFlags()[code]! & IS_PUNCTUATION) !== 0);
const isWord = (code: number): boolean => (unicodeFlags()[code]! & IS_WORD) !== 0;
const isNumber = (code: number): boolean => characterClasses()[code] === NUMBER;

/** `\w+|[^\w\s]+`: stretches of word characters, and of what is neither that nor white space. */
const wordsAndOthers = (text: AlignedText): AlignedText[] => {
  const kindOf = (code: number): number => (isWord(code) ? 1 : isSpace(code) ? 0 : 2);
  const out: AlignedText[] = [];
  let start = 0;
  let kind = 0;
  const close = (end: number): void => {
    if (kind !== 0) out.push(text.slice(start, end));
    start = end;
  };
  for (let at = 0; at < text.length;) {
    const code = text.text.codePointAt(at)!;
    const next = kindOf(code);
    if (next !== kind) {
      close(at);
      start = at;
      kind = next;
    }
    at += code > 0xffff ? 2 : 1;
  }
  close(text.length);
  return out;
};

const readMetaspace = (path: string, section: Section): PreTokenizerPart => {
  const { replacement, scheme } = readMetaspaceOptions(path, section);
  const split = readFlag(`${path}.split`, section.split, true);
  const spaces = (text: string) => [...text.matchAll(/ /g)].map(({ index }) => [index, index + 1] as const);
  const at = matchRegex(new RegExp(replacement.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gu"));
  const cut: PreTokenizer = (text) => {
    let out = text.replace(spaces(text.text), replacement);
    const wanted = scheme === "always" || (scheme === "first" && out.origin === 0);
    if (wanted && !out.text.startsWith(replacement)) out = out.prepend(replacement);
    return split ? splitText(out, at, "MergedWithNext") : out.length === 0 ? [] : [out];
  };
  return { split: cut, bySpaces: false, asksForFirst: scheme === "first" };
};

/** The options that the pre-tokeniser and the decoder share; files before 0.15 say `add_prefix_space`. */
export const readMetaspaceOptions = (
  path: string,
  section: Section,
): { replacement: string; scheme: "always" | "first" | "never" } => {
  const replacement = readString(`${path}.replacement`, section.replacement, "▁");
  if ([...replacement].length !== 1) fail(`${path}.replacement`, "one character", replacement, DAMAGED);
  const old = readFlag(`${path}.add_prefix_space`, section.add_prefix_space, true);
  const scheme = readOneOf(
    `${path}.prepend_scheme`,
    section.prepend_scheme,
    ["always", "first", "never"],
    old ? "always" : "never",
  );
  return { replacement, scheme };
};

const sequence = (parts: readonly PreTokenizerPart[]): PreTokenizerPart => {
  const run =
    (steps: readonly PreTokenizer[]): PreTokenizer =>
    (text) =>
      steps.reduce((pieces, split) => pieces.flatMap(split), [text]);
  const all = parts.map(({ split }) => split);
  const last = parts.at(-1)?.beforeBytes;
  return {
    split: run(all),
    // What comes behind one that cuts at white space sees none.
    bySpaces: (parts[0]?.bySpaces ?? false) && !parts.some(({ asksForFirst }) => asksForFirst),
    asksForFirst: parts.some(({ asksForFirst }) => asksForFirst),
    ...(last ? { beforeBytes: run([...all.slice(0, -1), last]) } : {}),
  };
};

/** Every pre-tokeniser by its type in `tokenizer.json`. */
export const preTokenizers: Readonly<Record<string, PartReader<PreTokenizerPart>>> = {
  ByteLevel: readByteLevel,
  BertPreTokenizer: () =>
    part(
      (text) => splitText(text, atSpaces, "Removed").flatMap((word) => splitText(word, atPunctuation, "Isolated")),
      true,
    ),
  Whitespace: () => part(wordsAndOthers, true),
  WhitespaceSplit: () => part((text) => splitText(text, atSpaces, "Removed"), true),
  Metaspace: readMetaspace,
  Split: (path, section) => {
    const matcher: Matcher = readMatcher(`${path}.pattern`, section.pattern);
    const behavior = readBehavior(`${path}.behavior`, section.behavior);
    const cut = readFlag(`${path}.invert`, section.invert, false) ? inverted(matcher) : matcher;
    return part((text) => splitText(text, cut, behavior));
  },
  Digits: (path, section) => {
    const single = readFlag(`${path}.individual_digits`, section.individual_digits);
    return part((text) => splitText(text, matchChars(isNumber), single ? "Isolated" : "Contiguous"));
  },
  Punctuation: (path, section) => {
    const behavior = readBehavior(`${path}.behavior`, section.behavior, "Isolated");
    return part((text) => splitText(text, atPunctuation, behavior));
  },
  CharDelimiterSplit: (path, section) => {
    const delimiter = readString(`${path}.delimiter`, section.delimiter);
    const code =
      [...delimiter].length === 1
        ? delimiter.codePointAt(0)!
        : fail(`${path}.delimiter`, "one character", delimiter, DAMAGED);
    return part((text) =>
      splitText(
        text,
        matchChars((other) => other === code),
        "Removed",
      ),
    );
  },
  Sequence: (path, section) => sequence(readParts(preTokenizers, path, section, "pretokenizers")),
};

/** The pre-tokeniser of a file, if it has one. */
export const readPreTokenizer = (path: string, value: unknown): PreTokenizerPart | null =>
  value === null || value === undefined ? null : readPart(preTokenizers, path, value);
