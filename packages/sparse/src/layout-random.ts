/**
 * A small generator for layouts: SplitMix32. Placing blocks is host work and draws no tensor, so it has a stream of its own
 * and leaves the generators of `@tessera/tensor` where they are.
 *
 * It is one of three generators, each with a name of its own. `Generator` of `@tessera/tensor` draws tensors: counters and Philox, so
 * that any element can be drawn on any device. `SeededRandom` of `@tessera/models/data` draws orders and masks from keys of several
 * parts; it lies above this package. None can stand in for another without other numbers, and with them other layouts, batches
 * and weights for the seeds that runs and checkpoints were made with.
 *
 * See {@link https://dl.acm.org/doi/10.1145/2714064.2660195 Steele, Lea and Flood 2014}.
 */
export class LayoutRandom {
  private state: number;

  /** @param seed a whole number from 0 to 2⁵³ − 1 */
  constructor(seed: number) {
    this.state = seed >>> 0;
    // The high half of a large seed counts too.
    this.state = (this.next32() ^ Math.floor(seed / 2 ** 32)) >>> 0;
  }

  /** A whole number from 0 up to `n`, not included. */
  below(n: number): number {
    return Math.floor((this.next32() / 2 ** 32) * n);
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return this.next32() / 2 ** 32;
  }

  /** The whole numbers from 0 to n − 1 in random order (Fisher–Yates). */
  permutation(n: number): number[] {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }

  private next32(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }
}
