import { ActivationCode, kernels } from "../../generated/kernels.ts";
import type { CpuStep, Plan } from "../../op.ts";
import { numel } from "../../shape.ts";
import { scratch, type Slot } from "../../slots.ts";
import { batchWords, evenPart, type Product } from "./product.ts";

/** Elements of B that are worth a task. */
const READ_PER_TASK = 1 << 16;
/** Tasks that a product is cut into, where they stay worth their start. */
const TARGET_TASKS = 16;
/**
 * Columns of a sum of rows, at most: C stays in L1 while B streams by, or, with more than one row of A, four rows of B do, which each row
 * of A reads again.
 */
const MAX_COLUMNS = 4096;
const MAX_COLUMNS_OF_MORE = 1024;
/** A part of K writes and reads back one sum for so many products, or more. */
const MIN_DEPTH = 64;
const MIN_DOT = 1024;
/** Columns whose results fill a cache line of C. */
const LINE = 16;

interface Cut {
  readonly columns: number;
  readonly depth: number;
}

/** Rows of B are left whole as far as possible; where that makes too few tasks, K is cut, and only then the rows. */
const cutRows = ({ m, n, k }: Product, entries: number, wanted: number): Cut => {
  const widest = evenPart(n, m === 1 ? MAX_COLUMNS : MAX_COLUMNS_OF_MORE, LINE);
  const lines = entries * Math.ceil(n / widest);
  const parts = Math.max(1, Math.min(Math.ceil(wanted / lines), Math.floor(k / MIN_DEPTH)));
  const depth = evenPart(k, Math.ceil(k / parts), 4);
  const missing = Math.ceil(wanted / (lines * parts));
  return { columns: evenPart(n, Math.ceil(widest / missing), LINE), depth };
};

/** Columns of B are left whole, unless they are too few. */
const cutDots = ({ n, k }: Product, entries: number, wanted: number): Cut => {
  const columns = Math.max(LINE, Math.ceil(READ_PER_TASK / k / LINE) * LINE);
  const tasks = entries * Math.ceil(n / columns);
  const parts = Math.max(1, Math.min(Math.ceil(wanted / tasks), Math.floor(k / MIN_DOT)));
  return { columns, depth: evenPart(k, Math.ceil(k / parts), LINE) };
};

/** What is added to the sums, what they go to besides, and f, as kernels take them. */
export const epilogueOf = ({ addend, out, pre, activation }: Product) => ({
  bias: addend && !addend.whole ? addend.slot : null,
  addend: addend?.whole ? addend.slot : null,
  c: out,
  pre,
  activation: ActivationCode[activation],
});

/** For up to three rows: B is read in place, along its unit stride. See matmul-rows.as.ts. */
export const planRows = (product: Product): Plan<CpuStep> => {
  const { m, n, k, batch, a, b } = product;
  const epilogue = epilogueOf(product);
  const entries = numel(batch);
  const scratchBytes: number[] = [];
  const lend = (floats: number): Slot => scratch(scratchBytes.push(floats * 4) - 1);

  const dots = b.columnStride !== 1;
  const wanted = Math.max(1, Math.min(Math.floor((entries * n * k) / READ_PER_TASK), TARGET_TASKS));
  const cut = k === 0 ? { columns: n, depth: 1 } : (dots ? cutDots : cutRows)(product, entries, wanted);
  const columns = Math.min(n, cut.columns);
  const parts = Math.max(1, Math.ceil(k / cut.depth));
  const chunks = Math.ceil(n / columns);
  const partial = parts > 1 ? lend(entries * parts * m * n) : null;

  const steps: CpuStep[] = [];
  let left = a.slot;
  let [rowStride, kStride, strides] = [a.rowStride, a.kStride, a.batch];
  if (dots && kStride !== 1) {
    const rows = lend(entries * m * k);
    const group = Math.max(1, Math.floor(READ_PER_TASK / (m * k)));
    const sizes = { m, k, rowStride, kStride, group, batches: entries };
    steps.push(
      kernels.matmulGatherF32(
        { a: left, to: rows, ...sizes, words: batchWords(batch, strides) },
        { tasks: Math.ceil(entries / group) },
      ),
    );
    left = rows;
    [rowStride, kStride] = [k, 1];
    strides = batch.map((_, d) => m * k * numel(batch.slice(d + 1)));
  }
  steps.push(
    kernels.matmulRowsF32(
      {
        a: left,
        b: b.slot,
        ...epilogue,
        partial,
        m,
        n,
        k,
        columns,
        depth: cut.depth,
        rowStride,
        aKStride: kStride,
        columnStride: b.columnStride,
        bKStride: b.kStride,
        words: batchWords(batch, strides, b.batch),
      },
      { tasks: entries * parts * chunks },
    ),
  );
  if (partial) {
    const width = Math.min(n, MAX_COLUMNS);
    steps.push(
      kernels.matmulRowsSumF32(
        { partial, ...epilogue, m, n, parts, columns: width },
        { tasks: entries * Math.ceil(n / width) },
      ),
    );
  }
  return { scratchBytes, steps };
};
