import { shaders } from "../../backends/webgpu/shaders.ts";
import { faultAt } from "../../backends/webgpu/snippets.wgsl.ts";
import { walkMembers, walkOf, walkTo } from "../../backends/webgpu/walk.wgsl.ts";
import type { Planner, Slot, WebgpuStep } from "../../op.ts";
import { contiguousStrides, numel, type Layout, type Shape } from "../../shape.ts";
import { copyStepWgsl } from "../move/copy.wgsl.ts";
import { fillStepWgsl } from "../move/move.wgsl.ts";
import { addEntries } from "./add-entries.wgsl.ts";
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
import { Scratch, sortEntries } from "./sort-entries.wgsl.ts";

const WORKGROUP = 256;
/** Elements along a line that one invocation scatters; lines that are longer are sorted. */
const SHORT_LINE = 64;
/** No row has this number. */
const NONE = 2 ** 32 - 1;

const at = (shape: Shape, dim: number) => ({
  outer: numel(shape.slice(0, dim)),
  n: shape[dim]!,
  inner: numel(shape.slice(dim + 1)),
});
const typeOf = ({ dtype }: { readonly dtype: string }): "f32" | "i32" => (dtype === "float32" ? "f32" : "i32");

/** Every kernel here has an invocation for each of so many elements, or vec4s. */
const head = /* wgsl */ `
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * ${WORKGROUP}u + lane;
  if (i >= w.total) { return; }`;
const workgroups = (total: number): number => Math.ceil(total / WORKGROUP);

/**
 * y[o, k, :] = x[o, index[k], :]: x [outer, n, inner], index [count], y [outer, count, inner], words of any dtype. An invocation copies one
 * word of a row, or four. Rows of a wrong index are 0.
 */
