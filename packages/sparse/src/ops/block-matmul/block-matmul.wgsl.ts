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
import {
  blockShader,
  COPY_WORKGROUP,
  copyShader,
  lineShader,
  ROWS_WORKGROUP,
  rowsShader,
  type Access,
} from "./block-shaders.wgsl.ts";

type Limits = { readonly [name: string]: number };

/** Tokens from which on turning the blocks first is faster: a second dispatch costs a few microseconds. */
const TURNED_FROM = 1024;

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
  const permuted = permutation !== null;
  const [to, from] = permuted ? [shape[1], shape[0]] : [shape[0], shape[1]];
  const tokens = tokensOf(x);
  const blocks = indices.layout.shape[0]!;
  // Turned blocks are read without being turned in registers by every workgroup, which pays where many read them.
  const turn = !permuted && blockSize === 64 && tokens >= TURNED_FROM;
  const copy = blocks > 0 && (turn || values.offset % 4 !== 0);
  const runs = permuted || turn ? "across" : "along";
  const plan = linePlan(blockSize, runs, limits);
  const offsets = [x.offset, bias?.offset ?? 0];
  const access = accessOf([from, to], offsets, blockSize, tokens % plan.bm === 0);
  const size = blocks * blockSize ** 2;
  const [tiles, count] = [Math.ceil(tokens / plan.bm), Math.ceil(to / blockSize)];
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
      ...[tiles, count, tokens, from, to, x.offset, copy ? 0 : values.offset],
      ...[pointers.layout.offset, indices.layout.offset, permutation?.layout.offset ?? 0, bias?.offset ?? 0],
    ],
    workgroups: tiles * count,
  };
  if (!copy) return { steps: [lines] };
  const copied: WebgpuStep = {
    shader: copyShader(label, turn),
    bind: [{ in: 1 }, { scratch: 0 }],
    words: [size, values.offset, blockSize],
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
    const plan = blockPlan(blockSize);
    const groups = Math.ceil(blocks / (plan.diagonal ?? 1));
    const wanted = partsOf(tokens, groups);
    const part = Math.ceil(tokens / wanted / plan.bk) * plan.bk;
    // Parts of whole steps may use the tokens up sooner.
    const parts = tokens === 0 ? 1 : Math.ceil(tokens / part);
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
        words: [...[groups, parts, tokens, part, blocks, shape[0], shape[1]], ...[dy.offset, x.offset, 0, col.offset]],
        workgroups: groups * parts,
      },
    ];
    const slots = { from: { scratch: 1 }, to: { out: 0 }, pre: null, bias: null };
    if (split) steps.push(sumPartsStep("sdd", { entries: 1, parts, size, n: blockSize }, slots, "none"));
    return { steps, scratchBytes: [blocks * 4, ...(split ? [size * parts * 4] : [])] };
  },
};
