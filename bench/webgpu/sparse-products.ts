import { BlockLayout, BlockSparseMatrix, dds, sdd } from "@tessera/sparse";
import { dispose, scope, tensor, transpose, type Tensor } from "@tessera/tensor";
import { checkEntries } from "../check.ts";
import { manyNormals } from "../random-data.ts";
import { SPARSE_PRODUCTS, sparseSums, type SparseProduct } from "../sparse-sums.ts";
import { digits, makeTable, type Column, type Table } from "../table.ts";
import { crossing } from "./crossing.ts";
import type { GpuSetting } from "./gpu-setting.ts";
import { describePace, timeOnGpu } from "./gpu-timing.ts";
import { multiply } from "./products.ts";
import { bsrKey, productKey, type BsrJob, type ProductJob } from "./pytorch-job.ts";

interface Layer {
  readonly tokens: number;
  readonly inputs: number;
  readonly outputs: number;
}
const LAYERS: readonly Layer[] = [
  { tokens: 8192, inputs: 768, outputs: 3072 },
  { tokens: 2048, inputs: 768, outputs: 3072 },
];
const QUICK_LAYERS: readonly Layer[] = [{ tokens: 128, inputs: 64, outputs: 128 }];
const BLOCK_SIZES = [64, 32, 16, 8];
const DENSITIES = [1, 0.5, 0.25, 0.1];

/** The dense product that each of the three stands in for. */
const denseJob = (product: SparseProduct, { tokens: t, inputs, outputs }: Layer): ProductJob =>
  product === "y = x Wᵀ"
    ? { m: t, k: inputs, n: outputs, layout: "NT" }
    : product === "dx = dy W"
      ? { m: t, k: outputs, n: inputs, layout: "NN" }
      : { m: outputs, k: t, n: inputs, layout: "TN" };

const layersFor = (quick: boolean): readonly Layer[] => (quick ? QUICK_LAYERS : LAYERS);

/** The dense products that PyTorch is asked for. */
export const sparseJobs = (quick: boolean): ProductJob[] =>
  layersFor(quick).flatMap((layer) => SPARSE_PRODUCTS.map((product) => denseJob(product, layer)));

/** Blocks that PyTorch's kernel takes. */
const MIN_BSR_BLOCK = 16;

const layoutOf = ({ inputs, outputs }: Layer, blockSize: number, density: number): BlockLayout =>
  BlockLayout.balanced({ outFeatures: outputs, inFeatures: inputs, blockSize, density, seed: 1 });

/** The block-sparse forwards that PyTorch is asked for: by the same layouts as ours. */
export const bsrJobs = (quick: boolean): BsrJob[] =>
  layersFor(quick).flatMap((layer) =>
    BLOCK_SIZES.filter((blockSize) => blockSize >= MIN_BSR_BLOCK).flatMap((blockSize) =>
      DENSITIES.map((density): BsrJob => {
        const { blocks, crowIndices, colIndices } = layoutOf(layer, blockSize, density);
        return {
          key: bsrKey({ ...layer, blockSize }, blocks),
          ...layer,
          blockSize,
          crowIndices: [...crowIndices],
          colIndices: [...colIndices],
        };
      }),
    ),
  );

interface Record {
  readonly product: SparseProduct;
  readonly blockSize: number;
  readonly density: number;
  readonly ms: number;
  readonly denseMs: number;
  readonly pytorchMs: number | null;
  /** PyTorch's own block-sparse rows, which it has of the forward alone. */
  readonly bsrMs: number | null;
  /** Of stored blocks alone. */
  readonly teraflops: number;
}

/** The three products of a block-sparse layer, beside our own dense ones and PyTorch's. */
export const sparseProducts = async (setting: GpuSetting): Promise<Table[]> => {
  const tables: Table[] = [];
  for (const layer of layersFor(setting.quick)) tables.push(...(await measureLayer(layer, setting)));
  return tables;
};

