import {
  finishFunction,
  sumPartsStep,
  type WebgpuActivation,
  type WebgpuBias,
} from "../../backends/webgpu/epilogue.wgsl.ts";
import { shaders } from "../../backends/webgpu/shaders.ts";
import {
  formFor,
  threadsOf,
  tileDeclarations,
  tileEnd,
  tileLoop,
  tileStart,
  type Form,
  type Runs,
  type TilePlan,
  type TileText,
} from "../../backends/webgpu/tiles.wgsl.ts";
import { walkMembers, walkOf, walkTo } from "../../backends/webgpu/walk.wgsl.ts";
import type { Plan, Planner, Slot, WebgpuStep } from "../../op.ts";
import { broadcastStrides, numel, type Layout } from "../../shape.ts";
import type { ActivatedLinearSignature, LinearSignature, MatmulSignature } from "./matmul.ts";
import { plainLoads, testedLoads, type Access } from "./tile-loads.wgsl.ts";
import { choosePlan, type Choice } from "./tile-plans.ts";

/** One operand: strides in elements from row to row of A (column to column of B), from k to k, and of the batch dims. */
interface Operand {
  readonly slot: Slot;
  readonly across: number;
  readonly along: number;
  readonly batch: readonly number[];
  readonly offset: number;
}

/** C[batch] = f(A[batch] · B[batch] + bias), C contiguous. */
export interface WebgpuProduct {
  readonly label: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: readonly number[];
  readonly a: Operand;
  readonly b: Operand;
  readonly out: Slot;
  readonly bias: WebgpuBias | null;
  readonly pre: Slot | null;
  readonly activation: WebgpuActivation;
}

/**
 * C[z] = f(A[z] · B[z] + bias), [m, k] · [k, n] → [m, n] for each batch entry z: see backends/webgpu/tiles.wgsl.ts. A workgroup computes a
 * tile of C over `kPart` of k; with several parts, each goes to a slice of its own and `sumShader` adds them.
 */
const productShader = shaders(
  (
    label: string,
    plan: TilePlan,
    form: Form,
    runsA: Runs,
    runsB: Runs,
    access: Access,
    rank: number,
    activation: WebgpuActivation,
    bias: boolean,
    pre: boolean,
  ) => {
    const runs = { A: runsA, B: runsB };
    const { functions, ...loads } =
      access === "exact" || access === "edges"
        ? plainLoads(plan, runs, access === "edges")
        : testedLoads(plan, form, runs, access);
    const text: TileText = { plan, form, runs, ...loads, one: "min(w.tiles, 1u)" };
    const whole = access !== "scalar";
    const element = whole ? "vec4<f32>" : "f32";
    const store = (row: string, column: string, value: string): string => {
      if (whole) {
        const body = [
          `let at = (outStart + ${row} * w.n + ${column}) / 4u; var v = ${value};`,
          ...(bias ? [`v += biases[(w.bias + ${column}) / 4u];`] : []),
          ...(pre ? ["pres[at] = v;"] : []),
          "outs[at] = finish(v);",
        ].join(" ");
        return access === "exact" ? `{ ${body} }` : `if (${row} < w.m && ${column} < w.n) { ${body} }`;
      }
      return `put(${row}, ${column}, ${value}, outStart);`;
    };
    const binding = { count: 2 };
    const next = (): number => ++binding.count;
    return {
      label,
      wgsl: /* wgsl */ `
struct Words {
  tiles: u32, tilesM: u32, tilesN: u32, m: u32, n: u32, k: u32, kPart: u32, parts: u32, bias: u32,
  aAcross: u32, aAlong: u32, bAcross: u32, bAlong: u32, ${walkMembers(rank, ["a", "b"])}
}
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> aValues: array<${element}>;
@group(0) @binding(2) var<storage, read> bValues: array<${element}>;
${bias ? `@group(0) @binding(${next()}) var<storage, read> biases: array<${element}>;` : ""}
@group(0) @binding(${next()}) var<storage, read_write> outs: array<${element}>;
${pre ? `@group(0) @binding(${next()}) var<storage, read_write> pres: array<${element}>;` : ""}
${tileDeclarations(text)}
${finishFunction(activation)}
${functions}
${
  whole
    ? ""
    : `fn put(row: u32, column: u32, sums: vec4<f32>, outStart: u32) {
  var v = sums;
  for (var i = 0u; i < 4u; i++) {
    if (row >= w.m || column + i >= w.n) { continue; }
    let at = outStart + row * w.n + column + i;
    ${bias ? "v[i] += biases[w.bias + column + i];" : ""}
    ${pre ? "pres[at] = v[i];" : ""}
    outs[at] = finish(v)[i];
  }
}`
}

@compute @workgroup_size(${threadsOf(plan)})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = group.x + group.y * groups.x;
  if (tile >= w.tiles) { return; }
  let row0 = tile % w.tilesM * ${plan.bm}u;
  let column0 = tile / w.tilesM % w.tilesN * ${plan.bn}u;
  let matrix = tile / (w.tilesM * w.tilesN);
  let part = matrix % w.parts;
  let entry = matrix / w.parts;
  ${walkTo(rank, ["a", "b"], "entry")}
  let aStart = aAt;
  let bStart = bAt;
  let outStart = matrix * w.m * w.n;
  let kStart = min(part * w.kPart, w.k);
  let kEnd = min(kStart + w.kPart, w.k);
  ${tileStart(text)}
  ${tileLoop(text, `(kEnd - kStart + ${plan.bk - 1}u) / ${plan.bk}u`)}
  ${tileEnd(text, (row, column, value) => store(`(row0 + ${row})`, `(column0 + ${column})`, value))}
}`,
    };
  },
);

