import { numel, type Layout, type Plan, type Planner, type Slot, type WebgpuStep } from "@tessera/tensor";
import {
  finishFunction,
  formFor,
  shaders,
  sumPartsStep,
  threadsOf,
  tileDeclarations,
  tileEnd,
  tileLoop,
  tileStart,
  type Form,
  type TileText,
  type WebgpuActivation,
} from "@tessera/tensor/webgpu";
import type { MatrixAttrs } from "../../block-index.ts";
import type {
  ActivatedBlockSparseLinearSignature,
  BlockSparseLinearSignature,
  DdsSignature,
  SddSignature,
} from "./block-matmul.ts";
import { blockPlan, linePlan, partsOf } from "./block-plans.ts";

type Limits = { readonly [name: string]: number };

/**
 * How the dense factors are read. exact: vec4s without a test, since tokens and features fill whole tiles and blocks; vector: vec4s, zeros
 * outside; scalar: element by element.
 */
type Access = "exact" | "vector" | "scalar";

/** Four features of a token from feature `at` on, of the rows `name` that are `width` wide; 0 outside of [tokens, width]. */
const featuresFunction = (name: string, form: Form, access: Access): string => {
  const array = `${name}Values`;
  const body = {
    exact: `return ${array}[(w.${name}Start + token * width + at) / 4u];`,
    vector: `if (token >= w.tokens || at >= width) { return vec4<f32>(); }
  return ${array}[(w.${name}Start + token * width + at) / 4u];`,
    scalar: `var v = vec4<f32>();
  ${(form === "rolled" ? ["j"] : ["0u", "1u", "2u", "3u"])
    .map(
      (i) => `{ let i = ${i}; let inside = token < w.tokens && at + i < width;
    v[i] = select(0.0, ${array}[select(w.${name}Start, w.${name}Start + token * width + at + i, inside)], inside); }`,
    )
    .map((line) => (form === "rolled" ? `for (var j = 0u; j < 4u; j++) ${line}` : line))
    .join("\n  ")}
  return v;`,
  }[access];
  return `fn ${name}At(token: u32, at: u32, width: u32) -> vec4<f32> {\n  ${body}\n}`;
};

const element = (access: Access): string => (access === "scalar" ? "f32" : "vec4<f32>");

/**
 * y = f(x Wᵀ + bias), or dx = dy W: for each token and each feature of a line, the sum over the line's stored blocks. A line is a row of
 * blocks for the first, a column for the second (`turned`), which also finds its blocks by a permutation.
 *
 * A workgroup computes bm tokens of one line, in steps of bk within a block; see tiles.wgsl.ts of tensor. x [tokens, from],
 * values [n, b, b], y [tokens, to].
 */
