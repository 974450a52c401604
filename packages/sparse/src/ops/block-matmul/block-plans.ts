import { fitsDevice, type Runs, type TilePlan } from "@tessera/tensor/webgpu";

/** The largest divisor of the block size that is a multiple of 4, and at most 16: what a step of k takes. */
const stepOf = (blockSize: number): number => {
  for (let bk = 16; bk > 4; bk -= 4) if (blockSize % bk === 0) return bk;
  return 4;
};

/**
 * Candidates for x Wᵀ and dy W: some tokens by one line of blocks, whose memory runs along k or across. The first of 64 and of 32 was the
 * fastest of a sweep on an NVIDIA H100; what comes after it takes less workgroup memory, the last one no more than WebGPU's default.
 */
export const linePlans = (blockSize: number, runs: Runs): readonly TilePlan[] => {
  const [name, less] = [`line${blockSize} ${runs}`, `line${blockSize} ${runs}, less memory`];
  if (blockSize === 64)
    return runs === "across"
      ? [
          { name, bm: 128, bn: 64, bk: 16, tm: 8, tn: 4, stages: 2 },
          { name: less, bm: 128, bn: 64, bk: 8, tm: 8, tn: 4, stages: 2 },
        ]
      : [
          { name, bm: 256, bn: 64, bk: 16, tm: 8, tn: 8, stages: 1 },
          { name: less, bm: 256, bn: 64, bk: 8, tm: 8, tn: 8, stages: 1 },
        ];
  if (blockSize === 32)
    return [
      { name, bm: 256, bn: 32, bk: 8, tm: 8, tn: 4, stages: 2 },
      { name: less, bm: 128, bn: 32, bk: 8, tm: 8, tn: 4, stages: 2 },
    ];
  const bm = blockSize > 32 ? 64 : 128;
  const plan = { name, bm, bn: blockSize, bk: stepOf(blockSize), tm: 4, tn: 4, stages: 2 } as const;
  return blockSize === 16 ? [plan, { ...plan, name: less, bm: 64 }] : [plan];
};

/** The first candidate that the device can run. */
export const linePlan = (blockSize: number, runs: Runs, limits: { readonly [name: string]: number }): TilePlan => {
  const plans = linePlans(blockSize, runs);
  return plans.find((plan) => fitsDevice(plan, limits)) ?? plans.at(-1)!;
};

/** Tiles of dyᵀ x at stored blocks: one block, or several small ones side by side. They fit WebGPU's default limits. */
export const blockPlan = (blockSize: number): TilePlan => {
  const name = `block${blockSize}`;
  if (blockSize === 64) return { name, bm: 64, bn: 64, bk: 8, tm: 8, tn: 4, stages: 2, unroll: 1 };
  if (blockSize > 32) return { name, bm: blockSize, bn: blockSize, bk: 16, tm: 4, tn: 4, stages: 2 };
  // A block of 16 takes 16 invocations, one of 4 a single one.
  const diagonal = Math.floor(64 / blockSize);
  return { name, bm: blockSize * diagonal, bn: blockSize * diagonal, bk: 16, tm: 4, tn: 4, stages: 2, diagonal };
};

/** Workgroups that keep a large GPU busy. */
const BUSY = 1056;
const MOST_PARTS = 64;
/** Tokens of a part, at least. */
const PART = 128;

/** Into how many parts the tokens of a weight gradient are cut, when so many workgroups do one part of it. */
export const partsOf = (tokens: number, workgroups: number): number =>
  Math.max(1, Math.min(MOST_PARTS, Math.floor(tokens / PART), Math.ceil(BUSY / Math.max(1, workgroups))));
