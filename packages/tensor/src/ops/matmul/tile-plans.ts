import type { DeviceProfile } from "../../device-profile.ts";
import { fitsDevice, type TilePlan } from "../../backends/webgpu/tiles.wgsl.ts";

/** A plan with what it was seen to reach. */
interface RatedPlan extends TilePlan {
  /** Multiply-adds that a core does in a nanosecond with enough of these tiles: measured on an NVIDIA H200, of which only ratios matter. */
  readonly rate: number;
  /** Tiles that a core works on at a time. */
  readonly resident: number;
}

/**
 * Tiles by shape class. A larger one reads less memory for a multiply-add; a smaller one leaves fewer cores without work. The largest needs a
 * little more workgroup memory than WebGPU's default limit; all others fit that.
 */
export const TILE_PLANS = [
  { name: "square", bm: 128, bn: 128, bk: 16, tm: 8, tn: 8, rate: 174, resident: 2 },
  { name: "half", bm: 128, bn: 64, bk: 16, tm: 8, tn: 8, rate: 170, resident: 3 },
  { name: "medium", bm: 64, bn: 64, bk: 16, tm: 8, tn: 8, rate: 168, resident: 6 },
  { name: "fine", bm: 64, bn: 64, bk: 16, tm: 8, tn: 4, rate: 160, resident: 4 },
  { name: "small", bm: 32, bn: 32, bk: 16, tm: 4, tn: 4, rate: 124, resident: 8 },
  { name: "tall", bm: 64, bn: 16, bk: 16, tm: 4, tn: 4, rate: 75, resident: 8 },
  { name: "flat", bm: 8, bn: 64, bk: 16, tm: 4, tn: 4, rate: 43, resident: 16 },
] as const satisfies readonly RatedPlan[];

/** What differs between GPUs, by the vendor that WebGPU names. Cores: how many workgroups' multipliers there are. */
interface Vendor {
  readonly cores: number;
  /** Bytes of memory in a nanosecond. */
  readonly bandwidth: number;
  /** Nanoseconds that one more dispatch costs. */
  readonly dispatch: number;
  readonly plans: readonly string[];
}
const all = TILE_PLANS.map(({ name }) => name);
const VENDORS: { readonly [vendor: string]: Vendor } = {
  nvidia: { cores: 132, bandwidth: 2500, dispatch: 3000, plans: all },
  // Small register files and shared memory: tiles beyond 64 × 64 were slower in every published comparison.
  apple: { cores: 16, bandwidth: 200, dispatch: 5000, plans: ["half", "medium", "fine", "small", "tall", "flat"] },
  intel: { cores: 16, bandwidth: 100, dispatch: 5000, plans: ["medium", "fine", "small", "tall", "flat"] },
  amd: { cores: 64, bandwidth: 800, dispatch: 4000, plans: all },
  // Software: small tiles compile in reasonable time.
  google: { cores: 4, bandwidth: 20, dispatch: 20000, plans: ["small", "tall", "flat"] },
};
const UNKNOWN: Vendor = { cores: 16, bandwidth: 100, dispatch: 5000, plans: all };

const vendorOf = ({ vendor }: Pick<DeviceProfile, "vendor">): Vendor =>
  (Object.hasOwn(VENDORS, vendor) ? VENDORS[vendor] : undefined) ?? UNKNOWN;

/** How many workgroups' multipliers the device should have: WebGPU does not tell, so it goes by the vendor. */
export const coresOf = (device: Pick<DeviceProfile, "vendor">): number => vendorOf(device).cores;

interface ProductSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Batch entries. */
  readonly entries: number;
}

/** A plan, and into how many parts k is cut. */
export interface Choice {
  readonly plan: TilePlan;
  readonly parts: number;
}

/** Runs on whatever may call itself WebGPU. */
const SMALLEST: Choice = { plan: TILE_PLANS.find(({ name }) => name === "small")!, parts: 1 };
const MAX_PARTS = 64;
/** k of a part, at least. */
const MIN_PART = 128;

/** Nanoseconds that a choice should take: every core takes its share of the tiles, one after the other. */
const cost = ({ m, n, k, entries }: ProductSize, plan: RatedPlan, parts: number, vendor: Vendor): number => {
  const { bm, bn, bk, rate, resident } = plan;
  const tiles = Math.ceil(m / bm) * Math.ceil(n / bn) * entries * parts;
  const kPart = Math.ceil(k / parts / bk) * bk;
  // Too few tiles to hide each other's waiting.
  const busy = Math.min(1, tiles / vendor.cores / resident);
  const compute = (Math.ceil(tiles / vendor.cores) * bm * bn * kPart) / (rate * (0.5 + 0.5 * busy));
  const sum = parts === 1 ? 0 : (8 * entries * m * n * parts) / vendor.bandwidth + vendor.dispatch;
  return compute + sum;
};

/** The choice that should be fastest, of those that the device can run. */
export const choosePlan = (size: ProductSize, device: DeviceProfile): Choice => {
  const { m, n, k, entries } = size;
  const vendor = vendorOf(device);
  let best: Choice = SMALLEST;
  let min = Infinity;
  for (const plan of TILE_PLANS) {
    if (!vendor.plans.includes(plan.name)) continue;
    if (!fitsDevice(plan, device)) continue;
    for (let parts = 1; parts <= Math.max(1, Math.min(MAX_PARTS, Math.floor(k / MIN_PART))); parts++) {
      // Their sums are scratch memory of one buffer.
      if (parts > 1 && 4 * entries * m * n * parts > device.limits.maxStorageBufferBindingSize) break;
      const time = cost(size, plan, parts, vendor);
      if (time < min) [best, min] = [{ plan, parts }, time];
    }
  }
  return best;
};
