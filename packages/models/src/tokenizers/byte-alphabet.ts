/**
 * GPT-2's alphabet: one printable character for each of the 256 bytes, so that any text is a string over it.
 * Printable Latin-1 stands for itself; the other 68 bytes, in order, take U+0100 and on (a space becomes `Ġ`).
 *
 * Source: `bytes_to_unicode` of GPT-2's encoder.
 */
const printable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;

/** The character of each byte. */
export const byteToChar: readonly string[] = Array.from(
  { length: 256 },
  (
    (next) => (_, byte) =>
      String.fromCharCode(printable(byte) ? byte : next++)
  )(0x100),
);

const charToByte = new Map(byteToChar.map((char, byte) => [char, byte]));

/** The 256 bytes in the order of their characters: the order in which a trainer numbers them. */
export const bytesByChar: readonly number[] = Array.from({ length: 256 }, (_, byte) => byte).sort((a, b) =>
  byteToChar[a]! < byteToChar[b]! ? -1 : 1,
);

const utf8 = new TextEncoder();

/**
 * The bytes that a token stands for. A token with a character outside the alphabet (an added token with a space, say)
 * stands for its own UTF-8.
 */
export const tokenBytes = (token: string): Uint8Array => {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = charToByte.get(token[i]!);
    if (byte === undefined) return utf8.encode(token);
    bytes[i] = byte;
  }
  return bytes;
};

/**
 * Writes the UTF-8 of `text[start, end)` into `out` and gives the number of bytes; `out` holds at least `3 (end − start)`.
 * A lone surrogate becomes U+FFFD, as in every UTF-8 encoder of the platform.
 */
export const writeUtf8 = (text: string, start: number, end: number, out: Uint8Array): number => {
  let n = 0;
  for (let i = start; i < end; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      out[n++] = code;
      continue;
    }
    if (code < 0x800) {
      out[n++] = 0xc0 | (code >> 6);
      out[n++] = 0x80 | (code & 0x3f);
      continue;
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      const low = i + 1 < end ? text.charCodeAt(i + 1) : 0;
      if (code < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        i++;
        out[n++] = 0xf0 | (code >> 18);
        out[n++] = 0x80 | ((code >> 12) & 0x3f);
        out[n++] = 0x80 | ((code >> 6) & 0x3f);
        out[n++] = 0x80 | (code & 0x3f);
        continue;
      }
      code = 0xfffd;
    }
    out[n++] = 0xe0 | (code >> 12);
    out[n++] = 0x80 | ((code >> 6) & 0x3f);
    out[n++] = 0x80 | (code & 0x3f);
  }
  return n;
};
