import { collapse } from "../../backends/collapse.ts";
import { shaders } from "../../backends/webgpu/shaders.ts";
import { walkMembers, walkTo } from "../../backends/webgpu/walk.wgsl.ts";
import type { Planner, Slot, WebgpuStep } from "../../op.ts";
import { contiguousStrides, type Shape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";

const WORKGROUP = 256;
/** Side of the squares that transposes go through, and the least size of a dim that is worth one. */
const SIDE = 32;
const WORTH_A_SQUARE = 16;
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
const copyShader = shaders((rank: number, type: "u32" | "vec4<u32>") => ({
  label: "copy",
  wgsl: /* wgsl */ `
struct Words { ${walkMembers(rank, ["from", "to"])} }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> source: array<${type}>;
@group(0) @binding(2) var<storage, read_write> target_: array<${type}>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * ${WORKGROUP}u + lane;
  if (i >= w.total) { return; }
  ${walkTo(rank, ["from", "to"], "i")}
  target_[toAt] = source[fromAt];
}`,
}));

/**
 * to[m, r, c] = from[m, c, r]: rows lie side by side in the target, columns in the source; m walks the other dims. A workgroup turns a
 * square of 32 x 32 words through its own memory, so that reads and writes both go along what lies side by side. The square's rows are
 * one word longer than it: a column then falls into different banks.
 */
const transposeShader = shaders((rank: number) => ({
  label: "copy",
  wgsl: /* wgsl */ `
struct Words { rows: u32, columns: u32, fromColumn: u32, toRow: u32, ${walkMembers(rank, ["from", "to"])} }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> target_: array<u32>;
var<workgroup> square: array<u32, ${SIDE * (SIDE + 1)}>;

@compute @workgroup_size(${SIDE * ROWS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let across = (w.columns + ${SIDE - 1}u) / ${SIDE}u;
  let down = (w.rows + ${SIDE - 1}u) / ${SIDE}u;
  let number = group.x + group.y * groups.x;
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
}));

const product = (sizes: readonly number[]): number => sizes.reduce((n, size) => n * size, 1);

/** The step that copies a walk of `shape` from one place to another. There must be at least one element. */
export const copyStepWgsl = (shape: Shape, from: WebgpuPlace, to: WebgpuPlace): WebgpuStep => {
  const { sizes, strides } = collapse(shape, [from.strides, to.strides]);
  const [source, target] = strides as [readonly number[], readonly number[]];
  const bind = [from.slot, to.slot];
  const last = sizes.length - 1;
  const across = source.indexOf(1);
  const long = (d: number): boolean => sizes[d]! >= WORTH_A_SQUARE;
  if (across >= 0 && across !== last && target[last] === 1 && long(last) && long(across)) {
    const others = (list: readonly number[]): readonly number[] => list.filter((_, d) => d !== across && d !== last);
    const [rows, columns, batch] = [sizes[across]!, sizes[last]!, others(sizes)];
    const walk = [product(batch), ...batch, from.start, ...others(source), to.start, ...others(target)];
    return {
      shader: transposeShader(batch.length),
      bind,
      words: [rows, columns, source[last]!, target[across]!, ...walk],
      workgroups: product(batch) * Math.ceil(rows / SIDE) * Math.ceil(columns / SIDE),
    };
  }
  // Fours of words, when all that is not side by side lies a multiple of four apart.
  const fours = (n: number): boolean => n % 4 === 0;
  const apart = (list: readonly number[]): boolean => list[last] === 1 && list.slice(0, -1).every(fours);
  const even = last >= 0 && (fours(sizes[last]!) || (last === 0 && to.whole === true));
  if (even && fours(from.start) && fours(to.start) && apart(source) && apart(target)) {
    const quarter = (n: number, d: number): number => (d === last ? n : n / 4);
    const units = sizes.map((size, d) => (d === last ? Math.ceil(size / 4) : size));
    const total = product(units);
    return {
      shader: copyShader(sizes.length, "vec4<u32>"),
      bind,
      words: [total, ...units, from.start / 4, ...source.map(quarter), to.start / 4, ...target.map(quarter)],
      workgroups: Math.ceil(total / WORKGROUP),
    };
  }
  const total = product(sizes);
  return {
    shader: copyShader(sizes.length, "u32"),
    bind,
    words: [total, ...sizes, from.start, ...source, to.start, ...target],
    workgroups: Math.ceil(total / WORKGROUP),
  };
};

export const copyWgsl: Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor] }, WebgpuStep> = {
  strided: "all",
  plan: ({ inputs: [x], outputs: [y] }) => ({
    steps: [
      copyStepWgsl(
        x.shape,
        { slot: { in: 0 }, strides: x.strides, start: x.offset },
        { slot: { out: 0 }, strides: contiguousStrides(y.shape), start: 0, whole: true },
      ),
    ],
  }),
};
