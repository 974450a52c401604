// What decides whether the wide build is used: the same sums by its tiles and by those of the relaxed build.
import { WIDE } from "../../assembly/simd.as";
import { tile6x16, tile6x8 } from "../../assembly/tiles.as";

/**
 * C [6, 16] (+)= A · B, `repeats` times: A a panel [depth][6], B two panels [depth][8]. By one tile of 6 x 16, or by two of 6 x 8. Other builds
 * have nothing to compare.
 */
export function probe_tiles(wide: i32, repeats: i32, depth: i32, a: usize, b: usize, c: usize, accumulate: i32): void {
  if (!WIDE) return;
  const far = <usize>depth * 32;
  for (; repeats > 0; repeats--) {
    if (wide) tile6x16(depth, a, b, far, c, 64, accumulate != 0);
    else {
      tile6x8(depth, a, b, c, 64, accumulate != 0);
      tile6x8(depth, a, b + far, c + 32, 64, accumulate != 0);
    }
  }
}