interface Operands {
  readonly host: { readonly x: Float32Array; readonly dy: Float32Array };
  readonly x: Tensor;
  readonly dy: Tensor;
  readonly weight: Tensor;
}

const measureLayer = async (layer: Layer, setting: GpuSetting): Promise<Table[]> => {
  const { gpu, pace, pytorch, say } = setting;
  const { tokens, inputs, outputs } = layer;
  const host = { x: manyNormals(tokens * inputs, 1), dy: manyNormals(tokens * outputs, 2) };
  const x = tensor(host.x, [tokens, inputs], { device: gpu });
  const dy = tensor(host.dy, [tokens, outputs], { device: gpu });
  const hostWeight = manyNormals(outputs * inputs, 3, 1 / Math.sqrt(inputs));
  const weight = tensor(hostWeight, [outputs, inputs], { device: gpu });
  const operandsOf: { readonly [P in SparseProduct]: readonly [Tensor, Tensor] } = {
    "y = x Wᵀ": [x, weight],
    "dx = dy W": [dy, weight],
    "dW = dyᵀ x": [dy, x],
  };
  const dense = new Map<SparseProduct, number>();
  for (const product of SPARSE_PRODUCTS) {
    say(`dense ${product}, ${tokens} tokens`);
    const { layout } = denseJob(product, layer);
    const { median } = await timeOnGpu(gpu, () => multiply(...operandsOf[product], layout), pace);
    dense.set(product, 1000 * median);
  }
  const records: Record[] = [];
  for (const blockSize of BLOCK_SIZES) {
    const seen: BlockLayout[] = [];
    for (const asked of DENSITIES) {
      say(`sparse, ${tokens} tokens, block ${blockSize}, density ${asked}`);
      const layout = layoutOf(layer, blockSize, asked);
      // Every row and column of blocks keeps one: two densities may come out as one layout.
      if (seen.some((other) => other.equals(layout))) continue;
      seen.push(layout);
      const times = await measureProducts({ host, x, dy, weight }, layer, layout, setting);
      for (const product of SPARSE_PRODUCTS) {
        const ms = times.get(product)!;
        records.push({
          product,
          blockSize,
          density: layout.density,
          ms,
          denseMs: dense.get(product)!,
          pytorchMs: pytorch.ms("products", productKey(denseJob(product, layer))),
          bsrMs: product === "y = x Wᵀ" ? pytorch.ms("bsr", bsrKey({ ...layer, blockSize }, layout.blocks)) : null,
          teraflops: (2e-9 * layout.multiplyAdds(tokens)) / ms,
        });
      }
    }
  }
  dispose([x, dy, weight]);
  const title = `tokens × in × out = ${tokens}×${inputs}×${outputs}, float32`;
  return [
    makeTable(
      `Block-sparse products, ${title}`,
      records.toSorted((a, b) => SPARSE_PRODUCTS.indexOf(a.product) - SPARSE_PRODUCTS.indexOf(b.product)),
      columns(records),
      [
        "own ×, PyTorch ×: how many times faster than the dense product, ours and PyTorch's float32 one. PyTorch BSR: its own forward with the same blocks. TFLOP/s: of stored blocks alone.",
        describePace(pace),
      ],
    ),
    breakEvens(title, records),
  ];
};