const lineShader = shaders(
  (
    label: string,
    blockSize: number,
    form: Form,
    access: Access,
    turned: boolean,
    activation: WebgpuActivation,
    bias: boolean,
    pre: boolean,
  ) => {
    const plan = linePlan(blockSize, turned);
    const perBlock = blockSize / plan.bk;
    const area = blockSize * blockSize;
    const text: TileText = {
      plan,
      form,
      // A row of a block runs along `in`: along k for x Wᵀ, across for dy W.
      runs: { A: "along", B: turned ? "across" : "along" },
      prepare: `let n = first + at / ${perBlock}u; let kBlock = (at % ${perBlock}u) * ${plan.bk}u;
    let column = u32(indices[w.indices + n]) * ${blockSize}u; let block = ${turned ? "u32(permutation[w.permutation + n])" : "n"};`,
      load: (operand, across, k) =>
        operand === "A"
          ? `xAt(token0 + ${across}, column + kBlock + ${k}, w.from_)`
          : `values[(w.values + block * ${area}u + ${turned ? `(kBlock + ${k}) * ${blockSize}u + ${across}` : `(${across}) * ${blockSize}u + kBlock + ${k}`}) / 4u]`,
    };
    const store = (row: string, column: string, value: string): string => {
      if (access === "scalar") return `put(token0 + ${row}, feature0 + ${column}, ${value});`;
      const body = [
        `let place = (token * w.to + feature) / 4u; var v = ${value};`,
        ...(bias ? ["v += biases[(w.bias + feature) / 4u];"] : []),
        ...(pre ? ["pres[place] = v;"] : []),
        "ys[place] = finish(v);",
      ].join(" ");
      const test = access === "exact" ? "" : "if (token < w.tokens && feature < w.to) ";
      return `{ let token = token0 + ${row}; let feature = feature0 + ${column}; ${test}{ ${body} } }`;
    };
    let binding = turned ? 5 : 4;
    const biasAt = bias ? ++binding : 0;
    const yAt = ++binding;
    const preAt = pre ? binding + 1 : 0;
    return {
      label,
      wgsl: /* wgsl */ `
struct Words {
  tokens: u32, from_: u32, to: u32, xStart: u32, values: u32, pointers: u32, indices: u32, permutation: u32, bias: u32,
}
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> xValues: array<${element(access)}>;
@group(0) @binding(2) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> pointers: array<i32>;
@group(0) @binding(4) var<storage, read> indices: array<i32>;
${turned ? "@group(0) @binding(5) var<storage, read> permutation: array<i32>;" : ""}
${bias ? `@group(0) @binding(${biasAt}) var<storage, read> biases: array<${element(access)}>;` : ""}
@group(0) @binding(${yAt}) var<storage, read_write> ys: array<${element(access)}>;
${pre ? `@group(0) @binding(${preAt}) var<storage, read_write> pres: array<${element(access)}>;` : ""}
${tileDeclarations(text)}
${finishFunction(activation)}
${featuresFunction("x", form, access)}
${
  access === "scalar"
    ? `fn put(token: u32, feature: u32, sums: vec4<f32>) {
  var v = sums;
  for (var i = 0u; i < 4u; i++) {
    if (token >= w.tokens || feature + i >= w.to) { continue; }
    let place = token * w.to + feature + i;
    ${bias ? "v[i] += biases[w.bias + feature + i];" : ""}
    ${pre ? "pres[place] = v[i];" : ""}
    ys[place] = finish(v)[i];
  }
}`
    : ""
}

@compute @workgroup_size(${threadsOf(plan)})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let token0 = group.x * ${plan.bm}u;
  let line = group.y;
  let feature0 = line * ${blockSize}u;
  let first = u32(pointers[w.pointers + line]);
  let blocks = u32(pointers[w.pointers + line + 1u]) - first;
  ${tileStart(text)}
  ${tileLoop(text, `blocks * ${perBlock}u`)}
  ${tileEnd(text, store)}
}`,
    };
  },
);

