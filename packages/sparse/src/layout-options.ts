import { ArgumentError, defaultGenerator, type Generator } from "@tessera/tensor";
import { blockGrid, BlockLayout, type BlockMask } from "./block-layout.ts";

/** Which blocks a matrix has: a layout, or a mask with its block size, or a balanced random layout of some density. */
export interface LayoutOptions {
  /** Of a random layout; 0.5 unless said otherwise. */
  readonly density?: number | undefined;
  /** A multiple of 4 from 4 to 64; 32 unless said otherwise. */
  readonly blockSize?: number | undefined;
  /** `[rows, cols]` of blocks, 1 where one is. */
  readonly mask?: BlockMask | undefined;
  readonly layout?: BlockLayout | undefined;
  /** Of a random layout. Without it one draw of the generator decides, so that layers differ and `manualSeed` repeats them. */
  readonly seed?: number | undefined;
  readonly generator?: Generator | undefined;
}

/** The layout that the options describe. @throws ArgumentError when they contradict each other. */
export const layoutOf = (op: string, shape: readonly [number, number], options: LayoutOptions): BlockLayout => {
  const { layout, mask, blockSize = 32, density = 0.5 } = options;
  const refuse = (given: string, names: readonly (keyof LayoutOptions)[]): void => {
    const extra = names.filter((name) => options[name] !== undefined);
    if (extra.length > 0)
      throw new ArgumentError(`${op}: ${given} says which blocks there are; leave out ${extra.join(" and ")}`);
  };
  if (layout) {
    refuse("a layout", ["mask", "density", "blockSize", "seed"]);
    return layout;
  }
  const { rows, cols } = blockGrid(op, shape, blockSize);
  if (mask) {
    refuse("a mask", ["density", "seed"]);
    return BlockLayout.fromMask(mask, rows, cols, blockSize);
  }
  const seed = options.seed ?? drawSeed(options.generator ?? defaultGenerator);
  return BlockLayout.balanced({ outFeatures: shape[0], inFeatures: shape[1], blockSize, density, seed });
};

/** A seed from a stream of tensors' random numbers, which moves on by one draw. */
const drawSeed = (generator: Generator): number =>
  Object.values(generator.draw()).reduce((seed, word) => Math.imul(seed ^ word, 0x9e3779b1) >>> 0, 0);
