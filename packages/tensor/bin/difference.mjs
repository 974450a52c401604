/** Bytes that must agree before a copy is worth its two numbers; fewer where it goes on from the last one. */
const seed = 8;
const seedOfNext = 4;
/** Places of a seed that are tried. */
const maxPlaces = 400;

/**
 * How to make `to` from `from`: builds of one source differ little. A list of [bytes of their own, then a copy]:
 *
 *   count, count bytes, where the copy begins relative to where the last one ended (2 n, or −2 n − 1 when negative), its length
 *
 * The last has no copy. All numbers are LEB128. Applied by src/backends/cpu/unpack-wasm.ts.
 */
export const difference = (from, to) => {
  const places = placesOf(from);
  const out = [];
  const number = (n) => {
    for (; n > 127; n >>>= 7) out.push((n & 127) | 128);
    out.push(n);
  };
  let own = 0;
  let next = 0;
  for (let at = 0; at < to.length;) {
    const { start, length } = longest(from, to, at, next + (at - own), places);
    if (length === 0) {
      at++;
      continue;
    }
    number(at - own);
    for (const byte of to.subarray(own, at)) out.push(byte);
    number(start < next ? 2 * (next - start) - 1 : 2 * (start - next));
    number(length);
    at += length;
    own = at;
    next = start + length;
  }
  number(to.length - own);
  for (const byte of to.subarray(own)) out.push(byte);
  return Uint8Array.from(out);
};

const key = (bytes, at) => Buffer.from(bytes.buffer, bytes.byteOffset + at, seed).toString("latin1");

const placesOf = (bytes) => {
  const places = new Map();
  for (let at = 0; at + seed <= bytes.length; at++) {
    const list = places.get(key(bytes, at));
    if (list) list.push(at);
    else places.set(key(bytes, at), [at]);
  }
  return places;
};

/** The longest copy for `to` from `at` on. `likely` is where it would be if only some bytes had been replaced. */
const longest = (from, to, at, likely, places) => {
  const lengthFrom = (start) => {
    let length = 0;
    while (at + length < to.length && start + length < from.length && from[start + length] === to[at + length])
      length++;
    return length;
  };
  let best = { start: likely, length: lengthFrom(likely) };
  if (best.length < seedOfNext) best = { start: 0, length: 0 };
  const others = at + seed <= to.length ? (places.get(key(to, at)) ?? []) : [];
  for (const start of others.slice(0, maxPlaces)) {
    const length = lengthFrom(start);
    // Farther away costs more bytes than it saves, if it is hardly longer.
    if (length > best.length + 3) best = { start, length };
  }
  return best;
};
