import { numel, type Layout, type Plan, type Planner, type Slot, type WebgpuStep } from "@tessera/tensor";
import { formFor, sumPartsStep, type WebgpuActivation } from "@tessera/tensor/webgpu";
import type { MatrixAttrs } from "../../block-index.ts";
import type {
  ActivatedBlockSparseLinearSignature,
  BlockSparseLinearSignature,
  DdsSignature,
  SddSignature,
} from "./block-matmul.ts";
import { blockPlan, linePlan, partsOf } from "./block-plans.ts";
import { blockShader, COPY_WORKGROUP, copyShader, lineShader, type Access } from "./block-shaders.wgsl.ts";

type Limits = { readonly [name: string]: number };

const tokensOf = (x: Layout): number => numel(x.shape.slice(0, -1));

/** How factors of these widths can be read, when only the features matter. */
const accessOf = (
  widths: readonly number[],
  offsets: readonly number[],
  blockSize: number,
): Exclude<Access, "edges"> => {
  if ([...widths, ...offsets].some((n) => n % 4 !== 0)) return "scalar";
  return widths.every((width) => width % blockSize === 0) ? "exact" : "vector";
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
  const permuted = permutation !== null;
  const [to, from] = permuted ? [shape[1], shape[0]] : [shape[0], shape[1]];
  const tokens = tokensOf(x);
  const blocks = indices.layout.shape[0]!;
  // vec4s of values begin at whole ones.
  const copy = blocks > 0 && values.offset % 4 !== 0;
  const runs = permuted ? "across" : "along";
  const count = Math.ceil(to / blockSize);
  const plan = linePlan(blockSize, runs, tokens, count, limits);
  const offsets = [x.offset, bias?.offset ?? 0];
  const features = accessOf([from, to], offsets, blockSize);
  const access = features === "exact" && tokens % plan.bm !== 0 ? "edges" : features;
  const size = blocks * blockSize ** 2;
  const tiles = Math.ceil(tokens / plan.bm);
  const lines: WebgpuStep = {
    shader: lineShader(
      ...([label, blockSize, plan, formFor(limits), access, permuted, runs] as const),
      ...([activation, bias !== null, pre !== null] as const),
    ),
    bind: [
      { in: 0 },
      copy ? { scratch: 0 } : { in: 1 },
      pointers.slot,
      indices.slot,
      ...(permutation ? [permutation.slot] : []),
      ...(bias ? [{ in: 2 }] : []),
      { out: 0 },
      ...(pre ? [{ out: 1 }] : []),
    ],
    words: [
      ...[count, tokens, from, to, x.offset, copy ? 0 : values.offset],
      ...[pointers.layout.offset, indices.layout.offset, permutation?.layout.offset ?? 0, bias?.offset ?? 0],
    ],
    workgroups: tiles * count,
  };
  if (!copy) return { steps: [lines] };
  const copied: WebgpuStep = {
    shader: copyShader(label),
    bind: [{ in: 1 }, { scratch: 0 }],
    words: [size, values.offset],
    workgroups: Math.ceil(size / COPY_WORKGROUP),
  };
  return { steps: [copied, lines], scratchBytes: [size * 4] };
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
    const lines = crow.shape[0]! - 1;
    const plan = blockPlan(blockSize, blocks / Math.max(1, lines));
    const together = plan.bn / blockSize;
    const perLine = Math.ceil(Math.ceil(shape[1] / blockSize) / together);
    // Rows of equal population, since only their sum is known here.
    const wanted = partsOf(tokens, lines * Math.ceil(blocks / Math.max(1, lines) / together));
    const part = Math.ceil(tokens / wanted / plan.bk) * plan.bk;
    // Parts of whole steps may use the tokens up sooner.
    const parts = tokens === 0 ? 1 : Math.ceil(tokens / part);
    const features = accessOf(shape, [dy.offset, x.offset], blockSize);
    const access = features === "exact" && tokens % plan.bk !== 0 ? "vector" : features;
    const split = parts > 1;
    const size = blocks * blockSize * blockSize;
    const groups = lines * perLine;
    const steps: WebgpuStep[] = [
      {
        shader: blockShader(blockSize, plan, formFor(limits), access),
        bind: [{ in: 0 }, { in: 1 }, { in: 2 }, { in: 3 }, split ? { scratch: 0 } : { out: 0 }],
        words: [
          ...[groups, perLine, parts, tokens, part, blocks, shape[0], shape[1]],
          ...[dy.offset, x.offset, crow.offset, col.offset],
        ],
        workgroups: blocks === 0 ? 0 : groups * parts,
      },
    ];
    const slots = { from: { scratch: 0 }, to: { out: 0 }, pre: null, bias: null };
    if (split) steps.push(sumPartsStep("sdd", { entries: 1, parts, size, n: blockSize }, slots, "none"));
    return { steps, ...(split ? { scratchBytes: [size * parts * 4] } : {}) };
  },
};
