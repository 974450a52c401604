import { DataError } from "./data-error.ts";

/** The whole state of a {@link SeededRandom}: four 32-bit words, ready for JSON. */
export type SeededRandomState = readonly [number, number, number, number];

/** MurmurHash3's finaliser: a bijection of 32-bit words in which every bit of the input moves every bit of the output. */
const mix = (word: number): number => {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

const GOLDEN = 0x9e3779b9;

/** A part of a key in 32-bit words, the first of which tells strings from numbers. */
const words = (key: number | string): number[] => {
  if (typeof key === "string") return [1, key.length, ...Array.from(key, (char) => char.codePointAt(0)!)];
  if (!Number.isSafeInteger(key)) {
    throw new DataError(`SeededRandom: expected whole numbers as seeds, got ${key}; round it`);
  }
  return [2, key | 0, Math.floor(key / 2 ** 32) | 0];
};

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/**
 * xoshiro128**: a small generator of period 2¹²⁸ − 1 for shuffles and masks, the same in every engine. It is not for secrets.
 *
 * The key may have several parts, so that each use has a stream of its own and nothing but the seed has to be saved:
 * `new SeededRandom(seed, "mask", epoch, batch)`. Its numbers are positions too, so any whole number will do. The `Generator` of
 * `@tessera/tensor` draws tensors instead, on any device, and `@tessera/sparse` places blocks by a third one: each of them fixes the
 * numbers that runs and checkpoints were made with, so none replaces another.
 *
 * @example
 * new SeededRandom(42, "shuffle").shuffle(["a", "b", "c"]);
 *
 * Source: Blackman & Vigna 2018, <https://prng.di.unimi.it/xoshiro128starstar.c>.
 */
export class SeededRandom {
  private readonly s = new Uint32Array(4);

  constructor(...key: (number | string)[]) {
    const absorbed = key.flatMap(words);
    for (let lane = 0; lane < 4; lane++) {
      let h = mix(Math.imul(lane + 1, GOLDEN));
      for (const word of absorbed) h = mix((h + GOLDEN) ^ word);
      this.s[lane] = h;
    }
    // The state of zeros is the one that never leaves itself.
    if (this.s.every((word) => word === 0)) this.s[0] = 1;
  }

  static fromState(state: SeededRandomState): SeededRandom {
    const random = new SeededRandom();
    random.s.set(state);
    return random;
  }

  get state(): SeededRandomState {
    return [this.s[0]!, this.s[1]!, this.s[2]!, this.s[3]!];
  }

  /** A whole number in [0, 2³²). */
  nextUint32(): number {
    const { s } = this;
    const result = Math.imul(rotl(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotl(s[3]!, 11);
    return result;
  }

  /** A number in [0, 1), a multiple of 2⁻³². */
  nextFloat(): number {
    return this.nextUint32() / 2 ** 32;
  }

  /** A whole number in [0, bound), each equally likely. */
  nextInt(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
      throw new DataError(`SeededRandom.nextInt: expected a bound in 1 … 2³², got ${bound}; is the list empty?`);
    }
    // The last, incomplete stretch of 2³² would favour small numbers.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const value = this.nextUint32();
      if (value < limit) return value % bound;
    }
  }

  /** Shuffles in place (Fisher and Yates) and gives the same array back. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.nextInt(i + 1);
      const item = items[i];
      items[i] = items[j];
      items[j] = item;
    }
    return items;
  }
}
