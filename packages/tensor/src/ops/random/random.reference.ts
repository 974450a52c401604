import type { Backend } from "../../backend.ts";
import type { ReferenceKernel } from "../../op.ts";
import { philox, unit, type DrawNumbers } from "../../philox.ts";
import type { Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import type { DrawScalars } from "./random.ts";

type Filling = ReferenceKernel<{
  inputs: [];
  outputs: [y: Tensor];
  attrs: { device: Backend; shape: Shape };
  scalars: DrawScalars;
}>;

const forEachWords = (
  total: number,
  draw: DrawNumbers,
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
  scalars: DrawScalars;
}> = ([x], [y], { p }, draw) => {
  const limit = Math.fround(p);
  forEachWords(y.values.length, draw, (e, words, w) => {
    y.values[e] = unit(words[w]!) < limit ? 0 : x.values[e]! * Math.fround(1 / (1 - limit));
  });
};
