// What the machine can do at most in 128-bit vectors: arithmetic without memory, and memory without arithmetic.

// @ts-ignore: decorator
@inline function step(fused: bool, c: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) if (fused) return f32x4.relaxed_madd(c, a, b);
  return f32x4.add(f32x4.mul(c, a), b);
}

/**
 * `rounds` times 12 independent c = c · factor + addend, 4 lanes each: 96 floating-point operations a round. Twelve vectors of
 * accumulators, with the factor and the addend, are 14 of the 15 registers that V8 gives out on x64.
 */
// @ts-ignore: decorator
@inline function chains(fused: bool, rounds: i32, factor: f32, addend: f32): f32 {
  const a = f32x4.splat(factor);
  const b = f32x4.splat(addend);
  // Unequal starts, so that no compiler takes two chains for one.
  let c0 = f32x4.splat(<f32>0), c1 = f32x4.splat(<f32>1), c2 = f32x4.splat(<f32>2), c3 = f32x4.splat(<f32>3);
  let c4 = f32x4.splat(<f32>4), c5 = f32x4.splat(<f32>5), c6 = f32x4.splat(<f32>6), c7 = f32x4.splat(<f32>7);
  let c8 = f32x4.splat(<f32>8), c9 = f32x4.splat(<f32>9), c10 = f32x4.splat(<f32>10), c11 = f32x4.splat(<f32>11);
  while (rounds != 0) {
    c0 = step(fused, c0, a, b);
    c1 = step(fused, c1, a, b);
    c2 = step(fused, c2, a, b);
    c3 = step(fused, c3, a, b);
    c4 = step(fused, c4, a, b);
    c5 = step(fused, c5, a, b);
    c6 = step(fused, c6, a, b);
    c7 = step(fused, c7, a, b);
    c8 = step(fused, c8, a, b);
    c9 = step(fused, c9, a, b);
    c10 = step(fused, c10, a, b);
    c11 = step(fused, c11, a, b);
    rounds--;
  }
  const low = f32x4.add(f32x4.add(c0, f32x4.mul(c1, c2)), f32x4.add(c3, f32x4.mul(c4, c5)));
  const high = f32x4.add(f32x4.add(c6, f32x4.mul(c7, c8)), f32x4.add(c9, f32x4.mul(c10, c11)));
  return f32x4.extract_lane(f32x4.add(low, high), 0);
}

/** With fused multiply-adds where the module has them. A task leaves its sum at out + 64 task, or the loop would be for nothing. */
export function peak_fused(task: i32, out: usize, rounds: i32, factor: f32, addend: f32): void {
  store<f32>(out + (<usize>task << 6), chains(true, rounds, factor, addend));
}

/** With a multiplication and an addition. */
export function peak_separate(task: i32, out: usize, rounds: i32, factor: f32, addend: f32): void {
  store<f32>(out + (<usize>task << 6), chains(false, rounds, factor, addend));
}

/** A task copies its `bytes`, a multiple of 64, so many times. */
export function peak_copy(task: i32, to: usize, from: usize, bytes: i32, repeats: i32): void {
  const start = from + <usize>task * <usize>bytes;
  const end = start + <usize>bytes;
  to += <usize>task * <usize>bytes;
  for (let i = 0; i < repeats; i++) {
    let target = to;
    for (let source = start; source != end; source += 64) {
      v128.store(target, v128.load(source));
      v128.store(target, v128.load(source, 16), 16);
      v128.store(target, v128.load(source, 32), 32);
      v128.store(target, v128.load(source, 48), 48);
      target += 64;
    }
  }
}
