import { MAX_THREADS } from "../../backends/cpu/thread-pool.ts";
import {
  ActivationCode,
  kernels,
  PANELS_SIDE_BY_SIDE,
  ROUND,
  TILE_BYTES,
  TILE_COLUMNS,
} from "../../generated/kernels.ts";
import type { CpuStep, Plan, Planner } from "../../op.ts";
import { broadcastStrides, numel, type Layout } from "../../shape.ts";
import { input, output, scratch, type Slot } from "../../slots.ts";
import { batchWords, evenPart, type Operand, type Product } from "./product.ts";
import { planRows } from "./row-plans.ts";
import type { ActivatedLinearSignature, AddmmSignature, LinearSignature, MatmulSignature } from "./matmul.ts";

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

/**
 * The same product with as few batch dims as possible. Sizes of 1 go, neighbours merge where both operands step evenly
 * through them, and the innermost dim becomes part of M where B does not depend on it.
 */
const folded = (product: Product): Product => {
  let { m } = product;
  let { across } = product.a;
  const kept: { size: number; a: number; b: number }[] = [];
  for (const [d, size] of product.batch.entries()) {
    const dim = { size, a: product.a.batch[d]!, b: product.b.batch[d]! };
    const last = kept.at(-1);
    if (size === 1) continue;
    if (last && last.a === dim.a * size && last.b === dim.b * size)
      kept[kept.length - 1] = { ...dim, size: last.size * size };
    else kept.push(dim);
  }
  for (let dim = kept.at(-1); dim?.b === 0 && (m === 1 || dim.a === m * across); dim = kept.at(-1)) {
    if (m === 1) across = dim.a;
    m *= dim.size;
    kept.pop();
  }
  return {
    ...product,
    m,
    batch: kept.map(({ size }) => size),
    a: { ...product.a, across, batch: kept.map(({ a }) => a) },
    b: { ...product.b, batch: kept.map(({ b }) => b) },
  };
};

/** (AB)ᵀ = BᵀAᵀ: a matrix times a column is a row times a matrix, and both results look the same in memory. */
const columnAsRow = (product: Product): Product =>
  product.n === 1 && product.m > FEW_ROWS && !product.bias
    ? { ...product, m: 1, n: product.m, a: product.b, b: product.a }
    : product;

/** Strides that are never stepped through take the values that the fast paths look for. */
const withUnitStrides = (product: Product): Product => {
  const along = (operand: Operand): Operand => (product.k === 1 ? { ...operand, along: 1 } : operand);
  const b = along(product.b);
  return { ...product, a: along(product.a), b: product.n === 1 && b.along === 1 ? { ...b, across: 0 } : b };
};

const planProduct = (given: Product): Plan<CpuStep> => {
  const product = withUnitStrides(columnAsRow(folded(given)));
  const { m, k, b } = product;
  const inPlace = b.across === 1 || b.along === 1;
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
const planBlocks = ({ m, n, k, batch, a, b, bias, plus, pre, activation }: Product): Plan<CpuStep> => {
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
          ...{ b: b.slot, packed, scratch: own, slots, n, k, across: b.across, along: b.along, kc },
          ...{ panels: panelsPerTask, words: batchWords(unshared, b.batch) },
        },
        { tasks: packTasks },
      ),
      kernels.matmulF32(
        {
          ...{ a: a.slot, packed, bias, plus, c: output(0), pre, scratch: own, slots },
          ...{ m, n, k, across: a.across, along: a.along, kc, mc, nc, group, batches: entries, activation },
          words: batchWords(batch, a.batch, unsharedStrides),
        },
        { tasks },
      ),
    ],
  };
};

const planMatmul = (a: Layout, b: Layout, c: Layout, plus: Slot | null): Plan<CpuStep> => {
  const batch = c.shape.slice(0, -2);
  const leading = ({ shape, strides }: Layout) =>
    broadcastStrides({ shape: shape.slice(0, -2), strides: strides.slice(0, -2) }, batch);
  return planProduct({
    m: a.shape.at(-2)!,
    n: b.shape.at(-1)!,
    k: a.shape.at(-1)!,
    batch,
    a: { slot: input(0), across: a.strides.at(-2)!, along: a.strides.at(-1)!, batch: leading(a) },
    b: { slot: input(1), across: b.strides.at(-1)!, along: b.strides.at(-2)!, batch: leading(b) },
    bias: null,
    plus,
    pre: null,
    activation: ActivationCode.none,
  });
};

export const matmulCpu: Planner<MatmulSignature, CpuStep> = {
  strided: "all",
  plan: ({ inputs: [a, b], outputs: [c] }) => planMatmul(a, b, c, null),
};

export const addmmCpu: Planner<AddmmSignature, CpuStep> = {
  strided: [0, 1],
  plan: ({ inputs: [a, b], outputs: [c] }) => planMatmul(a, b, c, input(2)),
};

/** The weight is Bᵀ: its rows are B's columns. All leading dims of x count as batch dims, and mostly fold into M. */
const planLinear = (
  x: Layout,
  weight: Layout,
  bias: Layout | null,
  pre: Layout | null,
  activation: number,
): Plan<CpuStep> => {
  const batch = x.shape.slice(0, -1);
  return planProduct({
    m: 1,
    n: weight.shape[0]!,
    k: weight.shape[1]!,
    batch,
    a: { slot: input(0), across: 0, along: x.strides.at(-1)!, batch: x.strides.slice(0, -1) },
    b: { slot: input(1), across: weight.strides[0]!, along: weight.strides[1]!, batch: batch.map(() => 0) },
    bias: bias && input(2),
    plus: null,
    pre: pre && output(1),
    activation,
  });
};

export const linearCpu: Planner<LinearSignature, CpuStep> = {
  strided: [0, 1],
  plan: ({ inputs: [x, weight, bias] }) => planLinear(x, weight, bias, null, ActivationCode.none),
};

export const activatedLinearCpu: Planner<ActivatedLinearSignature, CpuStep> = {
  strided: [0, 1],
  plan: ({ inputs: [x, weight, bias], outputs: [, pre], attrs: { activation } }) =>
    planLinear(x, weight, bias, pre, ActivationCode[activation]),
};