/** dValues[n] = Σ_t dy[t, row n]ᵀ x[t, column n] over a part of the tokens. A workgroup computes one block, or several small ones. */
const blockShader = shaders((blockSize: number, form: Form, access: Access) => {
  const plan = blockPlan(blockSize);
  const b = blockSize;
  const count = plan.diagonal ?? 1;
  const area = b * b;
  const feature = (index: string, across: string): string =>
    `u32(${index}[w.${index} + min(block0 + (${across}) / ${b}u, w.blocks - 1u)]) * ${b}u + (${across}) % ${b}u`;
  // What sticks out of the matrix is 0, also where what it would be a product of is not finite.
  const ragged = access !== "exact";
  const inside = (row: string, column: string, value: string): string =>
    ragged ? `inside(${value}, ${feature("rows", row)}, ${feature("columns", column)})` : value;
  const text: TileText = {
    plan,
    form,
    runs: { A: "across", B: "across" },
    load: (operand, across, k) =>
      operand === "A"
        ? `dyAt(token0 + at * ${plan.bk}u + ${k}, ${feature("rows", across)}, w.outputs)`
        : `xAt(token0 + at * ${plan.bk}u + ${k}, ${feature("columns", across)}, w.inputs)`,
  };
  // The tokens of a part end inside a step only where the last part does, and there everything beyond is read as 0.
  return {
    label: "sdd",
    wgsl: /* wgsl */ `
struct Words {
  tokens: u32, part: u32, blocks: u32, outputs: u32, inputs: u32, dyStart: u32, xStart: u32, rows: u32, columns: u32,
}
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> dyValues: array<${element(access)}>;
@group(0) @binding(2) var<storage, read> xValues: array<${element(access)}>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read> columns: array<i32>;
@group(0) @binding(5) var<storage, read_write> dValues: array<vec4<f32>>;
${tileDeclarations(text)}
${featuresFunction("dy", form, access)}
${featuresFunction("x", form, access)}
${
  ragged
    ? /* wgsl */ `
fn inside(v: vec4<f32>, output: u32, input: u32) -> vec4<f32> {
  return select(vec4<f32>(), v, (vec4<u32>(input) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(w.inputs)) & vec4<bool>(output < w.outputs));
}`
    : ""
}

@compute @workgroup_size(${threadsOf(plan)})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let block0 = group.x * ${count}u;
  let token0 = group.y * w.part;
  let tokens = select(0u, min(w.part, w.tokens - token0), token0 < w.tokens);
  ${tileStart(text)}
  ${tileLoop(text, `(tokens + ${plan.bk - 1}u) / ${plan.bk}u`)}
  ${tileEnd(text, (row, column, value) =>
    count === 1
      ? `dValues[((group.y * w.blocks + block0) * ${area}u + ${row} * ${b}u + ${column}) / 4u] = ${inside(row, column, value)};`
      : `{ let n = block0 + ${row} / ${b}u; if (n < w.blocks) { dValues[((group.y * w.blocks + n) * ${area}u + ${row} % ${b}u * ${b}u + ${column} % ${b}u) / 4u] = ${inside(row, column, value)}; } }`,
  )}
}`,
  };
});

const ROWS_WORKGROUP = 256;

/** The row of each block: rows[n] = r where pointers[r] ≤ n < pointers[r + 1]. An invocation writes the blocks of one row. */
const rowsShader = shaders(() => ({
  label: "sdd",
  wgsl: /* wgsl */ `
struct Words { lines: u32, pointers: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> pointers: array<i32>;
@group(0) @binding(2) var<storage, read_write> rows: array<u32>;

@compute @workgroup_size(${ROWS_WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= w.lines) { return; }
  for (var n = u32(pointers[w.pointers + id.x]); n < u32(pointers[w.pointers + id.x + 1u]); n++) { rows[n] = id.x; }
}`,
}));

const tokensOf = (x: Layout): number => numel(x.shape.slice(0, -1));

/** How factors of these widths can be read. `whole`: tokens fill the tiles. */
const accessOf = (widths: readonly number[], offsets: readonly number[], blockSize: number, whole: boolean): Access => {
  if ([...widths, ...offsets].some((n) => n % 4 !== 0)) return "scalar";
  return whole && widths.every((width) => width % blockSize === 0) ? "exact" : "vector";
};

interface Line {
  readonly label: string;
  readonly attrs: MatrixAttrs;
  readonly x: Layout;
  readonly values: Layout;
  readonly pointers: { readonly slot: Slot; readonly layout: Layout };
  readonly indices: { readonly slot: Slot; readonly layout: Layout };
  readonly permutation: { readonly slot: Slot; readonly layout: Layout } | null;
  readonly bias: Layout | null;
  readonly pre: Layout | null;
  readonly activation: WebgpuActivation;
}

const planLines = (product: Line, limits: Limits): Plan<WebgpuStep> => {
  const { label, attrs, x, values, pointers, indices, permutation, bias, pre, activation } = product;
  const { blockSize, shape } = attrs;
  const turned = permutation !== null;
  const [to, from] = turned ? [shape[1], shape[0]] : [shape[0], shape[1]];
  const tokens = tokensOf(x);
  const plan = linePlan(blockSize, turned);
  const offsets = [x.offset, bias?.offset ?? 0];
  const access = accessOf([from, to], offsets, blockSize, tokens % plan.bm === 0);
  return {
    steps: [
      {
        shader: lineShader(label, blockSize, formFor(limits), access, turned, activation, bias !== null, pre !== null),
        bind: [
          { in: 0 },
          { in: 1 },
          pointers.slot,
          indices.slot,
          ...(permutation ? [permutation.slot] : []),
          ...(bias ? [{ in: 2 }] : []),
          { out: 0 },
          ...(pre ? [{ out: 1 }] : []),
        ],
        words: [
          ...[tokens, from, to, x.offset, values.offset],
          ...[pointers.layout.offset, indices.layout.offset, permutation?.layout.offset ?? 0, bias?.offset ?? 0],
        ],
        workgroups: [Math.ceil(tokens / plan.bm), Math.ceil(to / blockSize), 1],
      },
    ],
  };
};

