import { kernel, read, write } from "../../backends/webgpu/kernel.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { Slot, WebgpuStep } from "../../op.ts";
import { scratch } from "../../slots.ts";
import { across, larger, plus, teamJoin, WORKGROUP } from "./team.wgsl.ts";

/** Workgroups that keep a large GPU busy: up to this many parts are worth a second step. */
const TARGET_GROUPS = 1024;
/** Elements of a part of a row, at least. */
const MIN_ROW_PART = 4096;
/** Rows that an invocation walks down alone, and of a part at least: a second step takes longer than reading so many. */
const MAX_WHOLE_COLUMN = 64;
const MIN_COLUMN_PART = 8;
/** Workgroups that read columns about as fast as any number of them. */
const TARGET_COLUMN_GROUPS = 64;
/** Rows up to so many are left to one invocation for each column, and so are more columns than this. */
const MAX_FEW_ROWS = 16;
const MIN_MANY_COLUMNS = 131072;

/** `max` and `min` of floats compare keys, int32s in the same order with NaN first; every other fold takes the elements themselves. */
export type FoldName = "sum f32" | "sum i32" | "max f32" | "min f32" | "max i32" | "min i32";

interface Fold {
  readonly type: "f32" | "i32";
  readonly neutral: string;
  readonly join: (a: string, b: string) => string;
  /** The key of a NaN, where elements have keys. */
  readonly nan?: string;
}

const MIN_INT32 = "-2147483648";
const MAX_INT32 = "2147483647";
const smaller = (a: string, b: string): string => `min(${a}, ${b})`;
const folds: { readonly [name in FoldName]: Fold } = {
  "sum f32": { type: "f32", neutral: "0.0", join: plus },
  "sum i32": { type: "i32", neutral: "0", join: plus },
  "max f32": { type: "i32", neutral: MIN_INT32, join: larger, nan: MAX_INT32 },
  "min f32": { type: "i32", neutral: MAX_INT32, join: smaller, nan: MIN_INT32 },
  "max i32": { type: "i32", neutral: MIN_INT32, join: larger },
  "min i32": { type: "i32", neutral: MAX_INT32, join: smaller },
};

/**
 * `keyOf` the bits of floats, as int32s in the floats' order: negative ones, whose order is the other way round, have their bits below
 * the sign flipped. Flipping again leads back, and both ends of the range are NaN.
 */
export const keyText = (nan: string, wide: boolean): string => {
  const type = wide ? "vec4<i32>" : "i32";
  return /* wgsl */ `
fn keyOf(bits: ${type}) -> ${type} {
  let key = bits ^ ((bits >> ${wide ? "vec4<u32>" : "u32"}(31)) & ${type}(0x7fffffff));
  return select(key, ${type}(${nan}), (bits & ${type}(0x7fffffff)) > ${type}(0x7f800000));
}`;
};
const bitsText = (type: string): string => /* wgsl */ `
fn bitsOf(key: ${type}) -> ${type} { return key ^ ((key >> ${type === "i32" ? "u32" : "vec4<u32>"}(31)) & ${type}(0x7fffffff)); }`;

interface FoldChoices {
  readonly name: FoldName;
  readonly wide: boolean;
}

const opOf = (name: FoldName): string => (name.startsWith("sum") ? "sum" : `a${name.slice(0, 3)}`);

/**
 * y[row, part] = fold of x[row, k] over the part's k. A team of `lanes` neighbours folds one part: four loads on their way at a time,
 * the invocations side by side, then their results in a fixed order. `wide`: words of x are vec4s, the last may be incomplete.
 */