/** The three with one layout: checked against float64 sums over the stored blocks, then timed. Milliseconds. */
const measureProducts = async (
  { host, x, dy, weight }: Operands,
  { tokens, inputs, outputs }: Layer,
  layout: BlockLayout,
  { gpu, pace }: GpuSetting,
): Promise<ReadonlyMap<SparseProduct, number>> => {
  const w = BlockSparseMatrix.fromDense(weight, layout);
  const whole = w.toDense();
  const masked = await whole.data();
  whole.dispose();
  const expected = sparseSums({ layout, tokens, inputs, outputs, x: host.x, dy: host.dy, masked });
  const runs: { readonly [P in SparseProduct]: () => Tensor } = {
    "y = x Wᵀ": () => dds(x, w, { transposed: true }),
    "dx = dy W": () => dds(dy, w),
    "dW = dyᵀ x": () => sdd(transpose(dy, 0, 1), x, w),
  };
  const times = new Map<SparseProduct, number>();
  for (const product of SPARSE_PRODUCTS) {
    const run = runs[product];
    const result = scope(run);
    const got = await result.data();
    checkEntries(
      `${product}, block ${layout.blockSize}, density ${layout.density}`,
      got,
      got.length,
      expected[product],
      100,
    );
    result.dispose();
    times.set(product, 1000 * (await timeOnGpu(gpu, run, pace)).median);
  }
  w.dispose();
  return times;
};

interface BreakEven {
  readonly product: SparseProduct;
  readonly blockSize: number;
  /** `null`: below the smallest density measured. */
  readonly own: number | null;
  /** `undefined`: PyTorch was not measured. */
  readonly pytorch: number | null | undefined;
}

const breakEvens = (title: string, records: readonly Record[]): Table => {
  const rows = SPARSE_PRODUCTS.flatMap((product) =>
    BLOCK_SIZES.map((blockSize): BreakEven => {
      const line = records.filter((record) => record.product === product && record.blockSize === blockSize);
      const points = line.map(({ density, ms }) => ({ at: density, value: ms }));
      const [{ denseMs, pytorchMs }] = line as [Record];
      return {
        product,
        blockSize,
        own: crossing(points, denseMs),
        pytorch: pytorchMs === null ? undefined : crossing(points, pytorchMs),
      };
    }),
  );
  const show = (density: number | null | undefined): string =>
    density === undefined ? "–" : density === null ? "below 0.1" : density >= 1 ? "above 1" : density.toFixed(2);
  const withPytorch = records.some(({ pytorchMs }) => pytorchMs !== null);
  return makeTable(
    `Where block-sparse products break even, ${title}`,
    rows,
    [
      { label: "product", cell: ({ product }) => product },
      { label: "block", cell: ({ blockSize }) => `${blockSize}` },
      { label: "our dense", cell: ({ own }) => show(own) },
      ...(withPytorch ? [{ label: "PyTorch's dense", cell: (row: BreakEven) => show(row.pytorch) }] : []),
    ],
    [
      "The density up to which the block-sparse product is faster, on straight lines between the densities measured; above 1: it is faster even with all blocks stored.",
    ],
  );
};

const columns = (records: readonly Record[]): Column<Record>[] => [
  { label: "product", cell: ({ product }) => product },
  { label: "block", cell: ({ blockSize }) => `${blockSize}` },
  { label: "density", cell: ({ density }) => density.toFixed(3) },
  { label: "ms", cell: ({ ms }) => ms.toFixed(3) },
  { label: "TFLOP/s", cell: ({ teraflops }) => digits(teraflops) },
  { label: "dense ms", cell: ({ denseMs }) => denseMs.toFixed(3) },
  { label: "own ×", cell: ({ ms, denseMs }) => (denseMs / ms).toFixed(2) },
  ...(records.some(({ bsrMs }) => bsrMs !== null)
    ? [{ label: "PyTorch BSR ms", cell: ({ bsrMs }: Record) => bsrMs?.toFixed(3) ?? "–" }]
    : []),
  ...(records.some(({ pytorchMs }) => pytorchMs !== null)
    ? [
        { label: "PyTorch dense ms", cell: ({ pytorchMs }: Record) => pytorchMs?.toFixed(3) ?? "–" },
        {
          label: "PyTorch ×",
          cell: ({ ms, pytorchMs }: Record) => (pytorchMs === null ? "–" : (pytorchMs / ms).toFixed(2)),
        },
      ]
    : []),
];
