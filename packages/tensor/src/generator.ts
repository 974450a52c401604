import { ArgumentError } from "./error.ts";
import { describe } from "./host-data.ts";

/** Where a stream of random numbers stands: small enough to write into a checkpoint. */
export interface GeneratorState {
  readonly seed: number;
  readonly counter: number;
}

/** Throws ArgumentError unless `seed` is one: a whole number from 0 to 2⁵³ − 1. */
export const checkSeed = (op: string, seed: number): void => {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new ArgumentError(`${op}: a seed is a whole number from 0 to 2^53 - 1, got ${seed}`);
};

/**
 * A counter-based generator: draw n of seed s is the same numbers on every device and however the work is split. Each random op
 * takes one draw; the op itself turns (seed, draw, element) into bits with Philox. What is drawn on the host, layouts and orders of
 * batches, comes from generators of other names: `LayoutRandom` in `@tessera/sparse`, which says why, and `SeededRandom` in `@tessera/models/data`.
 *
 * See {@link https://www.thesalmons.org/john/random123/papers/random123sc11.pdf Salmon et al. 2011}.
 *
 * @example
 * const generator = new Generator(42);
 * const a = randn([3], { generator });
 * generator.manualSeed(42);
 * const b = randn([3], { generator }); // equal to a
 */
export class Generator {
  private seed = 0;
  private counter = 0;

  constructor(seed = 0) {
    this.manualSeed(seed);
  }

  /** Starts the stream of a seed: a whole number from 0 to 2⁵³ − 1. */
  manualSeed(seed: number): this {
    return this.restore({ seed, counter: 0 });
  }

  /** The scalars of one random op; the stream moves on. */
  draw(): { seedLow: number; seedHigh: number; counter: number } {
    const { seed } = this;
    return { seedLow: seed >>> 0, seedHigh: Math.floor(seed / 2 ** 32), counter: this.counter++ };
  }

  state(): GeneratorState {
    return { seed: this.seed, counter: this.counter };
  }

  restore({ seed, counter }: GeneratorState): this {
    checkSeed("generator", seed);
    this.seed = seed;
    this.counter = counter;
    return this;
  }
}

/** The scalars of one random op. @throws ArgumentError unless `generator` is one. */
export const drawFrom = (op: string, generator: Generator): ReturnType<Generator["draw"]> => {
  if (typeof (generator as Partial<Generator> | null)?.draw !== "function")
    throw new ArgumentError(`${op}: a Generator expected, got ${describe(generator)}; new Generator(seed) makes one`);
  return generator.draw();
};

/** The generator that random ops use when they are given none. It starts at seed 0. */
export const defaultGenerator = new Generator();

/** Seeds the default generator. {@link https://docs.pytorch.org/docs/stable/generated/torch.manual_seed.html torch.manual_seed} */
export const manualSeed = (seed: number): void => {
  defaultGenerator.manualSeed(seed);
};
