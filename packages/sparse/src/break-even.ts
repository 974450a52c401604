/** What a device was measured to do with blocks of one size. */
interface BreakEven {
  readonly blockSize: number;
  /** Stored share of the weight above which the three products of a training step take longer than dense ones. */
  readonly share: number;
}

interface Measured {
  readonly sizes: readonly BreakEven[];
  /** Whether kernels take sizes between these like the next smaller one that 8 divides, or does not, as well. */
  readonly between: boolean;
}

/**
 * Per device, a little below what was measured: near the line a layer stays dense. `cpu`: on one and on two threads, by `npm run bench -- cpu
 * --only break-even,sparse`; the tables are docs/generated/cpu-break-even.md and cpu-sparse.md. Kernels work on eight columns at a
 * time, so sizes that 8 does not divide lose some. `webgpu`: on an NVIDIA H100, by `npm run bench -- webgpu --only sparse`; the table is
 * docs/generated/webgpu-sparse.md. Sizes between these have other tiles.
 */
const measured: Readonly<Record<string, Measured>> = {
  cpu: {
    sizes: [
      { blockSize: 4, share: 0.5 },
      { blockSize: 8, share: 0.9 },
      { blockSize: 12, share: 0.75 },
      { blockSize: 16, share: 0.9 },
      { blockSize: 20, share: 0.85 },
    ],
    between: true,
  },
  webgpu: {
    sizes: [
      { blockSize: 8, share: 0.25 },
      { blockSize: 16, share: 0.5 },
      { blockSize: 32, share: 0.75 },
      { blockSize: 64, share: 0.8 },
    ],
    between: false,
  },
};

/**
 * The stored share above which a block-sparse layer is slower than a dense one, or `undefined` where that was not measured. On `cpu` sizes
 * that were not measured are like the next smaller one that was and that 8 divides, or does not, as well.
 *
 * @example
 * breakEvenShare("cpu", 32); // 0.9
 */
export const breakEvenShare = (device: string, blockSize: number): number | undefined => {
  const known = measured[device];
  return known?.sizes.findLast(
    (one) =>
      one.blockSize === blockSize ||
      (known.between && one.blockSize < blockSize && one.blockSize % 8 === blockSize % 8),
  )?.share;
};
