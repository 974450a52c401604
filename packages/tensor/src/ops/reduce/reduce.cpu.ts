import { collapse } from "../../backends/collapse.ts";
import type { DType } from "../../dtype.ts";
import { kernels } from "../../generated/kernels.ts";
import type { CpuStep, Plan, Planner } from "../../op.ts";
import { contiguousStrides, isContiguous, numel, type Layout } from "../../shape.ts";
import { input, output, scratch, type Slot } from "../../slots.ts";
import type { Tensor } from "../../tensor.ts";
import { walkOf } from "../elementwise/elementwise.cpu.ts";
import { copyStep } from "../move/copy.cpu.ts";
import { fillStep } from "../move/move.cpu.ts";
import { overflow } from "./overflow.ts";
import type { CumsumSignature, ReduceAttrs } from "./reduce.ts";

type Reduce = Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: ReduceAttrs }, CpuStep>;
type AlongDim<A extends { dim: number }> = Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: A }, CpuStep>;

/** Elements that one task reduces. */
const TASK = 32768;
/** A row longer than this is cut into parts of it. */
const SPAN = 65536;
/** Columns that a task walks down, and rows that it does so for at least. */
const MIN_COLUMNS = 512;
const MIN_ROWS = 64;

/** x as [outer, n, inner], where it lies, and the step that put it there when it did not lie so already. */
interface Canonical {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly slot: Slot;
  readonly before: readonly CpuStep[];
  readonly scratchBytes: readonly number[];
}

/** Finds the reduced dims as one block of a contiguous tensor, or copies to [kept dims, reduced dims]. bool becomes int32. */
const canonical = (x: Layout, dims: readonly number[]): Canonical => {
  // Kept dims have strides, reduced ones 0, so that only dims of one kind are joined.
  const kinds = x.shape.map((_, d) => (dims.includes(d) ? 0 : 1));
  const kept = contiguousStrides(x.shape.map((size, d) => (kinds[d] ? size : 1)));
  const { sizes, strides } = collapse(x.shape, [x.strides, kept.map((stride, d) => stride * kinds[d]!)]);
  const [source, marks] = strides as [readonly number[], readonly number[]];
  const reduced = marks.flatMap((mark, d) => (mark === 0 ? [d] : []));
  const product = (list: readonly number[]): number => list.reduce((n, size) => n * size, 1);
  const whole = isContiguous({ shape: sizes, strides: source }) && reduced.length <= 1;
  if (whole && x.dtype !== "bool") {
    const at = reduced[0] ?? sizes.length;
    const inner = product(sizes.slice(at + 1));
    return {
      outer: product(sizes.slice(0, at)),
      n: sizes[at] ?? 1,
      inner,
      slot: input(0),
      before: [],
      scratchBytes: [],
    };
  }
  const order = [...sizes.keys()].sort((a, b) => Number(marks[a] === 0) - Number(marks[b] === 0) || a - b);
  const shape = order.map((d) => sizes[d]!);
  const from = order.map((d) => source[d]!);
  const n = product(reduced.map((d) => sizes[d]!));
  const slot = scratch(0);
  const before =
    x.dtype === "bool"
      ? castStep(shape, from, slot)
      : copyStep(x.dtype, shape, { slot: input(0), strides: from }, { slot, strides: contiguousStrides(shape) });
  return { outer: product(sizes) / n, n, inner: 1, slot, before: [before], scratchBytes: [product(sizes) * 4] };
};

/** A bool view as int32, contiguous. */
const castStep = (shape: readonly number[], strides: readonly number[], y: Slot): CpuStep => {
  const { words, launch } = walkOf(shape, [strides]);
  return kernels.castBoolI32({ x: input(0), y, words }, launch);
};

interface ByRows {
  readonly rows: true;
  readonly args: { readonly n: number; readonly span: number; readonly units: number; readonly perTask: number };
  readonly tasks: number;
  readonly parts: number;
}

interface ByColumns {
  readonly rows: false;
  readonly args: { readonly n: number; readonly inner: number; readonly span: number; readonly columns: number };
  readonly tasks: number;
  readonly parts: number;
}

/** How [outer, n, inner] is cut: parts of n, and what a task does. */
const cut = (outer: number, n: number, inner: number): ByRows | ByColumns => {
  if (inner === 1) {
    const span = Math.min(n, SPAN);
    const units = outer * Math.ceil(n / span);
    const perTask = Math.max(1, Math.floor(TASK / span));
    return {
      rows: true,
      args: { n, span, units, perTask },
      tasks: Math.ceil(units / perTask),
      parts: Math.ceil(n / span),
    };
  }
  const span = Math.min(n, Math.max(MIN_ROWS, Math.ceil(TASK / inner)));
  const columns = Math.min(inner, Math.max(MIN_COLUMNS, Math.ceil(TASK / span / 16) * 16));
  const parts = Math.ceil(n / span);
  return { rows: false, args: { n, inner, span, columns }, tasks: outer * parts * Math.ceil(inner / columns), parts };
};

/** The kernels of one fold. */
interface Fold {
  readonly rows: typeof kernels.amaxRowsF32;
  readonly columns: typeof kernels.amaxColumnsF32;
}

