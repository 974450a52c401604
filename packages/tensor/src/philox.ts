/** A draw as kernels see it: the seed in 32-bit halves, and which of its draws. */
export interface DrawNumbers {
  readonly seedLow: number;
  readonly seedHigh: number;
  readonly counter: number;
}

/** The upper half of a 32 × 32 bit product, from 16-bit parts. */
const mulHigh = (a: number, b: number): number => {
  const [al, ah, bl, bh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = ah * bl + ((al * bl) >>> 16);
  return (ah * bh + Math.floor((al * bh + middle) / 65536)) >>> 0;
};

/**
 * Philox 4x32-10 (Salmon et al. 2011): the four words of counter (block, 0, draw low, draw high) under the key of the seed. Word w belongs
 * to element 4·block + w.
 */
export const philox = (
  block: number,
  { seedLow, seedHigh, counter }: DrawNumbers,
): [number, number, number, number] => {
  let [c0, c1, c2, c3] = [block >>> 0, 0, counter >>> 0, Math.floor(counter / 2 ** 32)];
  let [k0, k1] = [seedLow >>> 0, seedHigh >>> 0];
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = [mulHigh(0xd2511f53, c0), Math.imul(0xd2511f53, c0) >>> 0];
    const [high2, low2] = [mulHigh(0xcd9e8d57, c2), Math.imul(0xcd9e8d57, c2) >>> 0];
    [c0, c1, c2, c3] = [(high2 ^ c1 ^ k0) >>> 0, low2, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
};

/** The upper 24 bits as a number in [0, 1). */
export const unit = (word: number): number => (word >>> 8) / 2 ** 24;

/**
 * How dropout with probability p decides: what has fewer than `below` in the upper 24 bits of its word goes, the rest is multiplied by
 * `scale`. The same as u < p in float32, with u those bits / 2²⁴. At p = 1 nothing is left to scale.
 */
export const keepRule = (p: number): { readonly below: number; readonly scale: number } => {
  const limit = Math.fround(p);
  return { below: Math.ceil(limit * 2 ** 24), scale: limit === 1 ? 0 : Math.fround(1 / (1 - limit)) };
};
