import { collapse } from "../../backends/collapse.ts";
import { kernels } from "../../generated/kernels.ts";
import type { CpuStep, Planner } from "../../op.ts";
import { contiguousStrides, numel, type Layout, type Shape } from "../../shape.ts";
import { input, output, words, type Slot } from "../../slots.ts";
import { walkOf } from "../elementwise/elementwise.cpu.ts";
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
/** Elements that one task adds, and columns that it does so for at least: a cache line. */
const SUMS = 16384;
const MIN_COLUMNS = 16;

const at = (shape: Shape, dim: number) => ({
  outer: numel(shape.slice(0, dim)),
  n: shape[dim]!,
  inner: numel(shape.slice(dim + 1)),
});

interface Select {
  readonly op: string;
  readonly x: Layout;
  readonly dim: number;
  readonly table: Slot;
  readonly index: Slot;
  readonly count: number;
}

const selectStep = ({ op, x, dim, table, index, count }: Select): CpuStep => {
  const { outer, n, inner } = at(x.shape, dim);
  const rows = outer * count;
  const perTask = Math.max(1, Math.floor(CHUNK / inner));
  const select = x.dtype === "bool" ? kernels.select1 : kernels.select4;
  return select(
    { x: table, index, y: output(0), n, count, inner, rows, perTask },
    { tasks: Math.ceil(rows / perTask), fault: (value) => outside(op, value, n) },
  );
};

/** What the adding starts from: a copy of an input, or zeros. */
const startStep = (x: Layout | null, y: Layout, slot: Slot = input(0)): CpuStep =>
  x
    ? copyStep(x.dtype, x.shape, { slot, strides: x.strides }, { slot: output(0), strides: contiguousStrides(y.shape) })
    : fillStep(y.dtype, output(0), numel(y.shape), 0);

interface IndexAdd {
  readonly op: string;
  readonly y: Layout;
  readonly dim: number;
  readonly index: Slot;
  readonly source: Slot;
  readonly count: number;
  /** An index that adds nothing; −1 when there is none. */
  readonly skip: number;
}

/** Tasks by columns of a plane, and by planes where those have few. */
const indexAddStep = ({ op, y, dim, index, source, count, skip }: IndexAdd): CpuStep => {
  const { outer, n, inner } = at(y.shape, dim);
  const columns = Math.min(inner, Math.max(MIN_COLUMNS, Math.ceil(SUMS / count / MIN_COLUMNS) * MIN_COLUMNS));
  const perTask = columns < inner ? 1 : Math.max(1, Math.floor(SUMS / (count * inner)));
  const add = y.dtype === "float32" ? kernels.indexAddF32 : kernels.indexAddI32;
  return add(
    { index, source, y: output(0), outer, n, count, inner, columns, perTask, skip },
    {
      tasks: Math.ceil(outer / perTask) * Math.ceil(inner / columns),
      fault: (value) => outside(op, value, n),
    },
  );
};

export const embeddingCpu: Planner<EmbeddingSignature, CpuStep> = {
  plan: ({ inputs: [indices, weight] }) => ({
    steps: [
      selectStep({
        op: "embedding",
        x: weight,
        dim: 0,
        table: input(1),
        index: input(0),
        count: numel(indices.shape),
      }),
    ],
  }),
};

export const embeddingBackwardCpu: Planner<EmbeddingBackwardSignature, CpuStep> = {
  strided: [2],
  plan: ({ inputs: [, indices, start], outputs: [dWeight], attrs: { paddingIdx } }) => {
    const count = numel(indices.shape);
    const first = startStep(start, dWeight, input(2));
    if (count === 0) return { steps: [first] };
    const slots = { index: input(1), source: input(0) };
    const add = indexAddStep({ op: "embedding", y: dWeight, dim: 0, ...slots, count, skip: paddingIdx ?? -1 });
    return { steps: [first, add] };
  },
};

export const indexSelectCpu: Planner<IndexSelectSignature, CpuStep> = {
  plan: ({ inputs: [x, index], attrs: { dim } }) => ({
    steps: [
      selectStep({
        op: "indexSelect",
        x,
        dim,
        table: input(0),
        index: input(1),
        count: numel(index.shape),
      }),
    ],
  }),
};

export const indexAddCpu: Planner<IndexAddSignature, CpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, index], outputs: [y], attrs: { dim } }) => {
    const count = numel(index.shape);
    const first = startStep(x, y);
    if (count === 0) return { steps: [first] };
    const slots = { index: input(1), source: input(2) };
    return { steps: [first, indexAddStep({ op: "indexAdd", y, dim, ...slots, count, skip: -1 })] };
  },
};

export const gatherCpu: Planner<GatherSignature, CpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, index], attrs: { dim } }) => {
    const n = x.shape[dim]!;
    const others = x.strides.map((stride, d) => (d === dim ? 0 : stride));
    const { words, launch } = walkOf(index.shape, [others]);
    const gather = x.dtype === "bool" ? kernels.gather1 : kernels.gather4;
    const step = gather(
      { x: input(0), index: input(1), y: output(0), words, n, along: x.strides[dim]! },
      { ...launch, fault: (value) => outside("gather", value, n) },
    );
    return { steps: [step] };
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
    const list = words([sizes.at(-1) ?? 1, perTask, lines, outer.length, ...outer, ...inwards]);
    const add = y.dtype === "float32" ? kernels.scatterAddF32 : kernels.scatterAddI32;
    const slots = { index: input(1), source: input(2), y: output(0) };
    const step = add(
      { ...slots, words: list, n, count, along: target[dim]!, sourceAlong: source[dim]! },
      { tasks: Math.ceil(lines / perTask), fault: (value) => outside("scatterAdd", value, n) },
    );
    return { steps: [start, step] };
  },
};

export const oneHotCpu: Planner<OneHotSignature, CpuStep> = {
  plan: ({ inputs: [index], attrs: { numClasses } }) => {
    const rows = numel(index.shape);
    const perTask = Math.max(1, Math.floor(CHUNK / numClasses));
    const step = kernels.oneHotI32(
      { index: input(0), y: output(0), classes: numClasses, rows, perTask },
      { tasks: Math.ceil(rows / perTask), fault: (value) => outside("oneHot", value, numClasses) },
    );
    return { steps: [step] };
  },
};
