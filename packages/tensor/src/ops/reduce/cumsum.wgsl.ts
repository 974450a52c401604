import { kernel, read, when, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Plan, Planner, Slot, WebgpuStep } from "../../op.ts";
import { numel } from "../../shape.ts";
import { input, output, scratch } from "../../slots.ts";
import { copyStepWgsl, type WebgpuPlace } from "../move/copy.wgsl.ts";
import { overflow } from "./overflow.ts";
import type { CumsumSignature } from "./reduce.ts";
import { WORKGROUP } from "./team.wgsl.ts";

type Type = "f32" | "i32";

/** Elements that a workgroup scans at a time, a multiple of which is a part of a long row. */
const CHUNK = 4 * WORKGROUP;
const MIN_PART = 8 * CHUNK;
const TARGET_GROUPS = 1024;
/** Lines up to this length are run along by one invocation each. */
const MAX_SHORT = 64;

/** y[o, k, i] = Σ_{j <= k} x[o, j, i], or Σ_{j >= k} when `reverse`; an invocation runs along one line, its neighbours along the next ones. */
const scanLines = variants(({ type, reverse }: { readonly type: Type; readonly reverse: boolean }) =>
  kernel(
    {
      name: "cumsum",
      workgroup: WORKGROUP,
      words: { xStart: "u32", n: "u32", inner: "u32", lines: "u32" },
      bind: { x: read(type), y: write(type) },
    },
    (k) => /* wgsl */ `
${k.main} {
  let line = ${k.invocation};
  if (line >= w.lines) { return; }
  var at = (line / w.inner) * w.n * w.inner + line % w.inner;
  ${reverse ? "at += (w.n - 1u) * w.inner;" : ""}
  var sum = ${type}(0);
  for (var k = 0u; k < w.n; k++) {
    sum += x[w.xStart + at];
    y[at] = sum;
    at ${reverse ? "-" : "+"}= w.inner;
  }
}`,
  ),
);

/**
 * Reports where a running sum y of int32s left their range: sums wrap around, and the first that does has another sign than its two terms.
 * Before it all are right, so that none is missed. An invocation looks at one element of [outer, n, inner].
 */
const judge = kernel(
  {
    name: "cumsum",
    workgroup: WORKGROUP,
    words: { xStart: "u32", n: "u32", inner: "u32", total: "u32", reverse: "u32" },
    bind: { x: read("i32"), y: read("i32") },
    faults: true,
  },
  (k) => /* wgsl */ `
${k.main} {
  let i = ${k.invocation};
  let first = select(0u, w.n - 1u, w.reverse == 1u);
  if (i >= w.total || i / w.inner % w.n == first) { return; }
  let sum = y[i];
  let before = y[select(i - w.inner, i + w.inner, w.reverse == 1u)];
  if (((x[w.xStart + i] ^ sum) & (before ^ sum)) < 0) { report(sum); }
}`,
);

interface RowChoices {
  readonly type: Type;
  readonly reverse: boolean;
  readonly based: boolean;
  readonly summed: boolean;
}

/**
 * The same along rows of n elements. A workgroup does one part of a row, ${CHUNK} elements at a time: four in a row for each invocation,
 * a scan of the invocations' sums by sixteens, and what came before. With `based`, base[unit − 1] holds the sum of the row's parts
 * up to the one before; with `summed`, only the part's total is written. With `reverse` the row is counted from its end.
 */
