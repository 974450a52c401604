// WebAssembly made small, in the manner of LZMA: each piece is a literal byte or a copy of what came before, of which the last four distances are
// cheap to name again, and all is written as bits of an adaptive range coder. Code differs from earlier code by a byte here and there: a copy that
// goes on after that byte costs little here, and three bytes in DEFLATE. Builds of one source differ as little, so one may be written as
// copies of another. Read by src/backends/cpu/decompress.ts, which describes the model; both must agree in every number.
const literals = 27 * 5;
const copies = literals + 8 * 3 * 256;
const numberSize = 32 + 24 * 64;
const models = copies + 6 * numberSize;

/** The range coder and its models: what the chance of a 0 is, learnt fast and slowly, in 65536ths. */
class Encoder {
  out = [];
  fast = new Uint16Array(models).fill(32768);
  slow = new Uint16Array(models).fill(32768);
  low = 0;
  range = 0xffffffff;
  cache = 0;
  pending = 0;

  bit(at, bit) {
    const p = (this.fast[at] + this.slow[at]) >>> 5;
    const bound = (this.range >>> 12) * Math.min(Math.max(p, 1), 4095);
    const target = bit ? 0 : 65535;
    this.fast[at] += (target - this.fast[at]) >> 4;
    this.slow[at] += (target - this.slow[at]) >> 7;
    if (bit) {
      this.low += bound;
      this.range -= bound;
    } else this.range = bound;
    while (this.range < 2 ** 24) {
      this.range *= 256;
      this.shift();
    }
  }

  /** The top byte goes out once no carry can change it. */
  shift() {
    if (this.low < 0xff000000 || this.low >= 2 ** 32) {
      const carry = this.low >= 2 ** 32 ? 1 : 0;
      this.out.push((this.cache + carry) & 255);
      for (; this.pending > 0; this.pending--) this.out.push((255 + carry) & 255);
      this.cache = Math.floor(this.low / 2 ** 24) & 255;
    } else this.pending++;
    this.low = (this.low % 2 ** 24) * 256;
  }

  /** A whole number from 1 up. */
  number(at, n) {
    const bits = 31 - Math.clz32(n);
    for (let i = 0; i < bits; i++) this.bit(at + i, 1);
    this.bit(at + bits, 0);
    for (let i = bits - 1, m = 1; i >= 0; i--) {
      const bit = (n >>> i) & 1;
      this.bit(at + 32 + bits * 64 + (m < 32 ? m : 32 + i), bit);
      m = 2 * m + bit;
    }
  }

  finish() {
    for (let i = 0; i < 5; i++) this.shift();
    // The first byte is always 0.
    return Uint8Array.from(this.out.slice(1));
  }
}

/** Bytes that must agree before a copy from a new place is thought of, and places that are tried. */
const seed = 4;
const maxPlaces = 400;

/** Where copies may come from. */
class Places {
  byKey = new Map();
  known = 0;
  constructor(all) {
    this.all = all;
    this.view = Buffer.from(all.buffer, all.byteOffset, all.length);
  }
  before(at) {
    for (; this.known < at && this.known + seed <= this.all.length; this.known++) {
      const key = this.view.readUInt32LE(this.known);
      const list = this.byKey.get(key);
      if (list) list.push(this.known);
      else this.byKey.set(key, [this.known]);
    }
    return at + seed <= this.all.length ? (this.byKey.get(this.view.readUInt32LE(at)) ?? []) : [];
  }
}

/** What a copy from a new place saves, about, in bytes. */
const worth = (length, distance) => length - (distance < 256 ? 2.6 : distance < 16384 ? 3.5 : 4.4);

const bestCopy = (all, at, places, last) => {
  const lengthOf = (distance) => {
    if (distance < 1 || distance > at) return 0;
    let length = 0;
    while (at + length < all.length && all[at + length] === all[at + length - distance]) length++;
    return length;
  };
  let best = { distance: 0, length: 0, index: -1, worth: 0 };
  const offer = (index, distance, length, value) => {
    if (length > 0 && value > best.worth) best = { distance, length, index, worth: value };
  };
  last.forEach((distance, index) => {
    const length = lengthOf(distance);
    offer(index, distance, length, length - 0.3 - 0.2 * index);
  });
  const list = places.before(at);
  for (let i = list.length - 1; i >= Math.max(0, list.length - maxPlaces); i--) {
    const length = lengthOf(at - list[i]);
    offer(4, at - list[i], length, worth(length, at - list[i]));
  }
  return best;
};

/**
 * `bytes` in few bytes, for who has `before`.
 *
 * @param {Uint8Array} bytes
 * @param {Uint8Array} before
 */
export const compress = (bytes, before = new Uint8Array()) => {
  const all = Uint8Array.from([...before, ...bytes]);
  const places = new Places(all);
  const encoder = new Encoder();
  // The same places in both builds: most of what differs is single bytes.
  const last = [Math.max(1, before.length), 1, 2, 3];
  let state = 0;
  encoder.number(copies, bytes.length + 1);
  for (let at = before.length; at < all.length;) {
    let copy = bestCopy(all, at, places, last);
    // One byte later there may be a much better one.
    if (copy.length > 0 && bestCopy(all, at + 1, places, last).worth > copy.worth + 0.3) copy = { length: 0 };
    const kind = copy.length === 0 ? 0 : copy.index === 4 ? 2 : 1;
    encoder.bit(state * 5, kind === 0 ? 0 : 1);
    if (kind === 0) {
      literal(encoder, all, at, state % 3 === 0 ? 0 : last[0]);
      at++;
    } else {
      encoder.bit(state * 5 + 1, kind - 1);
      if (kind === 1) {
        for (let i = 0; i < 3 && i <= copy.index; i++) encoder.bit(state * 5 + 2 + i, i < copy.index ? 1 : 0);
        last.splice(copy.index, 1);
        encoder.number(copies + numberSize, copy.length);
      } else {
        last.pop();
        encoder.number(copies + 2 * numberSize, copy.length);
        encoder.number(copies + (copy.length < 6 ? 3 : copy.length < 12 ? 4 : 5) * numberSize, copy.distance);
      }
      last.unshift(copy.distance);
      at += copy.length;
    }
    state = (state * 3 + kind) % 27;
  }
  return encoder.finish();
};

/** `distance`: of the copy that ended here, or 0. */
const literal = (encoder, all, at, distance) => {
  const base = literals + (at > 0 ? all[at - 1] >>> 5 : 0) * 3 * 256;
  // After a copy the byte is not the one that would have continued it, but often near it.
  let guide = distance > 0 && distance <= at ? all[at - distance] : -1;
  for (let i = 7, m = 1; i >= 0; i--) {
    const bit = (all[at] >>> i) & 1;
    const guessed = guide < 0 ? 0 : 1 + ((guide >>> i) & 1);
    encoder.bit(base + guessed * 256 + m, bit);
    if (guessed !== 0 && guessed - 1 !== bit) guide = -1;
    m = 2 * m + bit;
  }
};
