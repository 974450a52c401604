import { shaders } from "../../backends/webgpu/shaders.ts";
import type { Plan, Planner, Slot, WebgpuStep } from "../../op.ts";
import { numel } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { copyStepWgsl, type WebgpuPlace } from "../move/copy.wgsl.ts";
import { MAIN, WORKGROUP } from "./team.wgsl.ts";

type Type = "f32" | "i32";

/** Elements that a workgroup scans at a time, a multiple of which is a part of a long row. */
const CHUNK = 4 * WORKGROUP;
const PART = 8 * CHUNK;
const ENOUGH = 1024;
/** Lines up to this length are run along by one invocation each. */
const SHORT = 64;

/** y[o, k, i] = Σ_{j <= k} x[o, j, i]; an invocation runs along one line, its neighbours along the next ones. */
const alongShader = shaders((type: Type) => ({
  label: "cumsum",
  wgsl: /* wgsl */ `
struct Words { xStart: u32, n: u32, inner: u32, lines: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> x: array<${type}>;
@group(0) @binding(2) var<storage, read_write> y: array<${type}>;

${MAIN} {
  let line = (group.x + group.y * groups.x) * ${WORKGROUP}u + lane;
  if (line >= w.lines) { return; }
  var at = (line / w.inner) * w.n * w.inner + line % w.inner;
  var sum = ${type}(0);
  for (var k = 0u; k < w.n; k++) {
    sum += x[w.xStart + at];
    y[at] = sum;
    at += w.inner;
  }
}`,
}));

/**
 * The same along rows of n elements. A workgroup does one part of a row, ${CHUNK} elements at a time: four in a row for each invocation,
 * a scan of the invocations' sums by sixteens, and what came before. With `based`, base[unit − 1] holds the sum of the row's parts
 * up to the one before; with `summed`, only the part's total is written.
 */
const rowsShader = shaders((type: Type, based: boolean, summed: boolean) => ({
  label: "cumsum",
  wgsl: /* wgsl */ `
struct Words { xStart: u32, n: u32, span: u32, parts: u32, units: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> x: array<${type}>;
@group(0) @binding(2) var<storage, read_write> y: array<${type}>;
${based ? `@group(0) @binding(3) var<storage, read> base: array<${type}>;` : ""}
var<workgroup> cells: array<${type}, ${WORKGROUP}>;
var<workgroup> tops: array<${type}, 16>;

${MAIN} {
  let unit = group.x + group.y * groups.x;
  let part = unit % w.parts;
  let row = (unit / w.parts) * w.n;
  let end = select(0u, min((part + 1u) * w.span, w.n), unit < w.units);
  var before = ${type}(0);
  ${based ? "if (part > 0u && unit < w.units) { before = base[unit - 1u]; }" : ""}
  for (var start = part * w.span; start < end; start += ${CHUNK}u) {
    let k = start + 4u * lane;
    let at = w.xStart + row + k;
    var a = ${type}(0); var b = a; var c = a; var d = a;
    if (k < end) { a = x[at]; }
    if (k + 1u < end) { b = x[at + 1u]; }
    if (k + 2u < end) { c = x[at + 2u]; }
    if (k + 3u < end) { d = x[at + 3u]; }
    b += a; c += b; d += c;
    cells[lane] = d;
    workgroupBarrier();
    if (lane < 16u) {
      var sum = ${type}(0);
      for (var j = 16u * lane; j < 16u * lane + 16u; j++) {
        let own = cells[j];
        cells[j] = sum;
        sum += own;
      }
      tops[lane] = sum;
    }
    workgroupBarrier();
    var sum = before;
    for (var j = 0u; j < 16u; j++) {
      if (j < lane / 16u) { sum += tops[j]; }
      before += tops[j];
    }
    sum += cells[lane];
    ${
      summed
        ? ""
        : /* wgsl */ `
    if (k < end) { y[row + k] = sum + a; }
    if (k + 1u < end) { y[row + k + 1u] = sum + b; }
    if (k + 2u < end) { y[row + k + 2u] = sum + c; }
    if (k + 3u < end) { y[row + k + 3u] = sum + d; }`
    }
    workgroupBarrier();
  }
  ${summed ? "if (lane == 0u && unit < w.units) { y[unit] = before; }" : ""}
}`,
}));

/** Running sums along contiguous rows: long ones in parts, whose totals are scanned first. */
const rowsPlan = (type: Type, from: Slot, start: number, to: Slot, rows: number, n: number, scratch: number) => {
  const most = Math.min(Math.ceil(n / PART), Math.ceil(ENOUGH / rows));
  const span = Math.ceil(n / most / CHUNK) * CHUNK;
  const parts = Math.ceil(n / span);
  const step = (bind: readonly Slot[], summed: boolean, words: readonly number[], units: number): WebgpuStep => ({
    shader: rowsShader(type, bind.length > 2, summed),
    bind,
    words: [...words, units],
    workgroups: units,
  });
  const words = [start, n, span, parts];
  if (parts === 1) return { steps: [step([from, to], false, words, rows)], scratchBytes: [] };
  const [totals, scanned] = [{ scratch }, { scratch: scratch + 1 }];
  const steps = [
    step([from, totals], true, words, rows * parts),
    step([totals, scanned], false, [0, parts, Math.ceil(parts / CHUNK) * CHUNK, 1], rows),
    step([from, to, scanned], false, words, rows * parts),
  ];
  return { steps, scratchBytes: [rows * parts * 4, rows * parts * 4] };
};

export const cumsumWgsl: Planner<{ inputs: [x: Tensor]; outputs: [y: Tensor]; attrs: { dim: number } }, WebgpuStep> = {
  plan: ({ inputs: [x], attrs: { dim } }): Plan<WebgpuStep> => {
    const n = x.shape[dim] ?? 1;
    const inner = numel(x.shape.slice(dim + 1));
    const total = numel(x.shape);
    const lines = total / n;
    const type = x.dtype === "float32" ? "f32" : "i32";
    const [from, to] = [{ in: 0 }, { out: 0 }];
    if (n > SHORT && inner === 1) return rowsPlan(type, from, x.offset, to, lines, n, 0);
    if (n <= SHORT || lines >= ENOUGH * 4)
      return {
        steps: [
          {
            shader: alongShader(type),
            bind: [from, to],
            words: [x.offset, n, inner, lines],
            workgroups: Math.ceil(lines / WORKGROUP),
          },
        ],
      };
    // Few long columns: as rows, and back.
    const outer = lines / inner;
    const shape = [outer, inner, n];
    const columns = (slot: Slot, start: number): WebgpuPlace => ({ slot, strides: [n * inner, 1, inner], start });
    const rows = (slot: Slot): WebgpuPlace => ({ slot, strides: [n * inner, n, 1], start: 0 });
    const [turned, scanned] = [{ scratch: 0 }, { scratch: 1 }];
    const scan = rowsPlan(type, turned, 0, scanned, lines, n, 2);
    return {
      steps: [
        copyStepWgsl(shape, columns(from, x.offset), rows(turned)),
        ...scan.steps,
        copyStepWgsl(shape, rows(scanned), columns(to, 0)),
      ],
      scratchBytes: [total * 4, total * 4, ...scan.scratchBytes],
    };
  },
};
