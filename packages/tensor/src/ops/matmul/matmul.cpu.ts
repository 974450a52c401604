import { MAX_THREADS } from "../../backends/cpu/thread-pool.ts";
import { kernels, PANELS_SIDE_BY_SIDE, ROUND, TILE_BYTES, TILE_COLUMNS } from "../../generated/kernels.ts";
import type { CpuStep, Plan, Planner } from "../../op.ts";
import { numel } from "../../shape.ts";
import { scratch } from "../../slots.ts";
import { batchWords, evenPart, folded, productOfLayer, productOfMatrices, type Product } from "./product.ts";
import { epilogueOf, planRows } from "./row-plans.ts";
import type { AddmmSignature, LinearSignature, MatmulSignature } from "./matmul.ts";

// Blocks of a product, see matmul.as.ts.
const KC = 512;
const MC = 96;
const FEWER_ROWS = [48, 24, 12] as const;
const NC = 1024;
/** Up to here, packing B would cost more than reading it in place for each row. */
const FEW_ROWS = 3;
/**
 * Tasks that a product is cut into, where its tasks stay worth their start: a thread that ends first waits for the last one. Rows are cut as
 * small as they may be before columns, each part of which packs the rows anew.
 */
const TARGET_TASKS = 16;
const FEW_TASKS = 8;
const MIN_MULTIPLY_ADDS = 1 << 16;
const MIN_COLUMNS = 64;
const MULTIPLY_ADDS_PER_TASK = 1 << 19;
const PACKED_PER_TASK = 1 << 13;

/** (AB)ᵀ = BᵀAᵀ: a matrix times a column is a row times a matrix, and both results look the same in memory. */
const columnAsRow = (product: Product): Product => {
  const { m, n, a, b, addend } = product;
  if (n !== 1 || m <= FEW_ROWS || (addend && !addend.whole)) return product;
  const { columnStride: rowStride, ...left } = b;
  const { rowStride: columnStride, ...right } = a;
  return { ...product, m: 1, n: m, a: { ...left, rowStride }, b: { ...right, columnStride } };
};

/** Strides that are never stepped through take the values that the fast paths look for. */
const withUnitStrides = (product: Product): Product => {
  const { n, k } = product;
  const [a, b] =
    k === 1
      ? [
          { ...product.a, kStride: 1 },
          { ...product.b, kStride: 1 },
        ]
      : [product.a, product.b];
  return { ...product, a, b: n === 1 && b.kStride === 1 ? { ...b, columnStride: 0 } : b };
};

const planProduct = (given: Product): Plan<CpuStep> => {
  const product = withUnitStrides(columnAsRow(folded(given)));
  const { m, k, b } = product;
  const inPlace = b.columnStride === 1 || b.kStride === 1;
  return k === 0 || (m <= FEW_ROWS && inPlace) ? planRows(product) : planBlocks(product);
};

/** Rows of a task: the most that leave enough tasks, or the fewest that are worth one. */
const rowsOfTask = (m: number, n: number, k: number, entries: number): number => {
  let rows = MC;
  for (const fewer of FEWER_ROWS) {
    if (entries * Math.ceil(m / rows) * Math.ceil(n / NC) >= TARGET_TASKS) break;
    if (2 * fewer <= m && fewer * n * k >= MIN_MULTIPLY_ADDS) rows = fewer;
  }
  return evenPart(m, rows, ROUND);
};

/** All of B is packed first; then a task packs a block of rows of A, and multiplies it with some or all columns. */
const planBlocks = (product: Product): Plan<CpuStep> => {
  const { m, n, k, batch, a, b } = product;
  const kc = evenPart(k, KC, 1);
  const entries = numel(batch);
  const mc = rowsOfTask(m, n, k, entries);
  const rowBlocks = Math.ceil(m / mc);
  const panels = Math.ceil(n / TILE_COLUMNS);
  let chunks = Math.ceil(n / NC);
  if (entries * rowBlocks * chunks < FEW_TASKS) {
    const wanted = Math.ceil(TARGET_TASKS / (entries * rowBlocks));
    const worth = Math.min(Math.floor(n / MIN_COLUMNS), Math.ceil((mc * n * k) / MULTIPLY_ADDS_PER_TASK));
    chunks = Math.max(chunks, Math.min(wanted, worth));
  }
  const nc = Math.ceil(panels / chunks) * TILE_COLUMNS;
  const group = rowBlocks === 1 && chunks === 1 ? Math.max(1, Math.floor(MULTIPLY_ADDS_PER_TASK / (m * n * k))) : 1;
  const tasks = Math.ceil(entries / group) * rowBlocks * Math.ceil(n / nc);

  // A matrix of B that several batch entries share is packed once.
  const unshared = batch.map((size, d) => (b.batch[d] === 0 ? 1 : size));
  const unsharedStrides = unshared.map((_, d) => (b.batch[d] === 0 ? 0 : numel(unshared.slice(d + 1))));
  const panelsPerTask = Math.min(
    panels,
    PANELS_SIDE_BY_SIDE * Math.ceil(PACKED_PER_TASK / (kc * TILE_COLUMNS * PANELS_SIDE_BY_SIDE)),
  );
  const packTasks = numel(unshared) * Math.ceil(k / kc) * Math.ceil(panels / panelsPerTask);

  const [packed, own] = [scratch(0), scratch(1)];
  // A block of A for each thread that may be at work.
  const slots = Math.min(tasks, MAX_THREADS);
  return {
    scratchBytes: [
      numel(unshared) * panels * TILE_COLUMNS * k * 4,
      Math.ceil(slots / 16) * 64 + slots * (mc * kc * 4 + TILE_BYTES),
    ],
    steps: [
      kernels.matmulPackF32(
        {
          b: b.slot,
          packed,
          scratch: own,
          slots,
          n,
          k,
          columnStride: b.columnStride,
          kStride: b.kStride,
          kc,
          panels: panelsPerTask,
          words: batchWords(unshared, b.batch),
        },
        { tasks: packTasks },
      ),
      kernels.matmulF32(
        {
          a: a.slot,
          packed,
          ...epilogueOf(product),
          scratch: own,
          slots,
          m,
          n,
          k,
          rowStride: a.rowStride,
          kStride: a.kStride,
          kc,
          mc,
          nc,
          group,
          batches: entries,
          words: batchWords(batch, a.batch, unsharedStrides),
        },
        { tasks },
      ),
    ],
  };
};

export const matmulCpu: Planner<MatmulSignature, CpuStep> = {
  strided: "all",
  plan: ({ inputs, outputs: [c] }) => planProduct(productOfMatrices(inputs, c)),
};

export const addmmCpu: Planner<AddmmSignature, CpuStep> = {
  strided: [0, 1],
  plan: ({ inputs, outputs: [c] }) => planProduct(productOfMatrices(inputs, c)),
};

export const linearCpu: Planner<LinearSignature, CpuStep> = {
  strided: [0, 1],
  plan: (call) => planProduct(productOfLayer(call)),
};
