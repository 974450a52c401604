// Chances of a 0, by what is asked: of 27 pasts, five questions each; literals; numbers.
const LITERALS = 27 * 5;
const COPIES = LITERALS + 8 * 3 * 256;
const NUMBER_SIZE = 32 + 24 * 64;
const MODELS = COPIES + 6 * NUMBER_SIZE;

/**
 * The bytes that bin/compress.mjs made small, which says why. `before` is what it had.
 *
 * A range coder (Martin 1979) reads bits, each by a chance that adapts to the bits before it. The bits are, as in LZMA, first the length,
 * then pieces: is it a copy; if so, from a new place or from one of the last four distances, which, how long, and how far. If not, the
 * eight bits of a byte, by the three top bits of the one before and, after a copy, by the byte that would have continued it.
 */
export const decompress = (small: Uint8Array, before: Uint8Array = new Uint8Array()): Uint8Array<ArrayBuffer> => {
  const fast = new Uint16Array(MODELS).fill(32768);
  const slow = new Uint16Array(MODELS).fill(32768);
  let read = 0;
  let range = 0xffffffff;
  let code = 0;
  while (read < 4) code = code * 256 + small[read++]!;

  const bit = (model: number): number => {
    const p = (fast[model]! + slow[model]!) >>> 5;
    const bound = (range >>> 12) * (p < 1 ? 1 : p > 4095 ? 4095 : p);
    const one = code >= bound;
    if (one) {
      code -= bound;
      range -= bound;
    } else range = bound;
    const target = one ? 0 : 65535;
    fast[model]! += (target - fast[model]!) >> 4;
    slow[model]! += (target - slow[model]!) >> 7;
    while (range < 0x1000000) {
      range *= 256;
      code = code * 256 + small[read++]!;
    }
    return one ? 1 : 0;
  };
  /** From 1 up: how many bits, then those bits, the top one left out. */
  const number = (kind: number): number => {
    const model = COPIES + kind * NUMBER_SIZE;
    let bits = 0;
    while (bit(model + bits)) bits++;
    let n = 1;
    for (let i = bits - 1; i >= 0; i--) n = 2 * n + bit(model + 32 + bits * 64 + (n < 32 ? n : 32 + i));
    return n;
  };

  const end = before.length + number(0) - 1;
  const all = new Uint8Array(end);
  all.set(before);
  const last = [Math.max(1, before.length), 1, 2, 3];
  /** The last three kinds of pieces: 0 a literal, 1 a copy by a known distance, 2 by a new one. */
  let past = 0;
  for (let at = before.length; at < end;) {
    let kind = bit(past * 5);
    if (kind === 0) {
      const model = LITERALS + (at > 0 ? all[at - 1]! >>> 5 : 0) * 3 * 256;
      let guide = past % 3 > 0 && last[0]! <= at ? all[at - last[0]!]! : -1;
      let byte = 1;
      for (let i = 7; i >= 0; i--) {
        const guessed = guide < 0 ? 0 : 1 + ((guide >>> i) & 1);
        const got = bit(model + guessed * 256 + byte);
        if (guessed - 1 !== got) guide = -1;
        byte = 2 * byte + got;
      }
      all[at++] = byte;
    } else {
      kind += bit(past * 5 + 1);
      let length;
      if (kind === 1) {
        let index = 0;
        while (index < 3 && bit(past * 5 + 2 + index)) index++;
        last.unshift(...last.splice(index, 1));
        length = number(1);
      } else {
        length = number(2);
        last.pop();
        last.unshift(number(length < 6 ? 3 : length < 12 ? 4 : 5));
      }
      for (let i = 0; i < length; i++, at++) all[at] = all[at - last[0]!]!;
    }
    past = (past * 3 + kind) % 27;
  }
  return all.slice(before.length);
};
