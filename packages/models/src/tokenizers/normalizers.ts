import type { AlignedText } from "./aligned-text.ts";
import { byteToChar, writeUtf8 } from "./byte-alphabet.ts";
import { readPattern } from "./matches.ts";
import { readFlag, readParts, readPart, readString, type PartReader, type Section } from "./section.ts";
import { IS_CONTROL, IS_MARK, IS_NONSPACING, isSpace, unicodeFlags } from "./unicode-tables.ts";

/** Brings a text into the form that the vocabulary is written in. */
export type Normalizer = (text: AlignedText) => AlignedText;

/** A normaliser, and whether a white space never changes what becomes of the text on its other side. */
export interface NormalizerPart {
  readonly apply: Normalizer;
  readonly bySpaces: boolean;
}

const part = (apply: Normalizer, bySpaces = true): NormalizerPart => ({ apply, bySpaces });

const withoutMarks = (text: AlignedText, flag: number): AlignedText => {
  const flags = unicodeFlags();
  return text.filter((code) => (flags[code]! & flag) === 0);
};

const TAB = 0x09;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;

/** BERT's own cleaning: no control characters, and every white space is a space. */
const clean = (text: AlignedText): AlignedText => {
  const flags = unicodeFlags();
  return text
    .filter((code) => code === TAB || code === LINE_FEED || code === RETURN || (flags[code]! & IS_CONTROL) === 0)
    .map((char) => (isSpace(char.codePointAt(0)!) ? " " : char));
};

// The blocks that BERT's authors listed, which are not all of Unicode's ideographs.
const IDEOGRAPHS: readonly (readonly [first: number, last: number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
];
const isIdeograph = (code: number): boolean =>
  code >= 0x3400 && IDEOGRAPHS.some(([first, last]) => code >= first && code <= last);

const readBert = (path: string, section: Section): NormalizerPart => {
  const cleanText = readFlag(`${path}.clean_text`, section.clean_text, true);
  const ideographs = readFlag(`${path}.handle_chinese_chars`, section.handle_chinese_chars, true);
  const lowercase = readFlag(`${path}.lowercase`, section.lowercase, true);
  const strip = section.strip_accents ?? undefined;
  const stripAccents = readFlag(`${path}.strip_accents`, strip, lowercase);
  return part((text) => {
    let out = cleanText ? clean(text) : text;
    if (ideographs) out = out.map((char) => (isIdeograph(char.codePointAt(0)!) ? ` ${char} ` : char));
    if (stripAccents) out = withoutMarks(out.normalize("NFD"), IS_NONSPACING);
    return lowercase ? out.lowercase() : out;
  });
};

/** The UTF-8 bytes of a text in GPT-2's alphabet. */
export const toByteChars = (text: AlignedText): AlignedText => {
  const bytes = new Uint8Array(6);
  return text.map((char) => {
    let out = "";
    for (let i = 0, count = writeUtf8(char, 0, char.length, bytes); i < count; i++) out += byteToChar[bytes[i]!];
    return out;
  });
};

const strip = (text: AlignedText, left: boolean, right: boolean): AlignedText => {
  let start = 0;
  let end = text.length;
  while (left && start < end && isSpace(text.text.charCodeAt(start))) start++;
  while (right && end > start && isSpace(text.text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
};

/** Every normaliser by its type in `tokenizer.json`. */
export const normalizers: Readonly<Record<string, PartReader<NormalizerPart>>> = {
  NFC: () => part((text) => text.normalize("NFC")),
  NFD: () => part((text) => text.normalize("NFD")),
  NFKC: () => part((text) => text.normalize("NFKC")),
  NFKD: () => part((text) => text.normalize("NFKD")),
  Lowercase: () => part((text) => text.lowercase()),
  StripAccents: () => part((text) => withoutMarks(text, IS_MARK)),
  BertNormalizer: readBert,
  Strip: (path, section) => {
    const left = readFlag(`${path}.strip_left`, section.strip_left);
    const right = readFlag(`${path}.strip_right`, section.strip_right);
    return part((text) => strip(text, left, right), false);
  },
  Prepend: (path, section) => {
    const prefix = readString(`${path}.prepend`, section.prepend);
    return part((text) => text.prepend(prefix), false);
  },
  Replace: (path, section) => {
    const find = readPattern(`${path}.pattern`, section.pattern);
    const content = readString(`${path}.content`, section.content);
    return part((text) => text.replace(find(text.text), content), false);
  },
  ByteLevel: () => part(toByteChars, false),
  Sequence: (path, section) => {
    const parts = readParts(normalizers, path, section, "normalizers");
    return part(
      (text) => parts.reduce((done, { apply }) => apply(done), text),
      parts.every(({ bySpaces }) => bySpaces),
    );
  },
};

/** The normaliser of a file, if it has one. */
export const readNormalizer = (path: string, value: unknown): NormalizerPart | null =>
  value === null || value === undefined ? null : readPart(normalizers, path, value);
