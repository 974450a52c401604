// What the machine can do at most in 128-bit vectors: arithmetic without memory, and memory without arithmetic.

/** Vectors of accumulators: with the factor and the addend 14 of the 15 registers that V8 gives out on x64. */
// @ts-ignore: decorator
@inline const CHAINS = 12;

// @ts-ignore: decorator
@inline function madd(c: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(c, a, b);
  return f32x4.add(f32x4.mul(c, a), b);
}

/** `rounds` times 12 independent c = c · factor + addend, 4 lanes each: 96 floating-point operations a round. */
export function arithmetic(rounds: i32, factor: f32, addend: f32): f32 {
  const a = f32x4.splat(factor);
  const b = f32x4.splat(addend);
  // Unequal starts, so that no compiler takes two chains for one.
  let c0 = f32x4.splat(<f32>0);
  let c1 = f32x4.splat(<f32>1);
  let c2 = f32x4.splat(<f32>2);
  let c3 = f32x4.splat(<f32>3);
  let c4 = f32x4.splat(<f32>4);
  let c5 = f32x4.splat(<f32>5);
  let c6 = f32x4.splat(<f32>6);
  let c7 = f32x4.splat(<f32>7);
  let c8 = f32x4.splat(<f32>8);
  let c9 = f32x4.splat(<f32>9);
  let c10 = f32x4.splat(<f32>10);
  let c11 = f32x4.splat(<f32>11);
  while (rounds != 0) {
    c0 = madd(c0, a, b);
    c1 = madd(c1, a, b);
    c2 = madd(c2, a, b);
    c3 = madd(c3, a, b);
    c4 = madd(c4, a, b);
    c5 = madd(c5, a, b);
    c6 = madd(c6, a, b);
    c7 = madd(c7, a, b);
    c8 = madd(c8, a, b);
    c9 = madd(c9, a, b);
    c10 = madd(c10, a, b);
    c11 = madd(c11, a, b);
    rounds--;
  }
  const low = f32x4.add(f32x4.add(c0, f32x4.mul(c1, c2)), f32x4.add(c3, f32x4.mul(c4, c5)));
  const high = f32x4.add(f32x4.add(c6, f32x4.mul(c7, c8)), f32x4.add(c9, f32x4.mul(c10, c11)));
  return f32x4.extract_lane(f32x4.add(low, high), 0);
}

/** Operations of one round of `arithmetic`. */
export function operations(): i32 {
  return CHAINS * 4 * 2;
}

/** Copies `bytes`, a multiple of 64. */
export function copy(to: usize, from: usize, bytes: i32): void {
  const end = from + <usize>bytes;
  while (from != end) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    v128.store(to, v128.load(from, 32), 32);
    v128.store(to, v128.load(from, 48), 48);
    from += 64;
    to += 64;
  }
}