const scanRows = variants(({ type, reverse, based, summed }: RowChoices) => {
  /** Where element k + i of the row lies. */
  const at = (i: number): string => (reverse ? `row + w.n - 1u - k - ${i}u` : `row + k + ${i}u`);
  return kernel(
    {
      name: "cumsum",
      workgroup: WORKGROUP,
      words: { xStart: "u32", n: "u32", span: "u32", parts: "u32", units: "u32" },
      bind: { x: read(type), y: write(type), base: when(based, read(type)) },
    },
    (k) => /* wgsl */ `
var<workgroup> cells: array<${type}, ${WORKGROUP}>;
var<workgroup> tops: array<${type}, 16>;

${k.main} {
  let unit = ${k.group};
  let part = unit % w.parts;
  let row = (unit / w.parts) * w.n;
  let end = select(0u, min((part + 1u) * w.span, w.n), unit < w.units);
  var before = ${type}(0);
  ${based ? "if (part > 0u && unit < w.units) { before = base[unit - 1u]; }" : ""}
  for (var start = part * w.span; start < end; start += ${CHUNK}u) {
    let k = start + 4u * lane;
    var a = ${type}(0); var b = a; var c = a; var d = a;
    if (k + 0u < end) { a = x[w.xStart + ${at(0)}]; }
    if (k + 1u < end) { b = x[w.xStart + ${at(1)}]; }
    if (k + 2u < end) { c = x[w.xStart + ${at(2)}]; }
    if (k + 3u < end) { d = x[w.xStart + ${at(3)}]; }
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
    if (k + 0u < end) { y[${at(0)}] = sum + a; }
    if (k + 1u < end) { y[${at(1)}] = sum + b; }
    if (k + 2u < end) { y[${at(2)}] = sum + c; }
    if (k + 3u < end) { y[${at(3)}] = sum + d; }`
    }
    workgroupBarrier();
  }
  ${summed ? "if (lane == 0u && unit < w.units) { y[unit] = before; }" : ""}
}`,
  );
});

/** Contiguous rows to scan, `start` elements on. `firstScratch`: the first scratch region that is free. */
interface Rows {
  readonly type: Type;
  readonly reverse: boolean;
  readonly from: Slot;
  readonly start: number;
  readonly to: Slot;
  readonly rows: number;
  readonly n: number;
  readonly firstScratch: number;
}

/** Running sums along rows: long ones in parts, whose totals are scanned first. */
const rowsPlan = ({ type, reverse, from, start, to, rows, n, firstScratch }: Rows) => {
  const max = Math.min(Math.ceil(n / MIN_PART), Math.ceil(TARGET_GROUPS / rows));
  const span = Math.ceil(n / max / CHUNK) * CHUNK;
  const parts = Math.ceil(n / span);
  const scan = scanRows({ type, reverse, based: false, summed: false });
  const words = { xStart: start, n, span, parts, units: rows * parts };
  const dispatch = { workgroups: rows * parts };
  if (parts === 1) return { steps: [scan({ ...words, x: from, y: to, base: null }, dispatch)], scratchBytes: [] };
  const [totals, scanned] = [scratch(firstScratch), scratch(firstScratch + 1)];
  const whole = { xStart: 0, n: parts, span: Math.ceil(parts / CHUNK) * CHUNK, parts: 1, units: rows };
  const steps = [
    scanRows({ type, reverse, based: false, summed: true })({ ...words, x: from, y: totals, base: null }, dispatch),
    scanRows({ type, reverse: false, based: false, summed: false })(
      { ...whole, x: totals, y: scanned, base: null },
      { workgroups: rows },
    ),
    scanRows({ type, reverse, based: true, summed: false })({ ...words, x: from, y: to, base: scanned }, dispatch),
  ];
  return { steps, scratchBytes: [rows * parts * 4, rows * parts * 4] };
};

export const cumsumWgsl: Planner<CumsumSignature, WebgpuStep> = {
  plan: (call, device) => {
    const plan = scanOf.plan(call, device);
    const [x] = call.inputs;
    const { dim, reverse } = call.attrs;
    const n = x.shape[dim] ?? 1;
    if (x.dtype !== "int32" || n === 1) return plan;
    const [inner, total] = [numel(x.shape.slice(dim + 1)), numel(x.shape)];
    const step = judge(
      { x: input(0), y: output(0), xStart: x.offset, n, inner, total, reverse: Number(reverse) },
      { workgroups: Math.ceil(total / WORKGROUP), fault: () => overflow("cumsum") },
    );
    return { ...plan, steps: [...plan.steps, step] };
  },
};

const scanOf: Planner<CumsumSignature, WebgpuStep> = {
  plan: ({ inputs: [x], attrs: { dim, reverse } }): Plan<WebgpuStep> => {
    const n = x.shape[dim] ?? 1;
    const inner = numel(x.shape.slice(dim + 1));
    const total = numel(x.shape);
    const lines = total / n;
    const type = x.dtype === "float32" ? "f32" : "i32";
    const [from, to] = [input(0), output(0)];
    if (n > MAX_SHORT && inner === 1)
      return rowsPlan({ type, reverse, from, start: x.offset, to, rows: lines, n, firstScratch: 0 });
    if (n <= MAX_SHORT || lines >= TARGET_GROUPS * 4) {
      const step = scanLines({ type, reverse })(
        { x: from, y: to, xStart: x.offset, n, inner, lines },
        { workgroups: Math.ceil(lines / WORKGROUP) },
      );
      return { steps: [step] };
    }
    // Few long columns: as rows, and back.
    const outer = lines / inner;
    const shape = [outer, inner, n];
    const columns = (slot: Slot, start: number): WebgpuPlace => ({ slot, strides: [n * inner, 1, inner], start });
    const rows = (slot: Slot): WebgpuPlace => ({ slot, strides: [n * inner, n, 1], start: 0 });
    const [turned, scanned] = [scratch(0), scratch(1)];
    const scan = rowsPlan({ type, reverse, from: turned, start: 0, to: scanned, rows: lines, n, firstScratch: 2 });
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