/** A fold whose order does not matter: parts are folded by the same kernel. */
const fold = ({ rows, columns }: Fold, x: Canonical): Plan<CpuStep> => {
  const { outer, n, inner, slot } = x;
  const first = cut(outer, n, inner);
  const step = (from: Slot, to: Slot, how: ByRows | ByColumns): CpuStep =>
    how.rows
      ? rows({ x: from, y: to, ...how.args }, { tasks: how.tasks })
      : columns({ x: from, y: to, ...how.args }, { tasks: how.tasks });
  if (first.parts === 1) return { steps: [...x.before, step(slot, output(0), first)], scratchBytes: x.scratchBytes };
  const partial = scratch(x.scratchBytes.length);
  const steps = [...x.before, step(slot, partial, first), step(partial, output(0), cut(outer, first.parts, inner))];
  return { steps, scratchBytes: [...x.scratchBytes, outer * first.parts * inner * 4] };
};

/** Sums of float32 in float64, or of int32 in int64: either way parts go to scratch as 8 bytes each. */
const sumOf = (dtype: DType, x: Canonical): Plan<CpuStep> => {
  const floats = dtype === "float32";
  // As many bools as there can be fit.
  const judged = dtype === "int32" ? { fault: () => overflow("sum") } : {};
  const { outer, n, inner, slot } = x;
  const how = cut(outer, n, inner);
  const { parts, tasks } = how;
  const partial = scratch(x.scratchBytes.length);
  const common = { x: slot, y: parts > 1 ? partial : output(0), wide: Number(parts > 1) };
  const first = how.rows
    ? (floats ? kernels.sumRowsF32 : kernels.sumRowsI32)({ ...common, ...how.args }, { tasks, ...judged })
    : (floats ? kernels.sumColumnsF32 : kernels.sumColumnsI32)({ ...common, ...how.args }, { tasks, ...judged });
  if (parts === 1) return { steps: [...x.before, first], scratchBytes: x.scratchBytes };
  const total = outer * inner;
  const chunk = Math.max(1, Math.floor(TASK / parts));
  const last = (floats ? kernels.sumPartsF32 : kernels.sumPartsI32)(
    { partials: partial, y: output(0), parts, inner, total, chunk },
    { tasks: Math.ceil(total / chunk), ...judged },
  );
  return { steps: [...x.before, first, last], scratchBytes: [...x.scratchBytes, total * parts * 8] };
};

export const sumCpu: Reduce = {
  strided: "all",
  plan: ({ inputs: [x], outputs: [y], attrs: { dims } }) => {
    if (numel(x.shape) === 0) return { steps: [fillStep(y.dtype, output(0), numel(y.shape), 0)] };
    return sumOf(x.dtype, canonical(x, dims));
  },
};

const extremeCpu = (floats: Fold, integers: Fold): Reduce => ({
  strided: "all",
  plan: ({ inputs: [x], attrs: { dims } }) => fold(x.dtype === "float32" ? floats : integers, canonical(x, dims)),
});
export const amaxCpu = extremeCpu(
  { rows: kernels.amaxRowsF32, columns: kernels.amaxColumnsF32 },
  { rows: kernels.amaxRowsI32, columns: kernels.amaxColumnsI32 },
);
export const aminCpu = extremeCpu(
  { rows: kernels.aminRowsF32, columns: kernels.aminColumnsF32 },
  { rows: kernels.aminRowsI32, columns: kernels.aminColumnsI32 },
);

export const argmaxCpu: AlongDim<{ dim: number; keepdim: boolean }> = {
  strided: "all",
  plan: ({ inputs: [x], attrs: { dim } }) => {
    const { outer, n, inner, slot, before, scratchBytes } = canonical(x, x.shape.length === 0 ? [] : [dim]);
    const perTask = Math.max(1, Math.floor(TASK / n));
    const columns = Math.min(inner, perTask);
    const isFloat = x.dtype === "float32";
    const byRows = isFloat ? kernels.argmaxRowsF32 : kernels.argmaxRowsI32;
    const byColumns = isFloat ? kernels.argmaxColumnsF32 : kernels.argmaxColumnsI32;
    const slots = { x: slot, y: output(0) };
    const step =
      inner === 1
        ? byRows({ ...slots, n, units: outer, perTask }, { tasks: Math.ceil(outer / perTask) })
        : byColumns({ ...slots, n, inner, columns }, { tasks: outer * Math.ceil(inner / columns) });
    return { steps: [...before, step], scratchBytes };
  },
};

export const cumsumCpu: Planner<CumsumSignature, CpuStep> = {
  plan: ({ inputs: [x], attrs: { dim, reverse } }) => {
    const n = x.shape[dim] ?? 1;
    const inner = numel(x.shape.slice(dim + 1));
    const lines = numel(x.shape) / n;
    const perTask = Math.max(1, Math.floor(TASK / n));
    const cumsum = x.dtype === "float32" ? kernels.cumsumF32 : kernels.cumsumI32;
    const slots = { x: input(0), y: output(0) };
    const judged = x.dtype === "int32" ? { fault: () => overflow("cumsum") } : {};
    const tasks = Math.ceil(lines / perTask);
    return {
      steps: [cumsum({ ...slots, n, inner, lines, perTask, reverse: Number(reverse) }, { tasks, ...judged })],
    };
  },
};
