import { FormatError } from "../error.ts";
import { foreignFile } from "./foreign-file.ts";

/** Bytes that are no UTF-8: the message has the place. */
export class TextEncodingError extends FormatError {
  override name = "TextEncodingError";

  constructor(
    message: string,
    /** The line, from 1. */
    readonly line: number,
    /** How many bytes stand before the first that is wrong. */
    readonly offset: number,
  ) {
    super(message);
  }
}

/** Continuation bytes behind a first byte, and the bounds of the first of them; `null` where no character begins so. */
const continuation = (byte: number): readonly [count: number, low: number, high: number] | null => {
  if (byte >= 0xc2 && byte <= 0xdf) return [1, 0x80, 0xbf];
  if (byte >= 0xe0 && byte <= 0xef) return [2, byte === 0xe0 ? 0xa0 : 0x80, byte === 0xed ? 0x9f : 0xbf];
  if (byte >= 0xf0 && byte <= 0xf4) return [3, byte === 0xf0 ? 0x90 : 0x80, byte === 0xf4 ? 0x8f : 0xbf];
  return null;
};

/**
 * Where bytes stop being UTF-8: `at` is the first byte of what is no character, `cut` whether it only lacks its end.
 *
 * Source: the decoder of {@link https://encoding.spec.whatwg.org/#utf-8-decoder the Encoding Standard}.
 */
const findFault = (bytes: Uint8Array): { at: number; cut: boolean } | null => {
  for (let at = 0; at < bytes.length;) {
    if (bytes[at]! < 0x80) {
      at++;
      continue;
    }
    const expected = continuation(bytes[at]!);
    if (!expected) return { at, cut: false };
    const [count, low, high] = expected;
    for (let i = 1; i <= count; i++) {
      const byte = bytes[at + i];
      if (byte === undefined) return { at, cut: true };
      if (byte < (i === 1 ? low : 0x80) || byte > (i === 1 ? high : 0xbf)) return { at, cut: false };
    }
    at += count + 1;
  }
  return null;
};

/** Bytes at the end that may be the beginning of a character. */
const openEnd = (bytes: Uint8Array): number => {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    const expected = continuation(byte);
    if (expected) return expected[0] >= back ? back : 0;
  }
  return 0;
};

/** What a text in another encoding begins with. A UTF-16 text without a mark shows as a zero in every second byte. */
const otherEncoding = (bytes: Uint8Array): string | null => {
  const [a, b, c, d] = bytes;
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? "UTF-32 (little endian)" : "UTF-16 (little endian)";
  if (a === 0xfe && b === 0xff) return "UTF-16 (big endian)";
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return "UTF-32 (big endian)";
  const length = Math.min(bytes.length, 64) & ~1;
  if (length < 4) return null;
  const zero = (from: number): boolean => {
    for (let i = from; i < length; i += 2) if (bytes[i] !== 0 || bytes[i ^ 1] === 0) return false;
    return true;
  };
  return zero(1)
    ? "UTF-16 (little endian, without its mark)"
    : zero(0)
      ? "UTF-16 (big endian, without its mark)"
      : null;
};

const countLines = (bytes: Uint8Array): number => {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
};

/** Decodes a file that comes in chunks. A byte order mark at its beginning is skipped; everything else stays. */
export class Utf8Reader {
  private readonly name: string;
  private readonly decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  private held: Uint8Array = new Uint8Array(0);
  private offset = 0;
  private lines = 0;
  private begun = false;

  /** @param name what errors call the file */
  constructor(name: string) {
    this.name = name;
  }

  /** The text of the next bytes, without a character that is not whole yet. @throws TextEncodingError where they are no UTF-8 */
  read(chunk: Uint8Array): string {
    return this.decode(this.joined(chunk), false);
  }

  /** The rest. @throws TextEncodingError when the file ends inside of a character */
  end(): string {
    return this.decode(this.held, true);
  }

  private joined(chunk: Uint8Array): Uint8Array {
    if (this.held.length === 0) return chunk;
    const bytes = new Uint8Array(this.held.length + chunk.length);
    bytes.set(this.held);
    bytes.set(chunk, this.held.length);
    return bytes;
  }

  private decode(given: Uint8Array, last: boolean): string {
    let bytes = given;
    if (!this.begun) {
      // The beginning tells other encodings, and kinds of files that are no text at all.
      if (!last && bytes.length < 64) {
        this.held = bytes.slice();
        return "";
      }
      this.begun = true;
      this.refuseForeign(bytes);
      if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
        bytes = bytes.subarray(3);
        this.offset = 3;
      }
    }
    const whole = bytes.subarray(0, bytes.length - (last ? 0 : openEnd(bytes)));
    this.held = bytes.slice(whole.length);
    let text: string;
    try {
      text = this.decoder.decode(whole);
    } catch {
      return this.refuse(whole);
    }
    this.offset += whole.length;
    this.lines += countLines(whole);
    return text;
  }

  private refuseForeign(bytes: Uint8Array): void {
    const encoding = otherEncoding(bytes);
    if (encoding)
      throw new TextEncodingError(
        `${this.name}: expected a text in UTF-8, got ${encoding} (line 1, byte 0); save the file as UTF-8`,
        1,
        0,
      );
    const foreign = foreignFile(bytes);
    if (foreign && foreign.kind !== "page" && foreign.kind !== "json")
      throw new FormatError(`${this.name}: expected a text, got ${foreign.what}; ${foreign.advice}`);
  }

  private refuse(bytes: Uint8Array): never {
    const fault = findFault(bytes);
    if (!fault)
      throw new FormatError(
        `${this.name}: expected a text that fits into one string, got ${bytes.length} bytes; read it in parts`,
      );
    const { at, cut } = fault;
    const [line, offset] = [this.lines + countLines(bytes.subarray(0, at)) + 1, this.offset + at];
    const found = `0x${bytes[at]!.toString(16).padStart(2, "0")}`;
    throw new TextEncodingError(
      cut
        ? `${this.name}: expected a text in UTF-8, got one that ends inside of a character (line ${line}, byte ${offset}); is the file cut short?`
        : `${this.name}: expected a text in UTF-8, got ${found} where no character has it (line ${line}, byte ${offset}); is it Latin-1 or Windows-1252? Save the file as UTF-8`,
      line,
      offset,
    );
  }
}

/**
 * The text of bytes in UTF-8, without a byte order mark at their beginning. Nothing is replaced: what is no UTF-8 is an error.
 *
 * @param name what errors call the file
 * @throws TextEncodingError with line and byte offset, naming UTF-16 and its like
 * @throws FormatError for a file that is no text: an archive, a pointer of Git LFS
 * @example
 * decodeUtf8(new Uint8Array([0xef, 0xbb, 0xbf, 0x68, 0x69]), "greeting.txt"); // "hi"
 */
export const decodeUtf8 = (bytes: Uint8Array, name: string): string => {
  const reader = new Utf8Reader(name);
  return reader.read(bytes) + reader.end();
};