/** The same product with as few batch dims as possible: the innermost dims become part of M where B does not depend on them. */
const folded = (product: WebgpuProduct): WebgpuProduct => {
  let { m } = product;
  let { across } = product.a;
  const batch = [...product.batch];
  for (let d = batch.length - 1; d >= 0; d--) {
    const size = batch[d]!;
    const step = product.a.batch[d]!;
    if (size !== 1 && (product.b.batch[d] !== 0 || (m !== 1 && step !== m * across))) break;
    if (size !== 1) {
      if (m === 1) across = step;
      m *= size;
    }
    batch.pop();
  }
  const kept = batch.length;
  return {
    ...product,
    m,
    batch,
    a: { ...product.a, across, batch: product.a.batch.slice(0, kept) },
    b: { ...product.b, batch: product.b.batch.slice(0, kept) },
  };
};

/** Which way memory runs, and whether vec4s can be read. Where a dim has one element its stride does not matter. */
const runsOf = (
  { across, along, batch, offset }: Operand,
  extent: number,
  k: number,
): { runs: Runs; vectors: boolean } => {
  const runs = along === 1 || k === 1 ? "along" : across === 1 || extent === 1 ? "across" : "along";
  const [step, size] = runs === "along" ? [across, k] : [along, extent];
  const one = runs === "along" ? along === 1 : across === 1;
  const vectors = one && [step, size, offset, ...batch].every((each) => each % 4 === 0);
  return { runs, vectors };
};

