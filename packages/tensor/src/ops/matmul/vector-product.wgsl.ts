import { kernel, read, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Slot, WebgpuStep } from "../../op.ts";
import { plus, teamJoin, WORKGROUP } from "../reduce/team.wgsl.ts";
import type { LeftOperand, RightOperand } from "./product.ts";

/** y[c] = Σ_k x[k] · matrix[k, c] for c < n. Strides are in elements. */
export interface VectorProduct {
  readonly label: string;
  readonly n: number;
  readonly k: number;
  readonly x: Omit<LeftOperand, "rowStride" | "batch">;
  readonly matrix: Omit<RightOperand, "batch">;
}

/** Invocations that share a column whose memory runs along k. */
const TEAM = 32;
/** vec4s of columns side by side that a workgroup takes where memory runs across. */
const WIDTH = 8;
/** Workgroups that read as fast as any number of them, and the k of a part that an invocation takes, at least. */
const TARGET_GROUPS = 256;
const MIN_PART = 8;

const WORDS = {
  n: "u32",
  k: "u32",
  xStart: "u32",
  xStep: "u32",
  start: "u32",
  step: "u32",
  blocks: "u32",
  span: "u32",
  parts: "u32",
} as const;

interface Label {
  readonly label: string;
}

/** A team multiplies one column, which lies in memory as one piece, with x, which does, too: vec4s of both. */
const multiplyAlong = variants(({ label }: Label) =>
  kernel(
    {
      name: label,
      workgroup: WORKGROUP,
      words: WORDS,
      bind: { x: read("vec4<f32>"), matrix: read("vec4<f32>"), y: write("f32") },
    },
    (k) => /* wgsl */ `
${teamJoin("joined", "f32", TEAM, plus)}

${k.main} {
  let column = (${k.group}) * ${WORKGROUP / TEAM}u + lane / ${TEAM}u;
  let end = select(0u, w.k, column < w.n);
  let start = w.start + column * w.step;
  var a = vec4<f32>(); var b = a; var c = a; var d = a;
  var k = lane % ${TEAM}u;
  for (; k + ${3 * TEAM}u < end; k += ${4 * TEAM}u) {
    ${["a", "b", "c", "d"].map((sum, i) => `${sum} = fma(x[w.xStart + k + ${i * TEAM}u], matrix[start + k + ${i * TEAM}u], ${sum});`).join("\n    ")}
  }
  for (; k < end; k += ${TEAM}u) { a = fma(x[w.xStart + k], matrix[start + k], a); }
  let total = joined(dot((a + b) + (c + d), vec4<f32>(1.0)), lane);
  if (column < w.n && lane % ${TEAM}u == 0u) { y[column] = total; }
}`,
  ),
);

/** `WIDTH` neighbours take a vec4 of columns each, and the workgroup's rows of invocations other k of the part. */
const multiplyAcross = variants(({ label }: Label) => {
  const rows = WORKGROUP / WIDTH;
  const term = (sum: string, i: number): string =>
    `${sum} = fma(vec4<f32>(x[w.xStart + (k + ${i * rows}u) * w.xStep]), matrix[start + (k + ${i * rows}u) * w.step], ${sum});`;
  return kernel(
    {
      name: label,
      workgroup: WORKGROUP,
      words: WORDS,
      bind: { x: read("f32"), matrix: read("vec4<f32>"), y: write("vec4<f32>") },
    },
    (k) => /* wgsl */ `
${teamJoin("joined", "vec4<f32>", rows, plus, true)}

${k.main} {
  let unit = ${k.group};
  let part = unit / w.blocks;
  let column = (unit % w.blocks) * ${WIDTH}u + lane % ${WIDTH}u;
  let mine = column < w.n && part < w.parts;
  let end = select(0u, min((part + 1u) * w.span, w.k), mine);
  let start = w.start + column;
  var a = vec4<f32>(); var b = a; var c = a; var d = a;
  var k = part * w.span + lane / ${WIDTH}u;
  for (; k + ${3 * rows}u < end; k += ${4 * rows}u) {
    ${["a", "b", "c", "d"].map(term).join("\n    ")}
  }
  for (; k < end; k += ${rows}u) { ${term("a", 0)} }
  let total = joined((a + b) + (c + d), lane);
  if (mine && lane < ${WIDTH}u) { y[part * w.n + column] = total; }
}`,
  );
});

const fours = (...sizes: readonly number[]): boolean => sizes.every((size) => size % 4 === 0);

/**
 * The step that puts the product's parts, [parts, n], into `to`, which must be able to hold `parts` of them. `null` for operands that lie in no
 * way that these kernels read, and for few columns.
 */
export const vectorProduct = ({ label, n, k, x, matrix }: VectorProduct) => {
  if (n < 64 || k < 64) return null;
  if (matrix.kStride === 1 && x.kStride === 1 && fours(k, x.offset, matrix.offset, matrix.columnStride)) {
    const words = {
      n,
      k: k / 4,
      xStart: x.offset / 4,
      xStep: 1,
      start: matrix.offset / 4,
      step: matrix.columnStride / 4,
      blocks: 0,
      span: 0,
      parts: 1,
    };
    const workgroups = Math.ceil((n * TEAM) / WORKGROUP);
    const step = (y: Slot): WebgpuStep =>
      multiplyAlong({ label })({ ...words, x: x.slot, matrix: matrix.slot, y }, { workgroups });
    return { parts: 1, step };
  }
  if (matrix.columnStride === 1 && fours(n, matrix.offset, matrix.kStride)) {
    const rows = WORKGROUP / WIDTH;
    const blocks = Math.ceil(n / 4 / WIDTH);
    const max = Math.max(1, Math.min(Math.ceil(TARGET_GROUPS / blocks), Math.floor(k / (rows * MIN_PART))));
    const span = Math.ceil(k / max / rows) * rows;
    const parts = Math.ceil(k / span);
    const words = {
      n: n / 4,
      k,
      xStart: x.offset,
      xStep: x.kStride,
      start: matrix.offset / 4,
      step: matrix.kStride / 4,
      blocks,
      span,
      parts,
    };
    const step = (y: Slot): WebgpuStep =>
      multiplyAcross({ label })({ ...words, x: x.slot, matrix: matrix.slot, y }, { workgroups: blocks * parts });
    return { parts, step };
  }
  return null;
};