const foldRows = variants(({ name, wide, lanes }: FoldChoices & { readonly lanes: number }) => {
  const { type, neutral, join, nan } = folds[name];
  const word = wide ? `vec4<${type}>` : type;
  const enter = (value: string): string => (nan ? `keyOf(${value})` : value);
  const load = (k: string): string => enter(`x[base + ${k}]`);
  return kernel(
    {
      name: opOf(name),
      workgroup: WORKGROUP,
      words: { xStart: "u32", rowStep: "u32", n: "u32", span: "u32", parts: "u32", units: "u32" },
      bind: { x: read(word), y: write(type) },
    },
    (k) => /* wgsl */ `
${nan ? keyText(nan, wide) + bitsText(type) : ""}
${teamJoin("joined", type, lanes, join)}

${k.main} {
  let unit = (${k.group}) * ${WORKGROUP / lanes}u + lane / ${lanes}u;
  let member = lane % ${lanes}u;
  let mine = unit < w.units;
  let part = unit % w.parts;
  let base = w.xStart + (unit / w.parts) * w.rowStep;
  let end = select(0u, min((part + 1u) * w.span, ${wide ? "w.n / 4u" : "w.n"}), mine);
  var a = ${word}(${neutral}); var b = a; var c = a; var d = a;
  var k = part * w.span + member;
  for (; k + ${3 * lanes}u < end; k += ${4 * lanes}u) {
    a = ${join("a", load("k"))};
    b = ${join("b", load(`k + ${lanes}u`))};
    c = ${join("c", load(`k + ${2 * lanes}u`))};
    d = ${join("d", load(`k + ${3 * lanes}u`))};
  }
  for (; k < end; k += ${lanes}u) { a = ${join("a", load("k"))}; }
  ${
    wide
      ? /* wgsl */ `
  if (mine && member == 0u && part == w.parts - 1u && w.n % 4u != 0u) {
    let last = ${load("w.n / 4u")};
    b = ${join("b", `select(${word}(${neutral}), last, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(w.n % 4u))`)};
  }`
      : ""
  }
  let all = ${join(join("a", "b"), join("c", "d"))};
  let total = joined(${across(wide, "all", join)}, lane);
  if (mine && member == 0u) { y[unit] = ${nan ? "bitsOf(total)" : "total"}; }
}`,
  );
});

/**
 * y[o, part, i] = fold of x[o, k, i] over the part's k. `width` neighbours take neighbouring columns, counted over o and i; the
 * workgroup's other rows of invocations take other k, and their results are joined in a fixed order.
 */
const foldColumns = variants(({ name, wide, width }: FoldChoices & { readonly width: number }) => {
  const { type, neutral, join, nan } = folds[name];
  const word = wide ? `vec4<${type}>` : type;
  const rows = WORKGROUP / width;
  const load = (k: number): string => {
    const value = `x[at + ${k}u * step]`;
    return nan ? `keyOf(${value})` : value;
  };
  return kernel(
    {
      name: opOf(name),
      workgroup: WORKGROUP,
      words: {
        xStart: "u32",
        outerStep: "u32",
        nStep: "u32",
        inner: "u32",
        n: "u32",
        span: "u32",
        parts: "u32",
        columns: "u32",
        blocks: "u32",
      },
      bind: { x: read(word), y: write(word) },
    },
    (k) => /* wgsl */ `
${nan ? keyText(nan, wide) + bitsText(word) : ""}
${teamJoin("joined", word, rows, join, true)}

${k.main} {
  let unit = ${k.group};
  let part = unit / w.blocks;
  let column = (unit % w.blocks) * ${width}u + lane % ${width}u;
  let outer = column / w.inner;
  let i = column % w.inner;
  let mine = column < w.columns && part < w.parts;
  let end = select(0u, min((part + 1u) * w.span, w.n), mine);
  let step = ${rows}u * w.nStep;
  var a = ${word}(${neutral}); var b = a; var c = a; var d = a;
  var k = part * w.span + lane / ${width}u;
  var at = w.xStart + outer * w.outerStep + i + k * w.nStep;
  for (; k + ${3 * rows}u < end; k += ${4 * rows}u) {
    a = ${join("a", load(0))};
    b = ${join("b", load(1))};
    c = ${join("c", load(2))};
    d = ${join("d", load(3))};
    at += 4u * step;
  }
  for (; k < end; k += ${rows}u) {
    a = ${join("a", load(0))};
    at += step;
  }
  let total = joined(${join(join("a", "b"), join("c", "d"))}, lane);
  if (mine && lane < ${width}u) { y[(outer * w.parts + part) * w.inner + i] = ${nan ? "bitsOf(total)" : "total"}; }
}`,
  );
});

/** Elements `start + o · outerStep + k · nStep + i` of a tensor or of scratch, to be folded over k < n for each o < outer, i < inner. */
export interface Lines {
  readonly slot: Slot;
  readonly start: number;
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly outerStep: number;
  readonly nStep: number;
}

