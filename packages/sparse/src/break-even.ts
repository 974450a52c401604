/** What a device was measured to do with blocks of one size. */
interface BreakEven {
  readonly blockSize: number;
  /** Stored share of the weight above which the three products of a training step take longer than dense ones. */
  readonly share: number;
}

/**
 * Per device, a little below what was measured on one and on two threads: near the line a layer stays dense. Measured by `npm run
 * bench -- cpu --only break-even,sparse`; the tables are docs/generated/cpu-break-even.md and cpu-sparse.md. Kernels work on eight
 * columns at a time, so sizes that 8 does not divide lose some.
 */
const measured: Readonly<Record<string, readonly BreakEven[]>> = {
  cpu: [
    { blockSize: 4, share: 0.5 },
    { blockSize: 8, share: 0.9 },
    { blockSize: 12, share: 0.75 },
    { blockSize: 16, share: 0.9 },
    { blockSize: 20, share: 0.85 },
  ],
};

/**
 * The stored share above which a block-sparse layer is slower than a dense one, or `undefined` where that was not measured. Sizes
 * that were not measured are like the next smaller one that was and that 8 divides, or does not, as well.
 *
 * @example
 * breakEvenShare("cpu", 32); // 0.9
 */
export const breakEvenShare = (device: string, blockSize: number): number | undefined =>
  measured[device]?.findLast((one) => one.blockSize <= blockSize && one.blockSize % 8 === blockSize % 8)?.share;
