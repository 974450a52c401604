import { tokenBytes } from "./byte-alphabet.ts";
import { readPattern } from "./matches.ts";
import { readMetaspaceOptions } from "./pre-tokenizers.ts";
import { DAMAGED, fail, readFlag, readId, readPart, readParts, readString, type PartReader } from "./section.ts";

/** A token on its way to text; one that is literal stands for its own characters, not for bytes in GPT-2's alphabet. */
export interface DecodedToken {
  text: string;
  readonly literal: boolean;
}

/** Turns tokens into pieces of text, which are joined in the end. */
export type Decoder = (tokens: readonly DecodedToken[]) => DecodedToken[];

const utf8Bytes = new TextEncoder();
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

const plain = (text: string): DecodedToken => ({ text, literal: false });

const each =
  (change: (text: string, i: number, count: number) => string): Decoder =>
  (tokens) =>
    tokens.map(({ text, literal }, i) => ({ text: change(text, i, tokens.length), literal }));

/** Bytes that are no UTF-8 become U+FFFD, one for each longest part of a character. */
const joinBytes: Decoder = (tokens) => {
  const parts = tokens.map(({ text, literal }) => (literal ? utf8Bytes.encode(text) : tokenBytes(text)));
  const joined = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const bytes of parts) {
    joined.set(bytes, at);
    at += bytes.length;
  }
  return [plain(lossy.decode(joined))];
};

/** `<0xE2>`: a byte of a character that the vocabulary has not. */
const BYTE = /^<0x([0-9A-Fa-f]{2})>$/;

const joinByteTokens: Decoder = (tokens) => {
  const out: DecodedToken[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    try {
      out.push(plain(strict.decode(Uint8Array.from(bytes))));
    } catch {
      // Not one character of a damaged run is shown.
      for (let i = 0; i < bytes.length; i++) out.push(plain("\ufffd"));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = BYTE.exec(token.text);
    if (byte) bytes.push(parseInt(byte[1]!, 16));
    else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
};

// In the order in which Hugging Face's tokenizers replace them.
const CLEAN_UP: readonly (readonly [from: string, to: string])[] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" do not", " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];
const cleanUp = (text: string): string => CLEAN_UP.reduce((done, [from, to]) => done.replaceAll(from, to), text);

const replaceAll = (text: string, ranges: Iterable<readonly [number, number]>, content: string): string => {
  let out = "";
  let done = 0;
  for (const [start, end] of ranges) {
    out += text.slice(done, start) + content;
    done = end;
  }
  return out + text.slice(done);
};

/** Every decoder by its type in `tokenizer.json`. */
export const decoders: Readonly<Record<string, PartReader<Decoder>>> = {
  ByteLevel: () => joinBytes,
  WordPiece: (path, section) => {
    const prefix = readString(`${path}.prefix`, section.prefix, "##");
    const cleanup = readFlag(`${path}.cleanup`, section.cleanup, true);
    return each((text, i) => {
      const joined = i === 0 ? text : text.startsWith(prefix) ? text.slice(prefix.length) : ` ${text}`;
      return cleanup ? cleanUp(joined) : joined;
    });
  },
  Metaspace: (path, section) => {
    const { replacement, scheme } = readMetaspaceOptions(path, section);
    return each((text, i) => text.replaceAll(replacement, i === 0 && scheme !== "never" ? "" : " "));
  },
  Replace: (path, section) => {
    const find = readPattern(`${path}.pattern`, section.pattern);
    const content = readString(`${path}.content`, section.content);
    return each((text) => replaceAll(text, find(text), content));
  },
  ByteFallback: () => joinByteTokens,
  Fuse: () => (tokens) => [plain(tokens.map(({ text }) => text).join(""))],
  Strip: (path, section) => {
    const content = readString(`${path}.content`, section.content);
    if ([...content].length !== 1) fail(`${path}.content`, "one character", content, DAMAGED);
    const left = readId(`${path}.start`, section.start);
    const right = readId(`${path}.stop`, section.stop);
    return each((text) => {
      const chars = [...text];
      let start = 0;
      let end = chars.length;
      while (start < left && start < end && chars[start] === content) start++;
      while (chars.length - end < right && end > start && chars[end - 1] === content) end--;
      return chars.slice(start, end).join("");
    });
  },
  BPEDecoder: (path, section) => {
    const suffix = readString(`${path}.suffix`, section.suffix, "</w>");
    return each((text, i, count) => text.replaceAll(suffix, i === count - 1 ? "" : " "));
  },
  Sequence: (path, section) => {
    const parts = readParts(decoders, path, section, "decoders");
    return (tokens) => parts.reduce<DecodedToken[]>((done, decode) => decode(done), [...tokens]);
  },
};

/** The decoder of a file. Where it has none, tokens are joined by spaces. */
export const readDecoder = (path: string, value: unknown): Decoder =>
  value === null || value === undefined
    ? each((text, i) => (i === 0 ? text : ` ${text}`))
    : readPart(decoders, path, value);
