/** The function of probe.as.ts. */
export type ProbeTiles = (
  ...args: [wide: number, repeats: number, depth: number, a: number, b: number, c: number, accumulate: number]
) => void;

/** What a probe found: how often the wide tile fits into the time of the two narrow ones, or why it cannot be used. */
export type Pairing = { readonly ratio: number } | { readonly refusal: string };

const DEPTH = 64;
const REPEATS = 20;
const A_FLOATS = DEPTH * 6;
const B_FLOATS = DEPTH * 16;
const C_FLOATS = 6 * 16;
export const PROBE_BYTES = 4 * (A_FLOATS + B_FLOATS + C_FLOATS);
/** V8 optimises in the background what has run a millisecond or two, in ten where it has a core for that; a busy machine may let it wait. */
const PATIENCE_MS = 1000;
/** V8's first compiler makes code that is slower than that: three to five times where it was measured. */
const OPTIMISED = 2;
/** Rounds of optimised code whose best times are compared, some microseconds each. */
const ROUNDS = 12;

/**
 * Runs tiles of 6 x 16 beside tiles of 6 x 8 until V8 has optimised both, compares their bits with those of its first compiler,
 * which pairs nothing, and then their best times. It takes about ten milliseconds, most of them V8's, for code that products need anyway.
 *
 * @param at the address of `PROBE_BYTES` of memory
 */
export const probePairing = (tiles: ProbeTiles, memory: WebAssembly.Memory, at: number): Pairing => {
  const values = new Float32Array(memory.buffer, at, PROBE_BYTES / 4);
  // Of both signs, with all bits in use: the order of a sum shows in its last ones.
  for (let i = 0; i < values.length; i++) values[i] = ((i * 7919 + 3) % 1009) / 505 - 1;
  const start = values.slice(A_FLOATS + B_FLOATS);
  const c = values.subarray(A_FLOATS + B_FLOATS);
  const run = (wide: number, repeats: number, accumulate: number): void => {
    tiles(wide, repeats, DEPTH, at, at + 4 * A_FLOATS, at + 4 * (A_FLOATS + B_FLOATS), accumulate);
  };
  const bits = (wide: number): Int32Array => {
    c.set(start);
    run(wide, 1, 1);
    const accumulated = new Int32Array(c.slice().buffer);
    run(wide, 1, 0);
    return Int32Array.of(...accumulated, ...new Int32Array(c.slice().buffer));
  };
  const time = (wide: number): number => {
    const begin = performance.now();
    run(wide, REPEATS, 0);
    return performance.now() - begin;
  };

  const expected = bits(0);
  const first = [0, 1].map((wide) => Math.min(time(wide), time(wide), time(wide)));
  const best = [Infinity, Infinity];
  const rounds = [0, 0];
  const begin = performance.now();
  while (Math.min(...rounds) < ROUNDS) {
    if (performance.now() - begin > PATIENCE_MS)
      return { refusal: `V8 had not optimised the kernels after ${PATIENCE_MS} ms, so they could not be compared` };
    for (const wide of [0, 1]) {
      const took = time(wide);
      if (OPTIMISED * took > first[wide]!) continue;
      rounds[wide]!++;
      best[wide] = Math.min(best[wide]!, took);
    }
  }
  for (const wide of [0, 1])
    if (!bits(wide).every((word, i) => word === expected[i]))
      return { refusal: "V8 made 256-bit instructions that give other results than the 128-bit ones" };
  return { ratio: best[0]! / best[1]! };
};
