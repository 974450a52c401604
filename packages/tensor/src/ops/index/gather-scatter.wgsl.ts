import { kernel, read, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import { walkOf, walkTo, walkWords } from "../../backends/webgpu/walk.wgsl.ts";
import type { Planner, WebgpuStep } from "../../op.ts";
import { contiguousStrides, numel } from "../../shape.ts";
import { input, output } from "../../slots.ts";
import { addEntries } from "./add-entries.wgsl.ts";
import { begin, groupsFor, startStep, typeOf, WORKGROUP } from "./index.wgsl.ts";
import type { GatherSignature, ScatterAddSignature } from "./index.ts";
import { outside } from "./index.reference.ts";
import { Scratch, sortEntries } from "./sort-entries.wgsl.ts";

/** Elements along a line that one invocation scatters; lines that are longer are sorted. */
const MAX_SHORT_LINE = 64;

/**
 * y[…, k, …] = x[…, index[…, k, …], …], words of any dtype. The walk goes over y with x in its own strides, but for the dim that is chosen
 * from, in which elements are `along` apart. An invocation copies one word; that of a wrong index is 0.
 */
const gather = variants(({ rank }: { readonly rank: number }) =>
  kernel(
    {
      name: "gather",
      workgroup: WORKGROUP,
      words: { walk: walkWords(rank, ["x"]), n: "u32", along: "u32", indexStart: "u32" },
      bind: { x: read("u32"), index: read("i32"), y: write("u32") },
      faults: true,
    },
    (k) => /* wgsl */ `
${begin(k)}
  let chosen = index[w.indexStart + i];
  if (u32(chosen) >= w.n) {
    report(chosen);
    y[i] = 0u;
    return;
  }
  ${walkTo(rank, ["x"], "i")}
  y[i] = x[xAt + u32(chosen) * w.along];
}`,
  ),
);

export const gatherWgsl: Planner<GatherSignature, WebgpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, index], attrs: { dim } }) => {
    const n = x.shape[dim]!;
    const strides = x.strides.map((stride, d) => (d === dim ? 0 : stride));
    const walk = walkOf(index.shape, { x: { strides, offset: x.offset } });
    const step = gather({ rank: walk.rank })(
      { walk, n, along: x.strides[dim]!, indexStart: index.offset, x: input(0), index: input(1), y: output(0) },
      { workgroups: groupsFor(walk.total), fault: (value) => outside("gather", value, n) },
    );
    return { steps: [step] };
  },
};

/**
 * y[…, index[…, k, …], …] += source[…, k, …] in the order of k: an invocation walks one line of `count` elements, and nobody else
 * writes to its line of y. The walk goes over lines.
 */
const scatterLines = variants(({ rank, type }: { readonly rank: number; readonly type: "f32" | "i32" }) =>
  kernel(
    {
      name: "scatterAdd",
      workgroup: WORKGROUP,
      words: {
        walk: walkWords(rank, ["y", "from"]),
        n: "u32",
        count: "u32",
        along: "u32",
        down: "u32",
        indexStart: "u32",
        sourceStart: "u32",
      },
      bind: { index: read("i32"), source: read(type), y: write(type) },
      faults: true,
    },
    (k) => /* wgsl */ `
${begin(k)}
  ${walkTo(rank, ["y", "from"], "i")}
  for (var k = 0u; k < w.count; k++) {
    let chosen = index[w.indexStart + fromAt];
    if (u32(chosen) < w.n) { y[yAt + u32(chosen) * w.along] += source[w.sourceStart + fromAt]; }
    else { report(chosen); }
    fromAt += w.down;
  }
}`,
  ),
);

/** entries[i] = (the place of element i in y, i), with a place behind y for a wrong index. */
const makeElementEntries = variants(({ rank }: { readonly rank: number }) =>
  kernel(
    {
      name: "scatterAdd",
      workgroup: WORKGROUP,
      words: { walk: walkWords(rank, ["y"]), n: "u32", along: "u32", behind: "u32", indexStart: "u32" },
      bind: { index: read("i32"), entries: write("vec2<u32>") },
      faults: true,
    },
    (k) => /* wgsl */ `
${begin(k)}
  let chosen = index[w.indexStart + i];
  ${walkTo(rank, ["y"], "i")}
  var place = yAt + u32(chosen) * w.along;
  if (u32(chosen) >= w.n) {
    report(chosen);
    place = w.behind;
  }
  entries[i] = vec2<u32>(place, i);
}`,
  ),
);

export const scatterAddWgsl: Planner<ScatterAddSignature, WebgpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, index, source], outputs: [y], attrs: { dim } }) => {
    const start = startStep("scatterAdd", x, y);
    const total = numel(index.shape);
    if (total === 0) return { steps: [start] };
    const n = y.shape[dim]!;
    const count = index.shape[dim]!;
    const [yStrides, fromStrides] = [contiguousStrides(y.shape), contiguousStrides(index.shape)];
    const along = yStrides[dim]!;
    const fault = (value: number): string => outside("scatterAdd", value, n);
    if (count <= MAX_SHORT_LINE) {
      const others = (list: readonly number[]): number[] => list.filter((_, d) => d !== dim);
      const walk = walkOf(others(index.shape), {
        y: { strides: others(yStrides), offset: 0 },
        from: { strides: others(fromStrides), offset: 0 },
      });
      const add = scatterLines({ rank: walk.rank, type: typeOf(y) })(
        {
          walk,
          n,
          count,
          along,
          down: fromStrides[dim]!,
          indexStart: index.offset,
          sourceStart: source.offset,
          index: input(1),
          source: input(2),
          y: output(0),
        },
        { workgroups: groupsFor(walk.total), fault },
      );
      return { steps: [start, add] };
    }
    // As rows of one element, of which y has as many as elements.
    const [scratch, rows] = [new Scratch(), numel(y.shape)];
    const entries = scratch.take(total * 8);
    const strides = yStrides.map((stride, d) => (d === dim ? 0 : stride));
    const walk = walkOf(index.shape, { y: { strides, offset: 0 } });
    const make = makeElementEntries({ rank: walk.rank })(
      { walk, n, along, behind: rows, indexStart: index.offset, index: input(1), entries },
      { workgroups: groupsFor(total), fault },
    );
    const { steps, sorted } = sortEntries({ label: "scatterAdd", entries, count: total, max: rows }, scratch);
    const lists = { source: input(2), start: source.offset, count: total, target: output(0), rows };
    const addition = { ...lists, label: "scatterAdd", outer: 1, inner: 1, type: typeOf(y) };
    return { steps: [start, make, ...steps, ...addEntries(addition, sorted, scratch)], scratchBytes: scratch.bytes };
  },
};
