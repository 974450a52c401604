import { addmm, linear, matmul, reshape, scope, tensor, transpose, type Tensor } from "@tessera/tensor";
import { checkEntries, dot, near, type Expected } from "../check.ts";
import { normals } from "../random-data.ts";
import type { ProductShape } from "../rivals/rival.ts";
import type { Setting } from "../setting.ts";
import { digits, makeTable, percent, type Column, type Table } from "../table.ts";
import { race, speedUp } from "../timing.ts";
import { normalDistribution } from "./float64-rows.ts";

const SHAPES: readonly ProductShape[] = [
  [512, 256, 1024],
  [2048, 768, 3072],
];
const QUICK: readonly ProductShape[] = [[96, 64, 160]];

/** The plain product's rows, cut into so many products of a batch. */
const BATCH = 16;

const KINDS = ["plain", "bias", "bias, GELU", "residual", "batched"] as const;
type Kind = (typeof KINDS)[number];

interface Record {
  readonly shape: ProductShape;
  readonly kinds: readonly {
    readonly kind: Kind;
    readonly bestGflops: number;
    readonly shareOfPeak: number;
    readonly noisy: boolean;
    /** What it takes, over what the plain product takes. */
    readonly cost: { readonly median: number; readonly best: number };
  }[];
}

/** y = x Wᵀ with what a product may do before it stores its result, and the same rows as a batch of products. */
export const denseEpilogues = async (setting: Setting): Promise<Table> => {
  const records: Record[] = [];
  for (const shape of setting.quick ? QUICK : SHAPES) records.push(await measure(shape, setting));
  const { threads } = setting;
  return makeTable(
    `Fused epilogues and batches on ${threads} ${threads === 1 ? "thread" : "threads"}: GFLOP/s, share of the peak, cost`,
    records,
    columns(),
    [
      "The best window, its share of the measured peak, and what it takes over the plain product, by the median of samples of the same round. All count 2 M K N.",
      `residual: C + A B in one call. batched: ${BATCH} products of a sixteenth of the rows, each with its own copy of B. ~: a noisy cell.`,
    ],
  );
};

const measure = async (shape: ProductShape, { pace, peak }: Setting): Promise<Record> => {
  const [m, k, n] = shape;
  const host = {
    x: normals(m * k, 1),
    weight: normals(n * k, 2, 1 / Math.sqrt(k)),
    bias: normals(n, 3),
    residual: normals(m * n, 4),
  };
  const x = tensor(host.x, [m, k]);
  const weight = tensor(host.weight, [n, k]);
  const bias = tensor(host.bias);
  const residual = tensor(host.residual, [m, n]);
  const inBatches = tensor(host.x, [BATCH, m / BATCH, k]);
  const weights = tensor(
    Float32Array.from({ length: BATCH * n * k }, (_, at) => host.weight[at % (n * k)]!),
    [BATCH, n, k],
  );
  const compute: { readonly [K in Kind]: () => Tensor } = {
    plain: () => linear(x, weight),
    bias: () => linear(x, weight, bias),
    "bias, GELU": () => linear(x, weight, bias, { activation: "gelu" }),
    residual: () => addmm(residual, x, transpose(weight, 0, 1)),
    batched: () => reshape(matmul(inBatches, transpose(weights, 1, 2)), [m, n]),
  };
  const product = (at: number): Expected => {
    const [row, column] = [Math.floor(at / n), at % n];
    return dot(
      k,
      (p) => host.x[row * k + p]!,
      (p) => host.weight[column * k + p]!,
    );
  };
  for (const kind of KINDS)
    checkEntries(
      `${kind} ${shape.join("×")}`,
      scope(() => compute[kind]().dataSync()),
      m * n,
      (at) => finished(kind, product(at), host.bias[at % n]!, host.residual[at]!),
    );
  const timings = await race(
    KINDS.map((kind) => ({
      name: kind,
      run: () => scope((): void => void compute[kind]()),
    })),
    pace,
  );
  for (const each of [x, weight, bias, residual, inBatches, weights]) each.dispose();
  return {
    shape,
    kinds: KINDS.map((kind) => {
      const flops = (2 * m * k * n) / timings[kind].best;
      return {
        kind,
        bestGflops: flops / 1e9,
        shareOfPeak: flops / peak.flops,
        noisy: timings[kind].noisy,
        cost: speedUp(timings.plain, timings[kind]),
      };
    }),
  };
};

/** What an epilogue makes of an entry of the product. */
const finished = (kind: Kind, { value, bound }: Expected, bias: number, residual: number): Expected => {
  if (kind === "plain" || kind === "batched") return { value, bound };
  const sum = value + (kind === "residual" ? residual : bias);
  const rounded = bound + near(sum, 1, Math.abs(value)).bound;
  if (kind !== "bias, GELU") return { value: sum, bound: rounded };
  const { value: y, bound: error } = near(sum * normalDistribution(sum), 24, Math.abs(sum) / 8);
  // The slope of GELU is below 1.13.
  return { value: y, bound: 1.13 * rounded + error };
};

const columns = (): Column<Record>[] => [
  { label: "M×K×N", cell: ({ shape }) => shape.join("×") },
  ...KINDS.map((kind, at): Column<Record> => ({
    label: kind,
    cell: ({ kinds }) => {
      const { bestGflops, shareOfPeak, noisy, cost } = kinds[at]!;
      const over = kind === "plain" ? "" : ` ${cost.median.toFixed(2)}×`;
      return `${noisy ? "~" : ""}${digits(bestGflops)} ${percent(shareOfPeak)}${over}`;
    },
  })),
];
