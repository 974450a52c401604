import { BlockLayout, BlockSparseMatrix, dds, sdd } from "@tessera/sparse";
import { linear, matmul, scope, tensor, transpose, type Tensor } from "@tessera/tensor";
import { checkEntries } from "../check.ts";
import { normals } from "../random-data.ts";
import type { ProductShape } from "../rivals/rival.ts";
import type { Setting } from "../setting.ts";
import { SPARSE_PRODUCTS, sparseSums, type SparseProduct } from "../sparse-sums.ts";
import { digits, makeTable, percent, type Column, type Table } from "../table.ts";
import { race, speedUp } from "../timing.ts";

/** Tokens, inputs and outputs of a layer. */
const SHAPES: readonly ProductShape[] = [
  [2048, 768, 3072],
  [512, 256, 1024],
  [1024, 128, 512],
];
const QUICK_SHAPES: readonly ProductShape[] = [[128, 64, 128]];
const BLOCK_SIZES = [8, 16, 32, 64];
const DENSITIES = [1, 0.5, 0.25, 0.1];
const SKEWED_BLOCK = 32;
const SKEWED_DENSITY = 0.25;

interface Product {
  readonly product: SparseProduct;
  readonly denseMs: number;
  readonly sparseMs: number;
  readonly denseBestMs: number;
  readonly sparseBestMs: number;
  /** Multiply-adds of stored blocks alone, times two. */
  readonly bestGflops: number;
  readonly speedUp: { readonly median: number; readonly best: number };
  readonly noisy: boolean;
}
interface Record {
  readonly shape: ProductShape;
  readonly blockSize: number;
  readonly askedDensity: number;
  readonly density: number;
  /** Whether rows and columns have unequal numbers of blocks. */
  readonly skewed: boolean;
  readonly products: readonly Product[];
}

