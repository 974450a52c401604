/** Uniform numbers in (0, 1), the same for the same seed (mulberry32). */
export const uniforms = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
};

/** Normal numbers, rounded to float32. */
export const normals = (count: number, seed: number, scale = 1): Float32Array => {
  const uniform = uniforms(seed);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++)
    out[i] = scale * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  return out;
};

/** Whole numbers below `limit`. */
export const indices = (count: number, limit: number, seed: number): Int32Array => {
  const uniform = uniforms(seed);
  return Int32Array.from({ length: count }, () => Math.floor(limit * uniform()));
};

/** Not a multiple of any row or tile. */
const PERIOD = 262_139;

/** Like `normals`, but large arrays repeat themselves: making sixteen million of them would take longer than measuring. */
export const manyNormals = (count: number, seed: number, scale = 1): Float32Array => {
  const start = normals(Math.min(count, PERIOD), seed, scale);
  if (count <= PERIOD) return start;
  const out = new Float32Array(count);
  for (let at = 0; at < count; at += PERIOD) out.set(start.subarray(0, Math.min(PERIOD, count - at)), at);
  return out;
};
