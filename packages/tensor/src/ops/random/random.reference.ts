import type { Backend } from "../../backend.ts";
import type { ReferenceKernel } from "../../op.ts";
import type { Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import type { Draw } from "./random.ts";

type Filling = ReferenceKernel<{
  inputs: [];
  outputs: [y: Tensor];
  attrs: { device: Backend; shape: Shape };
  scalars: Draw;
}>;
type Numbers = { readonly [K in keyof Draw]: number };

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
export const philox = (block: number, { seedLow, seedHigh, counter }: Numbers): [number, number, number, number] => {
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
const unit = (word: number): number => (word >>> 8) / 2 ** 24;

const forEachWords = (
  total: number,
  draw: Numbers,
  visit: (e: number, words: readonly number[], w: number) => void,
): void => {
  for (let e = 0; e < total; e += 4) {
    const words = philox(e / 4, draw);
    for (let w = 0; w < 4 && e + w < total; w++) visit(e + w, words, w);
  }
};

/** y = u in [0, 1). */
export const uniformReference: Filling = (_, [y], __, draw) => {
  forEachWords(y.values.length, draw, (e, words, w) => {
    y.values[e] = unit(words[w]!);
  });
};

/** Box–Muller on each pair of words: r = √(−2 ln u), angle 2πv, with u in (0, 1]. */
export const normalReference: Filling = (_, [y], __, draw) => {
  forEachWords(y.values.length, draw, (e, words, w) => {
    const radius = Math.sqrt(-2 * Math.log(unit(words[w & ~1]!) + 2 ** -24));
    const angle = 2 * Math.PI * unit(words[w | 1]!);
    y.values[e] = radius * (w % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
};

/** y = u < p ? 0 : x/(1 − p). */
export const dropoutReference: ReferenceKernel<{
  inputs: [x: Tensor];
  outputs: [y: Tensor];
  attrs: { p: number };
  scalars: Draw;
}> = ([x], [y], { p }, draw) => {
  const limit = Math.fround(p);
  forEachWords(y.values.length, draw, (e, words, w) => {
    y.values[e] = unit(words[w]!) < limit ? 0 : x.values[e]! * Math.fround(1 / (1 - limit));
  });
};