/** Contiguous [outer, n, inner]. */
export const wholeLines = (slot: Slot, outer: number, n: number, inner: number, start = 0): Lines => ({
  slot,
  start,
  outer,
  n,
  inner,
  outerStep: n * inner,
  nStep: inner,
});

/** Whether neighbouring elements of a line are neighbours in memory: then a team shares a line. */
export const inRows = ({ inner, nStep, n }: Lines): boolean => inner === 1 && (nStep === 1 || n <= 1);

/** Parts of about equal length, whole multiples of `unit`. */
const cut = (n: number, parts: number, unit: number): { readonly span: number; readonly parts: number } => {
  const span = Math.max(1, Math.ceil(n / Math.max(parts, 1) / unit) * unit);
  return { span, parts: Math.max(1, Math.ceil(n / span)) };
};

const rowsStep = (name: FoldName, x: Lines, to: Slot, whole: boolean): { step: WebgpuStep; parts: number } => {
  const { slot, start, outer, outerStep, n } = x;
  const wide = n >= 4 && start % 4 === 0 && (outer === 1 || outerStep % 4 === 0);
  const width = wide ? 4 : 1;
  const each = wide ? 16 : 8;
  const lanes = [1, 4, 16, 64].find((size) => n <= size * each) ?? WORKGROUP;
  const max =
    whole || n < 4 * MIN_ROW_PART ? 1 : Math.min(Math.ceil(n / MIN_ROW_PART), Math.ceil(TARGET_GROUPS / outer));
  const { span, parts } = cut(Math.floor(n / width), max, lanes);
  const [xStart, rowStep] = [start / width, outer === 1 ? 0 : outerStep / width];
  const step = foldRows({ name, wide, lanes })(
    { x: slot, y: to, xStart, rowStep, n, span, parts, units: outer * parts },
    { workgroups: Math.ceil((outer * parts * lanes) / WORKGROUP) },
  );
  return { step, parts };
};

const columnsStep = (name: FoldName, x: Lines, to: Slot, whole: boolean): { step: WebgpuStep; parts: number } => {
  const { slot, start, outer, outerStep, n, nStep, inner } = x;
  const wide = [start, inner, nStep, outer === 1 ? 0 : outerStep].every((size) => size % 4 === 0);
  const each = wide ? 4 : 1;
  const columns = (outer * inner) / each;
  // Narrow ones still read whole sectors of 32 bytes.
  const widths = wide ? [32, 8, 2] : [32, 8];
  const width =
    n <= MAX_FEW_ROWS || columns >= MIN_MANY_COLUMNS
      ? WORKGROUP
      : (widths.find((size) => columns >= size * TARGET_COLUMN_GROUPS) ?? widths.at(-1)!);
  const blocks = Math.ceil(columns / width);
  const rows = WORKGROUP / width;
  const max =
    whole || n <= rows * MAX_WHOLE_COLUMN
      ? 1
      : Math.min(Math.floor(n / (rows * MIN_COLUMN_PART)), Math.ceil(TARGET_GROUPS / blocks));
  const { span, parts } = cut(n, max, rows);
  const step = foldColumns({ name, wide, width })(
    {
      x: slot,
      y: to,
      xStart: start / each,
      outerStep: outer === 1 ? 0 : outerStep / each,
      nStep: nStep / each,
      inner: inner / each,
      n,
      span,
      parts,
      columns,
      blocks,
    },
    { workgroups: blocks * parts },
  );
  return { step, parts };
};

/** The step that folds all of each line, as [outer, inner]. */
export const foldStep = (name: FoldName, x: Lines, to: Slot): WebgpuStep =>
  (inRows(x) ? rowsStep : columnsStep)(name, x, to, true).step;

/** The same for lines of any length: long ones in parts, which go to the scratch region `region` and are folded by a second step. */
export const foldSteps = (
  name: FoldName,
  x: Lines,
  to: Slot,
  region: number,
): { readonly steps: readonly WebgpuStep[]; readonly scratchBytes: readonly number[] } => {
  const make = inRows(x) ? rowsStep : columnsStep;
  const partials = scratch(region);
  const first = make(name, x, partials, false);
  if (first.parts === 1) return { steps: [make(name, x, to, true).step], scratchBytes: [] };
  const { outer, inner } = x;
  return {
    steps: [first.step, foldStep(name, wholeLines(partials, outer, first.parts, inner), to)],
    scratchBytes: [outer * first.parts * inner * 4],
  };
};