type LinearInputs = readonly [
  x: Layout,
  values: Layout,
  bias: Layout | null,
  crow: Layout,
  col: Layout,
  ...rest: Layout[],
];

const planLinear = (
  label: string,
  [x, values, bias, crow, col]: LinearInputs,
  pre: Layout | null,
  attrs: MatrixAttrs,
  activation: WebgpuActivation,
  limits: Limits,
): Plan<WebgpuStep> => {
  const pointers = { slot: { in: 3 }, layout: crow };
  const indices = { slot: { in: 4 }, layout: col };
  return planLines({ label, attrs, x, values, pointers, indices, permutation: null, bias, pre, activation }, limits);
};

export const blockSparseLinearWgsl: Planner<BlockSparseLinearSignature, WebgpuStep> = {
  plan: ({ inputs, attrs }, limits) => planLinear("blockSparseLinear", inputs, null, attrs, "none", limits),
};

export const activatedBlockSparseLinearWgsl: Planner<ActivatedBlockSparseLinearSignature, WebgpuStep> = {
  plan: ({ inputs, outputs: [, pre], attrs }, limits) =>
    planLinear("activatedBlockSparseLinear", inputs, pre, attrs, attrs.activation, limits),
};

export const ddsWgsl: Planner<DdsSignature, WebgpuStep> = {
  plan: ({ inputs: [x, values, , , ccol, row, permutation], attrs }, limits) =>
    planLines(
      {
        label: "dds",
        attrs,
        x,
        values,
        pointers: { slot: { in: 4 }, layout: ccol },
        indices: { slot: { in: 5 }, layout: row },
        permutation: { slot: { in: 6 }, layout: permutation },
        bias: null,
        pre: null,
        activation: "none",
      },
      limits,
    ),
};

export const sddWgsl: Planner<SddSignature, WebgpuStep> = {
  plan: ({ inputs: [dy, x, crow, col], attrs: { shape, blockSize } }, limits) => {
    const tokens = tokensOf(dy);
    const blocks = col.shape[0]!;
    const plan = blockPlan(blockSize);
    const groups = Math.ceil(blocks / (plan.diagonal ?? 1));
    const parts = partsOf(tokens, groups);
    const part = Math.ceil(tokens / parts / plan.bk) * plan.bk;
    const access = accessOf(shape, [dy.offset, x.offset], blockSize, tokens % plan.bk === 0);
    const rows = { scratch: 0 };
    const split = parts > 1;
    const size = blocks * blockSize * blockSize;
    const lines = crow.shape[0]! - 1;
    const steps: WebgpuStep[] = [
      {
        shader: rowsShader(),
        bind: [{ in: 2 }, rows],
        words: [lines, crow.offset],
        workgroups: Math.ceil(lines / ROWS_WORKGROUP),
      },
      {
        shader: blockShader(blockSize, formFor(limits), access),
        bind: [{ in: 0 }, { in: 1 }, rows, { in: 3 }, split ? { scratch: 1 } : { out: 0 }],
        words: [tokens, part, blocks, shape[0], shape[1], dy.offset, x.offset, 0, col.offset],
        workgroups: [groups, parts, 1],
      },
    ];
    const slots = { from: { scratch: 1 }, to: { out: 0 }, pre: null, bias: null };
    if (split) steps.push(sumPartsStep("sdd", { entries: 1, parts, size, n: blockSize }, slots, "none"));
    return { steps, scratchBytes: [blocks * 4, ...(split ? [size * parts * 4] : [])] };
  },
};
