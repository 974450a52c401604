import { coresOf, threadsOf, type DeviceProfile, type Runs, type TilePlan } from "@tessera/tensor/extend";

/** The largest divisor of the block size that is a multiple of 4, and at most 16: what a step of k takes. */
const stepOf = (blockSize: number): number => {
  for (let bk = 16; bk > 4; bk -= 4) if (blockSize % bk === 0) return bk;
  return 4;
};

/**
 * Candidates for x Wᵀ and dy W, tokens by a line of blocks whose memory runs along k or across: the fastest with many tokens first, as sweeps on
 * NVIDIA H100 and H200 found, then those that leave fewer cores without work. All fit WebGPU's default limits.
 */
export const linePlans = (blockSize: number, runs: Runs): readonly TilePlan[] => {
  const plan = (bm: number, bk: number, tm: number, tn: number): TilePlan => ({
    name: `line${blockSize} ${bm} ${tn}`,
    bm,
    bn: blockSize,
    bk,
    tm,
    tn,
  });
  if (blockSize === 64) {
    const first = runs === "across" ? [plan(128, 16, 8, 8)] : [];
    return [...first, plan(64, 16, 8, 8), plan(64, 16, 8, 4), plan(32, 16, 4, 4)];
  }
  if (blockSize === 32) return [plan(128, 16, 8, 4), plan(64, 16, 4, 4)];
  if (blockSize === 16) return [plan(128, 16, 8, 4), plan(64, 16, 4, 4)];
  if (blockSize === 8) return [plan(256, 8, 8, 4), plan(64, 8, 4, 4)];
  return [plan(blockSize > 32 ? 64 : 128, stepOf(blockSize), 4, 4)];
};

/** Invocations that hide each other's waiting for memory on a core. */
const MIN_HIDING = 256;

/** A product of tokens and lines of blocks. */
interface LineSize {
  readonly blockSize: number;
  readonly runs: Runs;
  readonly tokens: number;
  readonly lines: number;
}

/** The first candidate that gives every core enough invocations, or the last. */
export const linePlan = (
  { blockSize, runs, tokens, lines }: LineSize,
  device: Pick<DeviceProfile, "vendor">,
): TilePlan => {
  const plans = linePlans(blockSize, runs);
  const busy = (plan: TilePlan): boolean =>
    Math.ceil(tokens / plan.bm) * lines * threadsOf(plan) >= MIN_HIDING * coresOf(device);
  return plans.find(busy) ?? plans.at(-1)!;
};

/** Features of x that a tile of dyᵀ x covers, at most: more were slower, but for small blocks. */
const widest = (blockSize: number): number => (blockSize > 8 ? 96 : 192);
/** Sums of a tile: 16 for each of 256 invocations. */
const MAX_SUMS = 4096;

/**
 * Tiles of dyᵀ x at stored blocks: some of a row of blocks, which has `average` of them. Together they read the row's features of dy once;
 * too many, and the last group of a row has gaps. They fit WebGPU's default limits.
 */
export const blockPlan = (blockSize: number, average: number): TilePlan => {
  // A single block fills a tile that is as fast as any.
  if (blockSize === 64) return { name: "block64", bm: 64, bn: 64, bk: 32, tm: 8, tn: 4 };
  let [best, lowest] = [1, Infinity];
  const max = Math.max(1, Math.floor(Math.min(widest(blockSize) / blockSize, MAX_SUMS / blockSize ** 2)));
  for (let together = 1; together <= max; together++) {
    // Features read, of dy once and of x for each block.
    const cost = Math.ceil(average / together) * (together + 1);
    if (cost < lowest) [best, lowest] = [together, cost];
  }
  const bn = blockSize * best;
  return { name: `block${blockSize} ${best}`, bm: blockSize, bn, bk: blockSize === 16 ? 32 : 16, tm: 4, tn: 4 };
};

/** Workgroups that keep a large GPU busy with parts of the tokens. */
const TARGET_GROUPS = 1056;
const MAX_PARTS = 64;
/** Tokens of a part, at least. */
const MIN_PART = 128;

/** Into how many parts the tokens of a weight gradient are cut, when so many workgroups do one part of it. */
export const partsOf = (tokens: number, workgroups: number): number =>
  Math.max(1, Math.min(MAX_PARTS, Math.floor(tokens / MIN_PART), Math.ceil(TARGET_GROUPS / Math.max(1, workgroups))));