/** The three products of a block-sparse layer, beside our own dense ones, packing included on both sides. */
export const sparse = async (setting: Setting): Promise<Table[]> => {
  const { threads, quick } = setting;
  const tables: Table[] = [];
  const measure = async (shape: ProductShape, layout: BlockLayout, askedDensity: number): Promise<Record> => {
    const { blockSize, density } = layout;
    setting.say(`sparse ${shape.join("×")} block ${blockSize} density ${askedDensity}`);
    return {
      shape,
      blockSize,
      askedDensity,
      density,
      skewed: false,
      products: await measureProducts(shape, layout, setting),
    };
  };
  for (const shape of quick ? QUICK_SHAPES : SHAPES) {
    const records: Record[] = [];
    for (const blockSize of BLOCK_SIZES) {
      const seen: BlockLayout[] = [];
      for (const askedDensity of DENSITIES) {
        const [, inFeatures, outFeatures] = shape;
        const layout = BlockLayout.balanced({ outFeatures, inFeatures, blockSize, density: askedDensity, seed: 1 });
        // Every row and column of blocks keeps one: two densities may come out as one layout.
        if (seen.some((other) => other.equals(layout))) continue;
        seen.push(layout);
        records.push(await measure(shape, layout, askedDensity));
      }
    }
    records.push({ ...(await measure(shape, skewedLayout(shape, SKEWED_BLOCK), SKEWED_DENSITY)), skewed: true });
    const title = `Block-sparse products against dense ones, tokens × in × out = ${shape.join("×")}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
    tables.push(
      makeTable(title, records, columns(), [
        "A product's column: how many times faster than our own dense product, by the median of samples of the same round (by the best windows), then the best's share of 1/density.",
        "GFLOP/s: the best window of the three, counting stored blocks alone. Both sides pack their operands anew at each call. ~: a noisy cell.",
        "skewed: the first rows and columns of blocks are full, the rest is empty but for a diagonal; rows, and columns, differ as much as they can.",
        "A density that gives the same blocks as the one above it is not repeated.",
      ]),
    );
  }
  return tables;
};

/**
 * About as many blocks as a balanced layout of this density has, at least one in each row and column, but as unequal as can be: some
 * rows and columns are full, and come first.
 */
const skewedLayout = ([, inputs, outputs]: ProductShape, blockSize: number): BlockLayout => {
  const [rows, cols] = [outputs / blockSize, inputs / blockSize];
  // 1 − (1 − e)² of the blocks lie in the first e of the rows or of the columns.
  const edge = 1 - Math.sqrt(1 - SKEWED_DENSITY);
  const mask = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: cols }, (_, col) => {
      const diagonal = row % cols === col || col % rows === row;
      return row < edge * rows || col < edge * cols || diagonal;
    }),
  );
  return BlockLayout.fromMask(mask, rows, cols, blockSize);
};

/** The three products with one layout, checked and timed. */
export const measureProducts = async (
  [tokens, inputs, outputs]: ProductShape,
  layout: BlockLayout,
  { pace }: Setting,
): Promise<Product[]> => {
  const host = {
    x: normals(tokens * inputs, 1),
    dy: normals(tokens * outputs, 2),
    weight: normals(outputs * inputs, 3, 1 / Math.sqrt(inputs)),
  };
  const x = tensor(host.x, [tokens, inputs]);
  const dy = tensor(host.dy, [tokens, outputs]);
  const weight = tensor(host.weight, [outputs, inputs]);
  const w = BlockSparseMatrix.fromDense(weight, layout);
  const masked = scope(() => w.toDense().dataSync());

  const { blockSize: b } = layout;
  const expected = sparseSums({ layout, tokens, inputs, outputs, x: host.x, dy: host.dy, masked });
  const runs: { readonly [P in SparseProduct]: { dense: () => Tensor; sparse: () => Tensor } } = {
    "y = x Wᵀ": { dense: () => linear(x, weight), sparse: () => dds(x, w, { transposed: true }) },
    "dx = dy W": { dense: () => matmul(dy, weight), sparse: () => dds(dy, w) },
    "dW = dyᵀ x": {
      dense: () => matmul(transpose(dy, 0, 1), x),
      sparse: () => sdd(transpose(dy, 0, 1), x, w),
    },
  };
  const flops = 2 * layout.multiplyAdds(tokens);
  const products: Product[] = [];
  for (const product of SPARSE_PRODUCTS) {
    const { dense, sparse: sparseRun } = runs[product];
    const result = scope(() => sparseRun().dataSync());
    checkEntries(`${product}, block ${b}, density ${layout.density}`, result, result.length, expected[product]);
    const inScope = (run: () => Tensor) => () => scope((): void => void run());
    const timings = await race(
      [
        { name: "dense", run: inScope(dense) },
        { name: "sparse", run: inScope(sparseRun) },
      ],
      // Two contenders, and more than a hundred races.
      { ...pace, seconds: pace.seconds / 3 },
    );
    products.push({
      product,
      denseMs: 1000 * timings.dense.median,
      sparseMs: 1000 * timings.sparse.median,
      denseBestMs: 1000 * timings.dense.best,
      sparseBestMs: 1000 * timings.sparse.best,
      bestGflops: (1e-9 * flops) / timings.sparse.best,
      speedUp: speedUp(timings.sparse, timings.dense),
      noisy: timings.sparse.noisy || timings.dense.noisy,
    });
  }
  for (const each of [x, dy, weight, w]) each.dispose();
  return products;
};

const columns = (): Column<Record>[] => [
  { label: "block", cell: ({ blockSize, skewed }) => `${blockSize}${skewed ? " skewed" : ""}` },
  {
    label: "density",
    cell: ({ askedDensity, density }) =>
      askedDensity === density ? `${density}` : `${askedDensity}: ${density.toFixed(3)}`,
  },
  { label: "1/density", cell: ({ density }) => (1 / density).toFixed(2) },
  ...SPARSE_PRODUCTS.map((product, at): Column<Record> => ({
    label: product,
    cell: ({ products, density }) => {
      const { speedUp: ratio, noisy } = products[at]!;
      return `${noisy ? "~" : ""}${ratio.median.toFixed(2)} (${ratio.best.toFixed(2)}) ${percent(ratio.best * density)}`;
    },
  })),
  { label: "GFLOP/s", cell: ({ products }) => digits(Math.max(...products.map(({ bestGflops }) => bestGflops))) },
];
