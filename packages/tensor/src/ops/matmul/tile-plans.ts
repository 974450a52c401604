import { threadsOf, tileBytes, type TilePlan } from "../../backends/webgpu/tiles.wgsl.ts";

/** Tiles by shape class, largest first. */
export const TILE_PLANS = [
  { name: "large", bm: 128, bn: 128, bk: 16, tm: 8, tn: 8 },
  { name: "medium", bm: 64, bn: 64, bk: 16, tm: 8, tn: 4 },
  { name: "small", bm: 32, bn: 32, bk: 16, tm: 4, tn: 4 },
  { name: "tall", bm: 64, bn: 16, bk: 16, tm: 4, tn: 4 },
  { name: "row", bm: 8, bn: 64, bk: 16, tm: 4, tn: 4 },
] as const satisfies readonly TilePlan[];

const tried = new Map<string, TilePlan>();

/** The plan of that name. */
export const planNamed = (name: string): TilePlan => {
  const found = tried.get(name) ?? TILE_PLANS.find((plan) => plan.name === name);
  if (!found) throw new Error(`tile plans: there is no "${name}"`);
  return found;
};

interface ProductSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Batch entries. */
  readonly entries: number;
}

/** Workgroups that keep a GPU busy: two for each of its cores. */
const BUSY = 264;

/** The plan for a product, and into how many parts k is cut where there would be too few tiles. */
export const choosePlan = (
  { m, n, k, entries }: ProductSize,
  limits: { readonly [name: string]: number },
  forced?: TilePlan,
): { readonly plan: TilePlan; readonly parts: number } => {
  if (forced) {
    tried.set(forced.name, forced);
    return { plan: forced, parts: 1 };
  }
  const runs = (plan: TilePlan): boolean =>
    threadsOf(plan) <= (limits["maxComputeInvocationsPerWorkgroup"] ?? 256) &&
    tileBytes(plan) <= (limits["maxComputeWorkgroupStorageSize"] ?? 16384);
  const tiles = ({ bm, bn }: TilePlan): number => Math.ceil(m / bm) * Math.ceil(n / bn) * entries;
  const usable = TILE_PLANS.filter(runs);
  const square = usable.filter(({ name }) => name !== "tall" && name !== "row");
  const plan =
    n <= 16
      ? planNamed("tall")
      : m <= 8
        ? planNamed("row")
        : (square.find((each) => tiles(each) >= BUSY / 2) ?? planNamed("small"));
  const count = tiles(plan);
  const parts = count >= BUSY / 2 ? 1 : Math.max(1, Math.min(Math.floor(BUSY / count), Math.floor(k / 128), 64));
  return { plan, parts };
};
