// How bytes are written into a source file: as text that gzip makes as small as the bytes themselves, which base64 does not, for in it equal
// bytes look alike in one place of three only. Read by src/backends/cpu/unpack-wasm.ts.

/** Printable ASCII without what some literal or a page's markup would take for its end. */
const alphabet = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).filter(
  (char) => !"\"$'<\\`".includes(char),
);
/** Characters that stand for a byte; each of the others begins a pair. */
const singles = alphabet.length - 2;
/** WebAssembly is rich in small numbers, and in 0xfd, with which vector instructions begin: these come first. */
const first = 0xfd;

const characters = Array.from({ length: 256 }, (_, byte) => {
  const rank = (byte - first + 256) % 256;
  const pair = rank - singles;
  return rank < singles
    ? alphabet[rank]
    : alphabet[singles + Math.floor(pair / alphabet.length)] + alphabet[pair % alphabet.length];
});

/** Bytes as text. */
export const pack = (bytes) => Array.from(bytes, (byte) => characters[byte]).join("");