const selectShader = shaders((label: string, type: "u32" | "vec4<u32>") => ({
  label,
  wgsl: /* wgsl */ `
struct Words { total: u32, n: u32, count: u32, columns: u32, xStart: u32, indexStart: u32, fault: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> x: array<${type}>;
@group(0) @binding(2) var<storage, read> index: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<${type}>;
${faultAt(4)}
${head}
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
}));

const selectStep = (op: string, x: Layout, dim: number, table: Slot, index: Layout, indexSlot: Slot): WebgpuStep => {
  const { outer, n, inner } = at(x.shape, dim);
  const width = inner % 4 === 0 && x.offset % 4 === 0 ? 4 : 1;
  const count = numel(index.shape);
  const columns = inner / width;
  const total = outer * count * columns;
  return {
    shader: selectShader(op, width === 4 ? "vec4<u32>" : "u32"),
    bind: [table, indexSlot, { out: 0 }],
    words: [total, n, count, columns, x.offset / width, index.offset],
    workgroups: workgroups(total),
    fault: (value) => outside(op, value, n),
  };
};

/** entries[k] = (index[k], k), with the row n, which does not exist, for a wrong index and for `skip`. */
const rowEntriesShader = shaders((label: string) => ({
  label,
  wgsl: /* wgsl */ `
struct Words { total: u32, n: u32, skip: u32, start: u32, fault: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> entries: array<vec2<u32>>;
${faultAt(3)}
${head}
  let chosen = index[w.start + i];
  let row = u32(chosen);
  if (row >= w.n) { report(chosen); }
  entries[i] = vec2<u32>(select(row, w.n, row >= w.n || row == w.skip), i);
}`,
}));

/** What the adding starts from: a copy of an input, or zeros. */
const startStep = (label: string, x: Layout | null, y: Layout, slot: Slot = { in: 0 }): WebgpuStep =>
  x
    ? copyStepWgsl(
        x.shape,
        { slot, strides: x.strides, start: x.offset },
        { slot: { out: 0 }, strides: contiguousStrides(y.shape), start: 0, whole: true },
      )
    : fillStepWgsl(y.dtype, { out: 0 }, numel(y.shape), 0, label);

/** y[o, index[k], :] += source[o, k, :], but for the row `skip`: entries are made, sorted by row, and added. */
const indexAddSteps = (
  op: string,
  label: string,
  y: Layout,
  dim: number,
  index: { readonly slot: Slot; readonly layout: Layout },
  source: { readonly slot: Slot; readonly layout: Layout },
  skip: number,
  scratch: Scratch,
): WebgpuStep[] => {
  const { outer, n, inner } = at(y.shape, dim);
  const count = numel(index.layout.shape);
  const entries = scratch.take(count * 8);
  const make: WebgpuStep = {
    shader: rowEntriesShader(label),
    bind: [index.slot, entries],
    words: [count, n, skip, index.layout.offset],
    workgroups: workgroups(count),
    fault: (value) => outside(op, value, n),
  };
  const { steps, sorted } = sortEntries(label, entries, count, n, scratch);
  const [target, type, start] = [{ out: 0 }, typeOf(y), source.layout.offset];
  const addition = { label, source: source.slot, start, count, target, rows: n, outer, inner, type };
  return [make, ...steps, ...addEntries(addition, sorted, scratch)];
};

export const embeddingWgsl: Planner<EmbeddingSignature, WebgpuStep> = {
  plan: ({ inputs: [indices, weight] }) => ({
    steps: [selectStep("embedding", weight, 0, { in: 1 }, indices, { in: 0 })],
  }),
};

export const embeddingBackwardWgsl: Planner<EmbeddingBackwardSignature, WebgpuStep> = {
  strided: [2],
  plan: ({ inputs: [dy, indices, from], outputs: [dWeight], attrs: { paddingIdx } }) => {
    const start = startStep("embeddingBackward", from, dWeight, { in: 2 });
    if (numel(indices.shape) === 0) return { steps: [start] };
    const scratch = new Scratch();
    const [index, source] = [
      { slot: { in: 1 }, layout: indices },
      { slot: { in: 0 }, layout: dy },
    ];
    const add = indexAddSteps("embedding", "embeddingBackward", dWeight, 0, index, source, paddingIdx ?? NONE, scratch);
    return { steps: [start, ...add], scratchBytes: scratch.bytes };
  },
};

export const indexSelectWgsl: Planner<IndexSelectSignature, WebgpuStep> = {
  plan: ({ inputs: [x, index], attrs: { dim } }) => ({
    steps: [selectStep("indexSelect", x, dim, { in: 0 }, index, { in: 1 })],
  }),
};

export const indexAddWgsl: Planner<IndexAddSignature, WebgpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, list, added], outputs: [y], attrs: { dim } }) => {
    const start = startStep("indexAdd", x, y);
    if (numel(list.shape) === 0) return { steps: [start] };
    const scratch = new Scratch();
    const [index, source] = [
      { slot: { in: 1 }, layout: list },
      { slot: { in: 2 }, layout: added },
    ];
    const add = indexAddSteps("indexAdd", "indexAdd", y, dim, index, source, NONE, scratch);
    return { steps: [start, ...add], scratchBytes: scratch.bytes };
  },
};

/**
 * y[…, k, …] = x[…, index[…, k, …], …], words of any dtype. The walk goes over y with x in its own strides, but for the dim that is chosen
 * from, in which elements are `along` apart. An invocation copies one word; that of a wrong index is 0.
 */
const gatherShader = shaders((rank: number) => ({
  label: "gather",
  wgsl: /* wgsl */ `
struct Words { ${walkMembers(rank, ["x"])} n: u32, along: u32, indexStart: u32, fault: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> index: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;
${faultAt(4)}
${head}
  let chosen = index[w.indexStart + i];
  if (u32(chosen) >= w.n) {
    report(chosen);
    y[i] = 0u;
    return;
  }
  ${walkTo(rank, ["x"], "i")}
  y[i] = x[xAt + u32(chosen) * w.along];
}`,
}));

export const gatherWgsl: Planner<GatherSignature, WebgpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, index], attrs: { dim } }) => {
    const n = x.shape[dim]!;
    const strides = x.strides.map((stride, d) => (d === dim ? 0 : stride));
    const { rank, total, words } = walkOf(index.shape, [{ strides, offset: x.offset }]);
    const step: WebgpuStep = {
      shader: gatherShader(rank),
      bind: [{ in: 0 }, { in: 1 }, { out: 0 }],
      words: [...words, n, x.strides[dim]!, index.offset],
      workgroups: workgroups(total),
      fault: (value) => outside("gather", value, n),
    };
    return { steps: [step] };
  },
};

/**
 * y[…, index[…, k, …], …] += source[…, k, …] in the order of k: an invocation walks one line of `count` elements, and nobody else
 * writes to its line of y. The walk goes over lines.
 */
const scatterLinesShader = shaders((rank: number, type: "f32" | "i32") => ({
  label: "scatterAdd",
  wgsl: /* wgsl */ `
struct Words { ${walkMembers(rank, ["y", "from"])} n: u32, count: u32, along: u32, down: u32, indexStart: u32, sourceStart: u32, fault: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read> source: array<${type}>;
@group(0) @binding(3) var<storage, read_write> y: array<${type}>;
${faultAt(4)}
${head}
  ${walkTo(rank, ["y", "from"], "i")}
  for (var k = 0u; k < w.count; k++) {
    let chosen = index[w.indexStart + fromAt];
    if (u32(chosen) < w.n) { y[yAt + u32(chosen) * w.along] += source[w.sourceStart + fromAt]; }
    else { report(chosen); }
    fromAt += w.down;
  }
}`,
}));

/** entries[i] = (the place of element i in y, i), with a place behind y for a wrong index. */
const elementEntriesShader = shaders((rank: number) => ({
  label: "scatterAdd",
  wgsl: /* wgsl */ `
struct Words { ${walkMembers(rank, ["y"])} n: u32, along: u32, behind: u32, indexStart: u32, fault: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> entries: array<vec2<u32>>;
${faultAt(3)}
${head}
  let chosen = index[w.indexStart + i];
  ${walkTo(rank, ["y"], "i")}
  var place = yAt + u32(chosen) * w.along;
  if (u32(chosen) >= w.n) {
    report(chosen);
    place = w.behind;
  }
  entries[i] = vec2<u32>(place, i);
}`,
}));

export const scatterAddWgsl: Planner<ScatterAddSignature, WebgpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, index, source], outputs: [y], attrs: { dim } }) => {
    const start = startStep("scatterAdd", x, y);
    const total = numel(index.shape);
    if (total === 0) return { steps: [start] };
    const n = y.shape[dim]!;
    const count = index.shape[dim]!;
    const [target, from] = [contiguousStrides(y.shape), contiguousStrides(index.shape)];
    const [along, down] = [target[dim]!, from[dim]!];
    const fault = (value: number): string => outside("scatterAdd", value, n);
    if (count <= SHORT_LINE) {
      const others = (list: readonly number[]): number[] => list.filter((_, d) => d !== dim);
      const operands = [target, from].map((strides) => ({ strides: others(strides), offset: 0 }));
      const walk = walkOf(others(index.shape), operands);
      const add: WebgpuStep = {
        shader: scatterLinesShader(walk.rank, typeOf(y)),
        bind: [{ in: 1 }, { in: 2 }, { out: 0 }],
        words: [...walk.words, n, count, along, down, index.offset, source.offset],
        workgroups: workgroups(walk.total),
        fault,
      };
      return { steps: [start, add] };
    }
    // As rows of one element, of which y has as many as elements.
    const [scratch, rows] = [new Scratch(), numel(y.shape)];
    const entries = scratch.take(total * 8);
    const strides = target.map((stride, d) => (d === dim ? 0 : stride));
    const walk = walkOf(index.shape, [{ strides, offset: 0 }]);
    const make: WebgpuStep = {
      shader: elementEntriesShader(walk.rank),
      bind: [{ in: 1 }, entries],
      words: [...walk.words, n, along, rows, index.offset],
      workgroups: workgroups(total),
      fault,
    };
    const { steps, sorted } = sortEntries("scatterAdd", entries, total, rows, scratch);
    const lists = { source: { in: 2 }, start: source.offset, count: total, target: { out: 0 }, rows };
    const addition = { ...lists, label: "scatterAdd", outer: 1, inner: 1, type: typeOf(y) };
    return { steps: [start, make, ...steps, ...addEntries(addition, sorted, scratch)], scratchBytes: scratch.bytes };
  },
};

/** y[i, c] = (c = index[i]). An invocation writes one element; the first of each row looks at the index. */
const oneHotShader = shaders(() => ({
  label: "oneHot",
  wgsl: /* wgsl */ `
struct Words { total: u32, classes: u32, start: u32, fault: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
${faultAt(3)}
${head}
  let column = i % w.classes;
  let chosen = index[w.start + i / w.classes];
  if (column == 0u && u32(chosen) >= w.classes) { report(chosen); }
  y[i] = i32(column == u32(chosen));
}`,
}));

export const oneHotWgsl: Planner<OneHotSignature, WebgpuStep> = {
  plan: ({ inputs: [index], attrs: { numClasses } }) => {
    const total = numel(index.shape) * numClasses;
    const step: WebgpuStep = {
      shader: oneHotShader(),
      bind: [{ in: 0 }, { out: 0 }],
      words: [total, numClasses, index.offset],
      workgroups: workgroups(total),
      fault: (value) => outside("oneHot", value, numClasses),
    };
    return { steps: [step] };
  },
};
