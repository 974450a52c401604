/** What bin/packed-text.mjs writes, which says why. */
const ALPHABET = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).filter(
  (char) => !"\"$'<\\`".includes(char),
);
const SINGLES = ALPHABET.length - 2;
const FIRST = 0xfd;

/** Text to bytes. */
export const unpack = (text: string): Uint8Array<ArrayBuffer> => {
  const codes = new Uint8Array(128);
  for (const [code, char] of ALPHABET.entries()) codes[char.charCodeAt(0)] = code;
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    let code = codes[text.charCodeAt(at)]!;
    if (code >= SINGLES) code = SINGLES + (code - SINGLES) * ALPHABET.length + codes[text.charCodeAt(++at)]!;
    bytes[length++] = code + FIRST;
  }
  return bytes.slice(0, length);
};

/** Makes bytes from those that they resemble, by what bin/difference.mjs found. */
export const applyDifference = (from: Uint8Array, difference: Uint8Array): Uint8Array<ArrayBuffer> => {
  let at = 0;
  const number = (): number => {
    let n = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = difference[at++]!;
      n |= (byte & 127) << shift;
      if (byte < 128) return n;
    }
  };
  const parts: Uint8Array[] = [];
  for (let next = 0; ;) {
    const own = number();
    parts.push(difference.subarray(at, (at += own)));
    if (at >= difference.length) break;
    const distance = number();
    const start = next + (distance & 1 ? -(distance + 1) / 2 : distance / 2);
    next = start + number();
    parts.push(from.subarray(start, next));
  }
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.length;
  }
  return bytes;
};
