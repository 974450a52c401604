import { BlockLayout, breakEvenShare } from "@tessera/sparse";
import { cpu } from "@tessera/tensor";
import type { ProductShape } from "../rivals/rival.ts";
import type { Setting } from "../setting.ts";
import { makeTable, type Column, type Table } from "../table.ts";
import type { Pace } from "../timing.ts";
import { measureProducts } from "./sparse.ts";

const SHAPES: readonly ProductShape[] = [
  [128, 480, 480],
  [128, 448, 448],
];
const QUICK_SHAPES: readonly ProductShape[] = [[64, 64, 64]];
const BLOCK_SIZES = [4, 8, 12, 16, 20, 28, 32, 60, 64];
const DENSITIES = [1, 0.75, 0.5];

interface Record {
  readonly shape: ProductShape;
  readonly blockSize: number;
  /** Stored share of the weight, and how long the three products take beside dense ones. */
  readonly points: readonly { readonly share: number; readonly time: number }[];
  readonly breakEven: number;
}

/** From which stored share on the products of a training step take longer than dense ones: what `breakEvenShare` is made of. */
export const breakEven = async (setting: Setting): Promise<Table[]> => {
  const { threads, quick } = setting;
  // Windows of a call or two: others who use the machine leave some of those alone.
  const pace: Pace = quick ? setting.pace : { seconds: 2, rounds: [30, 600], sampleSeconds: 0.001, restMs: 0 };
  const records: Record[] = [];
  for (const shape of quick ? QUICK_SHAPES : SHAPES)
    for (const blockSize of BLOCK_SIZES) {
      const [, inFeatures, outFeatures] = shape;
      // Nothing sticks out: the time is that of what is asked for.
      if (inFeatures % blockSize !== 0 || outFeatures % blockSize !== 0) continue;
      const points: { share: number; time: number }[] = [];
      for (const density of DENSITIES) {
        setting.say(`break-even ${shape.join("×")} block ${blockSize} density ${density}`);
        const layout = BlockLayout.balanced({ outFeatures, inFeatures, blockSize, density, seed: 1 });
        const products = await measureProducts(shape, layout, { ...setting, pace });
        const total = (of: (product: (typeof products)[number]) => number): number =>
          products.reduce((sum, product) => sum + of(product), 0);
        points.push({
          share: (layout.blocks * blockSize ** 2) / (inFeatures * outFeatures),
          time: total(({ sparseBestMs }) => sparseBestMs) / total(({ denseBestMs }) => denseBestMs),
        });
      }
      records.push({ shape, blockSize, points, breakEven: shareAtDense(points) });
    }
  return [
    makeTable(
      `Where block-sparse products are as fast as dense ones, ${threads} ${threads === 1 ? "thread" : "threads"}`,
      records,
      columns,
      [
        "Time of the three products of a layer beside dense ones, by the best windows, at each stored share of the weight.",
        "break-even: the share at which both take as long, on a straight line between the two points around it. rule: what breakEvenShare says.",
      ],
    ),
  ];
};

/** Where the time crosses that of dense products; the largest share where it stays below. */
const shareAtDense = (points: Record["points"]): number => {
  const rising = points.toSorted((a, b) => a.share - b.share);
  for (const [i, { share, time }] of rising.entries()) {
    if (time <= 1) continue;
    const before = rising[i - 1];
    return before ? before.share + ((share - before.share) * (1 - before.time)) / (time - before.time) : 0;
  }
  return rising.at(-1)!.share;
};

const columns: readonly Column<Record>[] = [
  { label: "tokens × in × out", cell: ({ shape }) => shape.join("×") },
  { label: "block", cell: ({ blockSize }) => `${blockSize}` },
  ...DENSITIES.map((density, at): Column<Record> => ({
    label: `density ${density}: share, time`,
    cell: ({ points }) => `${points[at]!.share.toFixed(3)}, ${points[at]!.time.toFixed(2)}`,
  })),
  { label: "break-even", cell: (record) => record.breakEven.toFixed(2) },
  { label: "rule", cell: ({ blockSize }) => `${breakEvenShare(cpu.name, blockSize)}` },
];
