import { collapse } from "../../backends/collapse.ts";
import { kernels as wasm } from "../../kernels.ts";
import type { CpuStep, Planner, Slot } from "../../op.ts";
import { contiguousStrides, numel, type Layout, type Shape, type TensorSpec } from "../../shape.ts";
import { walkStep } from "../elementwise/elementwise.cpu.ts";
import { copyStep } from "../move/copy.cpu.ts";
import { fillStep } from "../move/move.cpu.ts";
import type {
  EmbeddingBackwardSignature,
  EmbeddingSignature,
  GatherSignature,
  IndexAddSignature,
  IndexSelectSignature,
  OneHotSignature,
  ScatterAddSignature,
} from "./index.ts";
import { outside } from "./index.reference.ts";

/** Elements that one task copies. */
const CHUNK = 32768;
/** Elements that one task adds, and the least columns that it does so for: a cache line. */
const SUMS = 16384;
const COLUMNS = 16;

const at = (shape: Shape, dim: number) => ({
  outer: numel(shape.slice(0, dim)),
  n: shape[dim]!,
  inner: numel(shape.slice(dim + 1)),
});
const bytesOf = ({ dtype }: TensorSpec): 1 | 4 => (dtype === "bool" ? 1 : 4);
const suffix = ({ dtype }: TensorSpec): string => (dtype === "float32" ? "f32" : "i32");

const selectStep = (op: string, x: Layout, dim: number, table: Slot, index: Slot, count: number): CpuStep => {
  const { outer, n, inner } = at(x.shape, dim);
  const rows = outer * count;
  const perTask = Math.max(1, Math.floor(CHUNK / inner));
  return {
    wasm,
    fn: `select_${bytesOf(x)}`,
    args: [table, index, { out: 0 }, n, count, inner, rows, perTask],
    tasks: Math.ceil(rows / perTask),
    fault: (value) => outside(op, value, n),
  };
};

/** What the adding starts from: a copy of an input, or zeros. */
const startStep = (x: Layout | null, y: Layout, slot: Slot = { in: 0 }): CpuStep =>
  x
    ? copyStep(
        x.dtype,
        x.shape,
        { slot, strides: x.strides },
        { slot: { out: 0 }, strides: contiguousStrides(y.shape) },
      )
    : fillStep(y.dtype, { out: 0 }, numel(y.shape), 0);

/** Tasks by columns of a plane, and by planes where those have few. */
const indexAddStep = (
  op: string,
  y: Layout,
  dim: number,
  index: Slot,
  source: Slot,
  count: number,
  skip: number,
): CpuStep => {
  const { outer, n, inner } = at(y.shape, dim);
  const columns = Math.min(inner, Math.max(COLUMNS, Math.ceil(SUMS / count / COLUMNS) * COLUMNS));
  const perTask = columns < inner ? 1 : Math.max(1, Math.floor(SUMS / (count * inner)));
  return {
    wasm,
    fn: `index_add_${suffix(y)}`,
    args: [index, source, { out: 0 }, outer, n, count, inner, columns, perTask, skip],
    tasks: Math.ceil(outer / perTask) * Math.ceil(inner / columns),
    fault: (value) => outside(op, value, n),
  };
};

export const embeddingCpu: Planner<EmbeddingSignature, CpuStep> = {
  plan: ({ inputs: [indices, weight] }) => ({
    steps: [selectStep("embedding", weight, 0, { in: 1 }, { in: 0 }, numel(indices.shape))],
  }),
};

export const embeddingBackwardCpu: Planner<EmbeddingBackwardSignature, CpuStep> = {
  strided: [2],
  plan: ({ inputs: [, indices, start], outputs: [dWeight], attrs: { paddingIdx } }) => {
    const count = numel(indices.shape);
    const add =
      count === 0 ? [] : [indexAddStep("embedding", dWeight, 0, { in: 1 }, { in: 0 }, count, paddingIdx ?? -1)];
    return { steps: [startStep(start, dWeight, { in: 2 }), ...add] };
  },
};

export const indexSelectCpu: Planner<IndexSelectSignature, CpuStep> = {
  plan: ({ inputs: [x, index], attrs: { dim } }) => ({
    steps: [selectStep("indexSelect", x, dim, { in: 0 }, { in: 1 }, numel(index.shape))],
  }),
};

export const indexAddCpu: Planner<IndexAddSignature, CpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, index], outputs: [y], attrs: { dim } }) => {
    const count = numel(index.shape);
    const add = count === 0 ? [] : [indexAddStep("indexAdd", y, dim, { in: 1 }, { in: 2 }, count, -1)];
    return { steps: [startStep(x, y), ...add] };
  },
};

export const gatherCpu: Planner<GatherSignature, CpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, index], attrs: { dim } }) => {
    const n = x.shape[dim]!;
    const others = x.strides.map((stride, d) => (d === dim ? 0 : stride));
    const slots = [{ in: 0 }, { in: 1 }, { out: 0 }];
    const step = walkStep(`gather_${bytesOf(x)}`, index.shape, [others], slots, [n, x.strides[dim]!]);
    return { steps: [{ ...step, fault: (value) => outside("gather", value, n) }] };
  },
};

export const scatterAddCpu: Planner<ScatterAddSignature, CpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, index], outputs: [y], attrs: { dim } }) => {
    const start = startStep(x, y);
    if (numel(index.shape) === 0) return { steps: [start] };
    const n = y.shape[dim]!;
    const count = index.shape[dim]!;
    const [target, source] = [contiguousStrides(y.shape), contiguousStrides(index.shape)];
    const others = (list: readonly number[]): number[] => list.filter((_, d) => d !== dim);
    const { sizes, strides } = collapse(others(index.shape), [others(target), others(source)]);
    const lines = numel(sizes);
    const perTask = Math.max(1, Math.floor(SUMS / count));
    const outer = sizes.slice(0, -1).reverse();
    const inwards = strides.flatMap((stride) => [stride.at(-1) ?? 0, ...stride.slice(0, -1).reverse()]);
    const words = [sizes.at(-1) ?? 1, perTask, lines, outer.length, ...outer, ...inwards];
    const add: CpuStep = {
      wasm,
      fn: `scatter_add_${suffix(y)}`,
      args: [{ in: 1 }, { in: 2 }, { out: 0 }, { words }, n, count, target[dim]!, source[dim]!],
      tasks: Math.ceil(lines / perTask),
      fault: (value) => outside("scatterAdd", value, n),
    };
    return { steps: [start, add] };
  },
};

export const oneHotCpu: Planner<OneHotSignature, CpuStep> = {
  plan: ({ inputs: [index], attrs: { numClasses } }) => {
    const rows = numel(index.shape);
    const perTask = Math.max(1, Math.floor(CHUNK / numClasses));
    const step: CpuStep = {
      wasm,
      fn: "one_hot_i32",
      args: [{ in: 0 }, { out: 0 }, numClasses, rows, perTask],
      tasks: Math.ceil(rows / perTask),
      fault: (value) => outside("oneHot", value, numClasses),
    };
    return { steps: [step] };
  },
};
