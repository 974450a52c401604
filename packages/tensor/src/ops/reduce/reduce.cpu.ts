import { collapse } from "../../backends/collapse.ts";
import type { DType } from "../../dtype.ts";
import { kernels as wasm } from "../../kernels.ts";
import type { CpuStep, Plan, Planner, Slot } from "../../op.ts";
import { contiguousStrides, isContiguous, numel, type Layout } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { walkStep } from "../elementwise/elementwise.cpu.ts";
import { copyStep } from "../move/copy.cpu.ts";
import { fillStep } from "../move/move.cpu.ts";
import type { ReduceAttrs } from "./reduce.ts";

type Reduce = Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: ReduceAttrs }, CpuStep>;
type AlongDim<A extends { dim: number }> = Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: A }, CpuStep>;

/** Elements that one task reduces. */
const TASK = 32768;
/** A row longer than this is cut into parts of it. */
const SPAN = 65536;
/** Columns that a task walks down, and the least rows that it does so for. */
const COLUMNS = 512;
const ROWS = 64;

/** x as [outer, n, inner], where it lies, and the step that put it there when it did not lie so already. */
interface Canonical {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly slot: Slot;
  readonly before: readonly CpuStep[];
  readonly scratch: readonly number[];
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
    return { outer: product(sizes.slice(0, at)), n: sizes[at] ?? 1, inner, slot: { in: 0 }, before: [], scratch: [] };
  }
  const order = [...sizes.keys()].sort((a, b) => Number(marks[a] === 0) - Number(marks[b] === 0) || a - b);
  const shape = order.map((d) => sizes[d]!);
  const from = order.map((d) => source[d]!);
  const n = product(reduced.map((d) => sizes[d]!));
  const slot = { scratch: 0 };
  const before =
    x.dtype === "bool"
      ? walkStep("cast_bool_i32", shape, [from], [{ in: 0 }, slot])
      : copyStep(x.dtype, shape, { slot: { in: 0 }, strides: from }, { slot, strides: contiguousStrides(shape) });
  return { outer: product(sizes) / n, n, inner: 1, slot, before: [before], scratch: [product(sizes) * 4] };
};

/** How [outer, n, inner] is cut: parts of n, and what a task does. */
const cut = (outer: number, n: number, inner: number) => {
  if (inner === 1) {
    const span = Math.min(n, SPAN);
    const units = outer * Math.ceil(n / span);
    const perTask = Math.max(1, Math.floor(TASK / span));
    return {
      kind: "rows",
      parts: Math.ceil(n / span),
      args: [n, span, units, perTask],
      tasks: Math.ceil(units / perTask),
    };
  }
  const span = Math.min(n, Math.max(ROWS, Math.ceil(TASK / inner)));
  const columns = Math.min(inner, Math.max(COLUMNS, Math.ceil(TASK / span / 16) * 16));
  const parts = Math.ceil(n / span);
  return { kind: "columns", parts, args: [n, inner, span, columns], tasks: outer * parts * Math.ceil(inner / columns) };
};

/** A fold of int32, or of float32 where the order does not matter: parts are folded by the same kernel. */
const fold = (name: string, type: string, x: Canonical): Plan<CpuStep> => {
  const { outer, n, inner, slot } = x;
  const first = cut(outer, n, inner);
  const step = (source: Slot, target: Slot, how: ReturnType<typeof cut>): CpuStep => ({
    wasm,
    fn: `${name}_${how.kind}_${type}`,
    args: [source, target, ...how.args],
    tasks: how.tasks,
  });
  if (first.parts === 1) return { steps: [...x.before, step(slot, { out: 0 }, first)], scratchBytes: x.scratch };
  const partial = { scratch: x.scratch.length };
  const steps = [...x.before, step(slot, partial, first), step(partial, { out: 0 }, cut(outer, first.parts, inner))];
  return { steps, scratchBytes: [...x.scratch, outer * first.parts * inner * 4] };
};

const sumFloats = (x: Canonical): Plan<CpuStep> => {
  const { outer, n, inner, slot } = x;
  const { kind, parts, args, tasks } = cut(outer, n, inner);
  const wide = parts > 1;
  const partial = { scratch: x.scratch.length };
  const first: CpuStep = {
    wasm,
    fn: `sum_${kind}_f32`,
    args: [slot, wide ? partial : { out: 0 }, ...args, Number(wide)],
    tasks,
  };
  if (!wide) return { steps: [...x.before, first], scratchBytes: x.scratch };
  const total = outer * inner;
  const chunk = Math.max(1, Math.floor(TASK / parts));
  const last: CpuStep = {
    wasm,
    fn: "sum_parts_f32",
    args: [partial, { out: 0 }, parts, inner, total, chunk],
    tasks: Math.ceil(total / chunk),
  };
  return { steps: [...x.before, first, last], scratchBytes: [...x.scratch, total * parts * 8] };
};

const suffix = (dtype: DType): string => (dtype === "float32" ? "f32" : "i32");

export const sumCpu: Reduce = {
  strided: "all",
  plan: ({ inputs: [x], outputs: [y], attrs: { dims } }) => {
    if (numel(x.shape) === 0) return { steps: [fillStep(y.dtype, { out: 0 }, numel(y.shape), 0)] };
    const view = canonical(x, dims);
    return x.dtype === "float32" ? sumFloats(view) : fold("sum", "i32", view);
  },
};

const extremeCpu = (name: string): Reduce => ({
  strided: "all",
  plan: ({ inputs: [x], attrs: { dims } }) => fold(name, suffix(x.dtype), canonical(x, dims)),
});
export const amaxCpu = extremeCpu("amax");
export const aminCpu = extremeCpu("amin");

export const argmaxCpu: AlongDim<{ dim: number; keepdim: boolean }> = {
  strided: "all",
  plan: ({ inputs: [x], attrs: { dim } }) => {
    const { outer, n, inner, slot, before, scratch } = canonical(x, x.shape.length === 0 ? [] : [dim]);
    const perTask = Math.max(1, Math.floor(TASK / n));
    const columns = Math.min(inner, perTask);
    const step: CpuStep =
      inner === 1
        ? {
            wasm,
            fn: `argmax_rows_${suffix(x.dtype)}`,
            args: [slot, { out: 0 }, n, outer, perTask],
            tasks: Math.ceil(outer / perTask),
          }
        : {
            wasm,
            fn: `argmax_columns_${suffix(x.dtype)}`,
            args: [slot, { out: 0 }, n, inner, columns],
            tasks: outer * Math.ceil(inner / columns),
          };
    return { steps: [...before, step], scratchBytes: scratch };
  },
};

export const cumsumCpu: AlongDim<{ dim: number }> = {
  plan: ({ inputs: [x], attrs: { dim } }) => {
    const n = x.shape[dim] ?? 1;
    const inner = numel(x.shape.slice(dim + 1));
    const lines = numel(x.shape) / n;
    const perTask = Math.max(1, Math.floor(TASK / n));
    const fn = `cumsum_${suffix(x.dtype)}`;
    return {
      steps: [{ wasm, fn, args: [{ in: 0 }, { out: 0 }, n, inner, lines, perTask], tasks: Math.ceil(lines / perTask) }],
    };
  },
};
