import { kernel, read, when, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Slot, WebgpuStep } from "../../op.ts";
import type { Scratch } from "./sort-entries.wgsl.ts";

const WORKGROUP = 256;
/** Entries that one invocation adds up, and those that it loads at once. */
const CHUNK = 32;
const AT_ONCE = 8;

/** What is added, and where to. `inner`: columns of a row, side by side in both. */
export interface Addition {
  readonly label: string;
  /** Slices of `source`, by position: [outer, count, inner], `start` elements on. */
  readonly source: Slot;
  readonly start: number;
  readonly count: number;
  /** The target, [outer, rows, inner], which holds what the sums start from. */
  readonly target: Slot;
  readonly rows: number;
  readonly outer: number;
  readonly inner: number;
  readonly type: "f32" | "i32";
}

interface Choices {
  readonly label: string;
  readonly type: "f32" | "i32";
  readonly width: 1 | 4;
  /** Whether one chunk is left. */
  readonly last: boolean;
}

/**
 * y[o, row, :] += the sum of source[o, position, :] over the entries (row, position) of each row below `rows`. Entries are sorted by row.
 * An invocation takes one column, or four, of a chunk of 32 entries. Rows that begin and end inside of the chunk are done then. What it has
 * of its first and of its last row goes to `nextEntries` and `nextSource`, two of each a chunk, in order: a list like the one it
 * came from, and 16 times shorter. The last list is one chunk. So no chain is long, however often a row is used, every row is written
 * once, and the order of its sum depends on the entries alone.
 */
const addChunks = variants(({ label, type, width, last }: Choices) => {
  const unit = width === 4 ? `vec4<${type}>` : type;
  const each = Array.from({ length: AT_ONCE }, (_, j) => j);
  const put = "if (row < w.rows) { y[writeAt + row * w.columns] += sum; }";
  const finish = last ? put : `if (whole) { ${put} } else { head = sum; whole = true; }`;
  return kernel(
    {
      name: label,
      workgroup: WORKGROUP,
      words: { total: "u32", count: "u32", chunks: "u32", columns: "u32", rows: "u32", start: "u32" },
      bind: {
        entries: read("vec2<u32>"),
        source: read(unit),
        y: write(unit),
        nextEntries: when(!last, write("vec2<u32>")),
        nextSource: when(!last, write(unit)),
      },
    },
    (k) => /* wgsl */ `
${k.main} {
  let i = ${k.invocation};
  if (i >= w.total) { return; }
  let column = i % w.columns;
  let chunk = i / w.columns % w.chunks;
  let plane = i / w.columns / w.chunks;
  let readAt = w.start + plane * w.count * w.columns + column;
  let writeAt = plane * w.rows * w.columns + column;
  let first = chunk * ${CHUNK}u;
  let end = min(first + ${CHUNK}u, w.count);
  var row = entries[first].x;
  var sum = ${unit}();
  ${last ? "" : `var head = ${unit}(); var whole = false;`}
  for (var k = first; k < end; k += ${AT_ONCE}u) {
    ${each.map((j) => `let e${j} = entries[min(k + ${j}u, end - 1u)];`).join(" ")}
    ${each.map((j) => `let v${j} = source[readAt + e${j}.y * w.columns];`).join(" ")}
    ${each
      .map(
        (j) => `if (k + ${j}u < end) {
      if (e${j}.x != row) { ${finish} row = e${j}.x; sum = ${unit}(); }
      sum += v${j};
    }`,
      )
      .join("\n    ")}
  }
  ${
    last
      ? put
      : `if (!whole) { head = sum; sum = ${unit}(); }
  let next = 2u * chunk;
  let at = (plane * 2u * w.chunks + next) * w.columns + column;
  nextSource[at] = head;
  nextSource[at + w.columns] = sum;
  if (plane == 0u && column == 0u) {
    nextEntries[next] = vec2<u32>(entries[first].x, next);
    nextEntries[next + 1u] = vec2<u32>(row, next + 1u);
  }`
  }
}`,
  );
});

/** The steps that add, for sorted entries; those with a row of `rows` or more are left out. */
export const addEntries = (addition: Addition, sorted: Slot, scratch: Scratch): WebgpuStep[] => {
  const { label, target, rows, outer, inner, type } = addition;
  const width = inner % 4 === 0 && addition.start % 4 === 0 ? 4 : 1;
  const columns = inner / width;
  const steps: WebgpuStep[] = [];
  let { source, count } = addition;
  let start = addition.start / width;
  let entries = sorted;
  for (;;) {
    const chunks = Math.ceil(count / CHUNK);
    const last = chunks === 1;
    const total = outer * chunks * columns;
    const nextEntries = last ? null : scratch.take(2 * chunks * 8);
    const nextSource = last ? null : scratch.take(outer * 2 * chunks * inner * 4);
    const add = addChunks({ label, type, width, last });
    steps.push(
      add(
        { total, count, chunks, columns, rows, start, entries, source, y: target, nextEntries, nextSource },
        { workgroups: Math.ceil(total / WORKGROUP) },
      ),
    );
    if (!nextEntries || !nextSource) return steps;
    entries = nextEntries;
    source = nextSource;
    count = 2 * chunks;
    start = 0;
  }
};
