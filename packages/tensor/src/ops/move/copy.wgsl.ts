import { collapse } from "../../backends/collapse.ts";
import { kernel, read, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import { walkTo, walkWords, type WebgpuWalk } from "../../backends/webgpu/walk.wgsl.ts";
import type { Planner, Slot, WebgpuStep } from "../../op.ts";
import { contiguousStrides, type Shape } from "../../shape.ts";
import { input, output } from "../../slots.ts";
import type { Tensor } from "../../tensor.ts";

const WORKGROUP = 256;
/** Side of the squares that transposes go through, and the least size of a dim that is worth one. */
const SIDE = 32;
const MIN_SQUARE = 16;
/** Rows of a square that a workgroup moves at once. */
const ROWS = 2;

/** A tensor or scratch region to read from or write to, `start` elements on, in strides of its own. */
export interface WebgpuPlace {
  readonly slot: Slot;
  readonly strides: readonly number[];
  readonly start: number;
  /** Of a target: nothing lies behind what is written, so the last vec4 may reach past it. */
  readonly whole?: boolean;
}

/** to[walk] = from[walk], words of any dtype; an invocation copies one word, or four that lie side by side on both sides. */
const copyElements = variants(({ rank, type }: { readonly rank: number; readonly type: "u32" | "vec4<u32>" }) =>
  kernel(
    {
      name: "copy",
      workgroup: WORKGROUP,
      words: { walk: walkWords(rank, ["from", "to"]) },
      bind: { source: read(type), target_: write(type) },
    },
    (k) => /* wgsl */ `
${k.main} {
  let i = ${k.invocation};
  if (i >= w.total) { return; }
  ${walkTo(rank, ["from", "to"], "i")}
  target_[toAt] = source[fromAt];
}`,
  ),
);

/**
 * to[m, r, c] = from[m, c, r]: rows lie side by side in the target, columns in the source; m walks the other dims. A workgroup turns a
 * square of 32 x 32 words through its own memory, so that reads and writes both go along what lies side by side. The square's rows are
 * one word longer than it: a column then falls into different banks.
 */
const transpose = variants(({ rank }: { readonly rank: number }) =>
  kernel(
    {
      name: "copy",
      workgroup: SIDE * ROWS,
      words: { rows: "u32", columns: "u32", fromColumn: "u32", toRow: "u32", walk: walkWords(rank, ["from", "to"]) },
      bind: { source: read("u32"), target_: write("u32") },
    },
    (k) => /* wgsl */ `
var<workgroup> square: array<u32, ${SIDE * (SIDE + 1)}>;

${k.main} {
  let across = (w.columns + ${SIDE - 1}u) / ${SIDE}u;
  let down = (w.rows + ${SIDE - 1}u) / ${SIDE}u;
  let number = ${k.group};
  let column = number % across * ${SIDE}u;
  let row = number / across % down * ${SIDE}u;
  let matrix = number / across / down;
  ${walkTo(rank, ["from", "to"], "matrix")}
  let x = lane % ${SIDE}u;
  for (var first = 0u; first < ${SIDE}u; first += ${ROWS}u) {
    let y = first + lane / ${SIDE}u;
    if (matrix < w.total && row + x < w.rows && column + y < w.columns) {
      square[y * ${SIDE + 1}u + x] = source[fromAt + (column + y) * w.fromColumn + row + x];
    }
  }
  workgroupBarrier();
  for (var first = 0u; first < ${SIDE}u; first += ${ROWS}u) {
    let y = first + lane / ${SIDE}u;
    if (matrix < w.total && row + y < w.rows && column + x < w.columns) {
      target_[toAt + (row + y) * w.toRow + column + x] = square[x * ${SIDE + 1}u + y];
    }
  }
}`,
  ),
);

/** A walk whose dims have been joined. */
const walkAs = (
  sizes: readonly number[],
  fromStart: number,
  fromSteps: readonly number[],
  toStart: number,
  toSteps: readonly number[],
): WebgpuWalk<"from" | "to"> => ({
  rank: sizes.length,
  total: sizes.reduce((n, size) => n * size, 1),
  sizes,
  operands: { from: { offset: fromStart, strides: fromSteps }, to: { offset: toStart, strides: toSteps } },
});

/** The step that copies a walk of `shape` from one place to another. There must be at least one element. */
export const copyStepWgsl = (shape: Shape, from: WebgpuPlace, to: WebgpuPlace): WebgpuStep => {
  const { sizes, strides } = collapse(shape, [from.strides, to.strides]);
  const [source, target] = strides as [readonly number[], readonly number[]];
  const bind = { source: from.slot, target_: to.slot };
  const last = sizes.length - 1;
  const across = source.indexOf(1);
  const long = (d: number): boolean => sizes[d]! >= MIN_SQUARE;
  if (across >= 0 && across !== last && target[last] === 1 && long(last) && long(across)) {
    const others = (list: readonly number[]): readonly number[] => list.filter((_, d) => d !== across && d !== last);
    const [rows, columns, batch] = [sizes[across]!, sizes[last]!, others(sizes)];
    const walk = walkAs(batch, from.start, others(source), to.start, others(target));
    return transpose({ rank: batch.length })(
      { ...bind, rows, columns, fromColumn: source[last]!, toRow: target[across]!, walk },
      { workgroups: walk.total * Math.ceil(rows / SIDE) * Math.ceil(columns / SIDE) },
    );
  }
  // Fours of words, when all that is not side by side lies a multiple of four apart.
  const fours = (n: number): boolean => n % 4 === 0;
  const apart = (list: readonly number[]): boolean => list[last] === 1 && list.slice(0, -1).every(fours);
  const even = last >= 0 && (fours(sizes[last]!) || (last === 0 && to.whole === true));
  if (even && fours(from.start) && fours(to.start) && apart(source) && apart(target)) {
    const quarter = (n: number, d: number): number => (d === last ? n : n / 4);
    const units = sizes.map((size, d) => (d === last ? Math.ceil(size / 4) : size));
    const walk = walkAs(units, from.start / 4, source.map(quarter), to.start / 4, target.map(quarter));
    const copy = copyElements({ rank: sizes.length, type: "vec4<u32>" });
    return copy({ ...bind, walk }, { workgroups: Math.ceil(walk.total / WORKGROUP) });
  }
  const walk = walkAs(sizes, from.start, source, to.start, target);
  const copy = copyElements({ rank: sizes.length, type: "u32" });
  return copy({ ...bind, walk }, { workgroups: Math.ceil(walk.total / WORKGROUP) });
};

export const copyWgsl: Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor] }, WebgpuStep> = {
  strided: "all",
  plan: ({ inputs: [x], outputs: [y] }) => ({
    steps: [
      copyStepWgsl(
        x.shape,
        { slot: input(0), strides: x.strides, start: x.offset },
        { slot: output(0), strides: contiguousStrides(y.shape), start: 0, whole: true },
      ),
    ],
  }),
};