/** The steps of a product. Tile plans, and into how many parts k is cut, are chosen in tile-plans.ts. */
export const planProduct = (
  given: WebgpuProduct,
  limits: { readonly [name: string]: number },
  forced?: Choice,
): Plan<WebgpuStep> => {
  const product = folded(given);
  const { label, m, n, k, a, b, bias, pre, activation } = product;
  const entries = numel(product.batch);
  const [A, B] = [runsOf(a, m, k), runsOf(b, n, k)];
  const { plan, parts: wanted } = forced ?? choosePlan({ m, n, k, entries }, limits);
  const kPart = wanted === 1 ? k : Math.ceil(k / wanted / plan.bk) * plan.bk;
  // Parts of whole steps may use k up sooner.
  const parts = k === 0 ? 1 : Math.ceil(k / kPart);
  const vectors = A.vectors && B.vectors && n % 4 === 0 && (bias?.offset ?? 0) % 4 === 0;
  const whole = m % plan.bm === 0 && n % plan.bn === 0;
  // Of whole steps, also in the last part; a part may be shorter than others.
  const steps = k % plan.bk === 0 && k > 0;
  const access: Access = !vectors ? "scalar" : !steps ? "vector" : whole ? "exact" : "edges";
  const walk = walkOf(product.batch, [
    { strides: a.batch, offset: a.offset },
    { strides: b.batch, offset: b.offset },
  ]);
  const split = parts > 1;
  const [tilesM, tilesN] = [Math.ceil(m / plan.bm), Math.ceil(n / plan.bn)];
  const workgroups = tilesM * tilesN * entries * parts;
  const [hasBias, hasPre, last] = split ? [false, false, "none" as const] : [bias !== null, pre !== null, activation];
  const tiles: WebgpuStep = {
    shader: productShader(label, plan, formFor(limits), A.runs, B.runs, access, walk.rank, last, hasBias, hasPre),
    bind: [
      a.slot,
      b.slot,
      ...(hasBias ? [bias!.slot] : []),
      split ? { scratch: 0 } : product.out,
      ...(hasPre ? [pre!] : []),
    ],
    words: [
      ...[workgroups, tilesM, tilesN, m, n, k, kPart, parts, bias?.offset ?? 0],
      ...[a.across, a.along, b.across, b.along, ...walk.words],
    ],
    workgroups,
  };
  if (!split) return { steps: [tiles] };
  const size = m * n;
  const sum = sumPartsStep(
    label,
    { entries, parts, size, n },
    { from: { scratch: 0 }, to: product.out, pre, bias },
    activation,
  );
  return { steps: [tiles, sum], scratchBytes: [entries * parts * size * 4] };
};

export const matmulWgsl: Planner<MatmulSignature, WebgpuStep> = {
  strided: "all",
  plan: ({ inputs: [a, b], outputs: [c] }, limits) => {
    const batch = c.shape.slice(0, -2);
    const leading = ({ shape, strides }: Layout) =>
      broadcastStrides({ shape: shape.slice(0, -2), strides: strides.slice(0, -2) }, batch);
    return planProduct(
      {
        label: "matmul",
        m: a.shape.at(-2)!,
        n: b.shape.at(-1)!,
        k: a.shape.at(-1)!,
        batch,
        a: {
          slot: { in: 0 },
          across: a.strides.at(-2)!,
          along: a.strides.at(-1)!,
          batch: leading(a),
          offset: a.offset,
        },
        b: {
          slot: { in: 1 },
          across: b.strides.at(-1)!,
          along: b.strides.at(-2)!,
          batch: leading(b),
          offset: b.offset,
        },
        out: { out: 0 },
        bias: null,
        pre: null,
        activation: "none",
      },
      limits,
    );
  },
};

/** The weight is Bᵀ: its rows are B's columns. All leading dims of x count as batch dims, and mostly fold into M. */
const planLinear = (
  label: string,
  x: Layout,
  weight: Layout,
  bias: Layout | null,
  pre: Layout | null,
  activation: WebgpuActivation,
  limits: { readonly [name: string]: number },
): Plan<WebgpuStep> => {
  const batch = x.shape.slice(0, -1);
  return planProduct(
    {
      label,
      m: 1,
      n: weight.shape[0]!,
      k: weight.shape[1]!,
      batch,
      a: { slot: { in: 0 }, across: 0, along: x.strides.at(-1)!, batch: x.strides.slice(0, -1), offset: x.offset },
      b: {
        slot: { in: 1 },
        across: weight.strides[0]!,
        along: weight.strides[1]!,
        batch: batch.map(() => 0),
        offset: weight.offset,
      },
      out: { out: 0 },
      bias: bias && { slot: { in: 2 }, offset: bias.offset },
      pre: pre && { out: 1 },
      activation,
    },
    limits,
  );
};

export const linearWgsl: Planner<LinearSignature, WebgpuStep> = {
  strided: [0, 1],
  plan: ({ inputs: [x, weight, bias] }, limits) => planLinear("linear", x, weight, bias, null, "none", limits),
};

export const activatedLinearWgsl: Planner<ActivatedLinearSignature, WebgpuStep> = {
  strided: [0, 1],
  plan: ({ inputs: [x, weight, bias], outputs: [, pre], attrs: { activation } }, limits) =>
    planLinear("activatedLinear", x, weight, bias, pre, activation, limits),
};
