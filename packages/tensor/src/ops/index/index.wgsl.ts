import { kernel, read, write, type KernelText } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Planner, Slot, WebgpuStep } from "../../op.ts";
import { contiguousStrides, numel, type Layout, type Shape } from "../../shape.ts";
import { input, output } from "../../slots.ts";
import { copyStepWgsl } from "../move/copy.wgsl.ts";
import { fillStepWgsl } from "../move/move.wgsl.ts";
import { addEntries } from "./add-entries.wgsl.ts";
import type {
  EmbeddingBackwardSignature,
  EmbeddingSignature,
  IndexAddSignature,
  IndexSelectSignature,
  OneHotSignature,
} from "./index.ts";
import { outside } from "./index.reference.ts";
import { Scratch, sortEntries } from "./sort-entries.wgsl.ts";

export const WORKGROUP = 256;
/** No row has this number. */
const NONE = 2 ** 32 - 1;

const at = (shape: Shape, dim: number) => ({
  outer: numel(shape.slice(0, dim)),
  n: shape[dim]!,
  inner: numel(shape.slice(dim + 1)),
});
export const typeOf = ({ dtype }: { readonly dtype: string }): "f32" | "i32" => (dtype === "float32" ? "f32" : "i32");

/** Every kernel here has one invocation per element, or per vec4. */
export const begin = (k: KernelText): string => /* wgsl */ `${k.main} {
  let i = ${k.invocation};
  if (i >= w.total) { return; }`;
export const groupsFor = (total: number): number => Math.ceil(total / WORKGROUP);

/**
 * y[o, k, :] = x[o, index[k], :]: x [outer, n, inner], index [count], y [outer, count, inner], words of any dtype. An invocation copies one
 * word of a row, or four. Rows of a wrong index are 0.
 */
const select = variants(({ label, type }: { readonly label: string; readonly type: "u32" | "vec4<u32>" }) =>
  kernel(
    {
      name: label,
      workgroup: WORKGROUP,
      words: { total: "u32", n: "u32", count: "u32", columns: "u32", xStart: "u32", indexStart: "u32" },
      bind: { x: read(type), index: read("i32"), y: write(type) },
      faults: true,
    },
    (k) => /* wgsl */ `
${begin(k)}
  let column = i % w.columns;
  let row = i / w.columns;
  let chosen = index[w.indexStart + row % w.count];
  // A negative one is a large one.
  if (u32(chosen) >= w.n) {
    report(chosen);
    y[i] = ${type}();
    return;
  }
  y[i] = x[w.xStart + (row / w.count * w.n + u32(chosen)) * w.columns + column];
}`,
  ),
);

/** A tensor among the inputs. */
interface Given {
  readonly slot: Slot;
  readonly layout: Layout;
}

const selectStep = (op: string, { slot, layout: x }: Given, dim: number, index: Given): WebgpuStep => {
  const { outer, n, inner } = at(x.shape, dim);
  const width = inner % 4 === 0 && x.offset % 4 === 0 ? 4 : 1;
  const count = numel(index.layout.shape);
  const columns = inner / width;
  const total = outer * count * columns;
  return select({ label: op, type: width === 4 ? "vec4<u32>" : "u32" })(
    {
      total,
      n,
      count,
      columns,
      xStart: x.offset / width,
      indexStart: index.layout.offset,
      x: slot,
      index: index.slot,
      y: output(0),
    },
    { workgroups: groupsFor(total), fault: (value) => outside(op, value, n) },
  );
};

/** entries[k] = (index[k], k), with the row n, which does not exist, for a wrong index and for `skip`. */
const makeRowEntries = variants(({ label }: { readonly label: string }) =>
  kernel(
    {
      name: label,
      workgroup: WORKGROUP,
      words: { total: "u32", n: "u32", skip: "u32", start: "u32" },
      bind: { index: read("i32"), entries: write("vec2<u32>") },
      faults: true,
    },
    (k) => /* wgsl */ `
${begin(k)}
  let chosen = index[w.start + i];
  let row = u32(chosen);
  if (row >= w.n) { report(chosen); }
  entries[i] = vec2<u32>(select(row, w.n, row >= w.n || row == w.skip), i);
}`,
  ),
);

/** What the adding starts from: a copy of an input, or zeros. */
export const startStep = (label: string, x: Layout | null, y: Layout, slot = input(0)): WebgpuStep =>
  x
    ? copyStepWgsl(
        x.shape,
        { slot, strides: x.strides, start: x.offset },
        { slot: output(0), strides: contiguousStrides(y.shape), start: 0, whole: true },
      )
    : fillStepWgsl(y.dtype, output(0), numel(y.shape), 0, label);

/** An addition of rows. `op` is what errors name. */
interface RowAddition {
  readonly op: string;
  readonly label: string;
  readonly y: Layout;
  readonly dim: number;
  readonly index: Given;
  readonly source: Given;
  readonly skip: number;
}

/** y[o, index[k], :] += source[o, k, :], but for the row `skip`: entries are made, sorted by row, and added. */
const indexAddSteps = ({ op, label, y, dim, index, source, skip }: RowAddition, scratch: Scratch): WebgpuStep[] => {
  const { outer, n, inner } = at(y.shape, dim);
  const count = numel(index.layout.shape);
  const entries = scratch.take(count * 8);
  const make = makeRowEntries({ label })(
    { total: count, n, skip, start: index.layout.offset, index: index.slot, entries },
    { workgroups: groupsFor(count), fault: (value) => outside(op, value, n) },
  );
  const { steps, sorted } = sortEntries({ label, entries, count, max: n }, scratch);
  const [target, type, start] = [output(0), typeOf(y), source.layout.offset];
  const addition = { label, source: source.slot, start, count, target, rows: n, outer, inner, type };
  return [make, ...steps, ...addEntries(addition, sorted, scratch)];
};

export const embeddingWgsl: Planner<EmbeddingSignature, WebgpuStep> = {
  plan: ({ inputs: [indices, weight] }) => ({
    steps: [selectStep("embedding", { slot: input(1), layout: weight }, 0, { slot: input(0), layout: indices })],
  }),
};

export const embeddingBackwardWgsl: Planner<EmbeddingBackwardSignature, WebgpuStep> = {
  strided: [2],
  plan: ({ inputs: [dy, indices, from], outputs: [dWeight], attrs: { paddingIdx } }) => {
    const start = startStep("embeddingBackward", from, dWeight, input(2));
    if (numel(indices.shape) === 0) return { steps: [start] };
    const scratch = new Scratch();
    const add = indexAddSteps(
      {
        op: "embedding",
        label: "embeddingBackward",
        y: dWeight,
        dim: 0,
        index: { slot: input(1), layout: indices },
        source: { slot: input(0), layout: dy },
        skip: paddingIdx ?? NONE,
      },
      scratch,
    );
    return { steps: [start, ...add], scratchBytes: scratch.bytes };
  },
};

export const indexSelectWgsl: Planner<IndexSelectSignature, WebgpuStep> = {
  plan: ({ inputs: [x, index], attrs: { dim } }) => ({
    steps: [selectStep("indexSelect", { slot: input(0), layout: x }, dim, { slot: input(1), layout: index })],
  }),
};

export const indexAddWgsl: Planner<IndexAddSignature, WebgpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, list, added], outputs: [y], attrs: { dim } }) => {
    const start = startStep("indexAdd", x, y);
    if (numel(list.shape) === 0) return { steps: [start] };
    const scratch = new Scratch();
    const add = indexAddSteps(
      {
        op: "indexAdd",
        label: "indexAdd",
        y,
        dim,
        index: { slot: input(1), layout: list },
        source: { slot: input(2), layout: added },
        skip: NONE,
      },
      scratch,
    );
    return { steps: [start, ...add], scratchBytes: scratch.bytes };
  },
};

/** y[i, c] = (c = index[i]). An invocation writes one element; the first of each row looks at the index. */
const oneHotKernel = kernel(
  {
    name: "oneHot",
    workgroup: WORKGROUP,
    words: { total: "u32", classes: "u32", start: "u32" },
    bind: { index: read("i32"), y: write("i32") },
    faults: true,
  },
  (k) => /* wgsl */ `
${begin(k)}
  let column = i % w.classes;
  let chosen = index[w.start + i / w.classes];
  if (column == 0u && u32(chosen) >= w.classes) { report(chosen); }
  y[i] = i32(column == u32(chosen));
}`,
);

export const oneHotWgsl: Planner<OneHotSignature, WebgpuStep> = {
  plan: ({ inputs: [index], attrs: { numClasses } }) => {
    const total = numel(index.shape) * numClasses;
    const step = oneHotKernel(
      { total, classes: numClasses, start: index.offset, index: input(0), y: output(0) },
      { workgroups: groupsFor(total), fault: (value) => outside("oneHot", value, numClasses) },
    );
    return { steps: [step] };
  },
};
