import {
  numel,
  type CpuArgument,
  type CpuStep,
  type Layout,
  type Plan,
  type Planner,
  type Slot,
} from "@tessera/tensor";
import type { Activation } from "@tessera/tensor/ops/matmul";
import type { MatrixAttrs } from "../../block-index.ts";
import { kernels } from "../../kernels.ts";
import type {
  ActivatedBlockSparseLinearSignature,
  BlockSparseLinearSignature,
  DdsSignature,
  SddSignature,
} from "./block-matmul.ts";

// Sizes of the kernels, see block-matmul.as.ts.
/** Tokens come in a multiple of both variants' tile heights. */
const ROUND = 12;
/** Scratch of one task for a tile at an edge. */
const TILE_FLOATS = 96;
/** Most tokens of a chunk of the weight gradient, about: a panel of either side stays in L1. */
const KC = 480;
/** Features of the output gradient that a task packs at once: whole cache lines, in L2 with a chunk of tokens. */
const FEATURES_PER_PACK = 64;
/** Floats of packed tokens that one task multiplies: 384 KiB stay in L2. */
const TOKENS_IN_CACHE = 96 << 10;
const MULTIPLY_ADDS_PER_TASK = 1 << 19;
const PACKED_PER_TASK = 1 << 15;
/** Tasks that a product is cut into, where its tasks stay worth their start. */
const ENOUGH_TASKS = 16;

const activationCodes: { readonly [A in Activation]: number } = { relu: 1, gelu: 2, geluTanh: 3 };

/** A product over lines of blocks: block rows for x Wᵀ, block columns for dy W. */
interface LineProduct {
  readonly attrs: MatrixAttrs;
  readonly tokens: number;
  /** Stored blocks. */
  readonly blocks: number;
  /** Features of the dense factor and of the result. */
  readonly from: number;
  readonly to: number;
  readonly values: Slot;
  /** Where each line starts, and where its blocks lie along the dense factor. */
  readonly pointers: Slot;
  readonly indices: Slot;
  /** The place of a line's blocks in the values; 0 when they lie in order. */
  readonly permutation: Slot | 0;
  readonly bias: Slot | 0;
  readonly pre: Slot | 0;
  readonly activation: number;
}

const tokensOf = (x: Layout): number => numel(x.shape.slice(0, -1));
const roundUp = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple;
const clamp = (n: number, least: number, most: number): number => Math.max(least, Math.min(n, most));

const step = (fn: string, tasks: number, args: readonly CpuArgument[]): CpuStep => ({ wasm: kernels, fn, args, tasks });

/**
 * Values are packed into panels; then a task multiplies some tokens, which it packs itself, with all lines. Where tokens are too few to
 * keep the threads busy that way, they are packed first, and a task multiplies many of them with some lines.
 */
const planLines = (product: LineProduct): Plan<CpuStep> => {
  const { tokens, blocks, from, to, values, pointers, indices, permutation, bias, pre, activation } = product;
  const b = product.attrs.blockSize;
  const lines = Math.ceil(to / b);
  const depth = roundUp(from, b);

  const wanted = clamp(Math.ceil((tokens * blocks * b * b) / MULTIPLY_ADDS_PER_TASK), 1, ENOUGH_TASKS);
  const inCache = Math.max(Math.floor(TOKENS_IN_CACHE / depth / ROUND) * ROUND, ROUND);
  const shared = blocks === 0 || tokens < wanted * ROUND;
  const perTask = Math.min(
    shared ? roundUp(tokens / Math.ceil(tokens / inCache), ROUND) : roundUp(tokens / wanted, ROUND),
    roundUp(tokens, ROUND),
  );
  const perGroup = shared ? perTask : roundUp(perTask / Math.ceil(perTask / inCache), ROUND);
  const tokenTasks = Math.ceil(tokens / perTask);
  const parts = shared ? clamp(Math.ceil(wanted / tokenTasks), 1, lines) : 1;
  const tasks = tokenTasks * parts;
  const scratchFloats = TILE_FLOATS + (shared ? 0 : perGroup * depth);

  const tokensPerPack = clamp(roundUp(PACKED_PER_TASK / depth, ROUND), ROUND, roundUp(tokens, ROUND));
  const packTasks = clamp(Math.round((blocks * b * b) / PACKED_PER_TASK), 1, lines);
  const x = { in: 0 };
  const [packedValues, own, packedTokens] = [{ scratch: 0 }, { scratch: 1 }, { scratch: 2 }];
  const steps = [
    step("block_product_f32", tasks, [
      ...[
        shared ? 0 : x,
        shared ? packedTokens : 0,
        packedValues,
        pointers,
        indices,
        bias,
        { out: 0 },
        pre,
        own,
        scratchFloats,
      ],
      ...[tokens, from, to, depth, lines, b, perTask, perGroup, parts, activation],
    ]),
  ];
  // Without a block nothing is read from the panels.
  if (blocks > 0) {
    if (shared)
      steps.unshift(
        step("block_pack_tokens_f32", Math.ceil(tokens / tokensPerPack), [
          x,
          packedTokens,
          tokens,
          from,
          depth,
          tokensPerPack,
        ]),
      );
    steps.unshift(
      step("block_pack_values_f32", packTasks, [values, packedValues, pointers, permutation, lines, b, packTasks]),
    );
  }
  return {
    scratchBytes: [
      blocks * b * b * 4,
      tasks * scratchFloats * 4,
      ...(shared ? [blocks === 0 ? 0 : depth * roundUp(tokens, ROUND) * 4] : []),
    ],
    steps,
  };
};

const planLinear = (
  [x, , bias, , colIndices]: readonly (Layout | null)[],
  pre: Layout | null,
  attrs: MatrixAttrs,
  activation: number,
): Plan<CpuStep> =>
  planLines({
    attrs,
    tokens: tokensOf(x!),
    blocks: colIndices!.shape[0]!,
    from: attrs.shape[1],
    to: attrs.shape[0],
    values: { in: 1 },
    pointers: { in: 3 },
    indices: { in: 4 },
    permutation: 0,
    bias: bias ? { in: 2 } : 0,
    pre: pre ? { out: 1 } : 0,
    activation,
  });

export const blockSparseLinearCpu: Planner<BlockSparseLinearSignature, CpuStep> = {
  plan: ({ inputs, attrs }) => planLinear(inputs, null, attrs, 0),
};

export const activatedBlockSparseLinearCpu: Planner<ActivatedBlockSparseLinearSignature, CpuStep> = {
  plan: ({ inputs, outputs: [, pre], attrs }) => planLinear(inputs, pre, attrs, activationCodes[attrs.activation]),
};

export const ddsCpu: Planner<DdsSignature, CpuStep> = {
  plan: ({ inputs: [dy, , , colIndices], attrs }) =>
    planLines({
      attrs,
      tokens: tokensOf(dy),
      blocks: colIndices.shape[0]!,
      from: attrs.shape[0],
      to: attrs.shape[1],
      values: { in: 1 },
      pointers: { in: 4 },
      indices: { in: 5 },
      permutation: { in: 6 },
      bias: 0,
      pre: 0,
      activation: 0,
    }),
};

/** The input is packed into panels over the tokens; then a task computes some stored blocks, and packs the output gradient's for them. */
export const sddCpu: Planner<SddSignature, CpuStep> = {
  plan: ({
    inputs: [dy, , crowIndices, colIndices],
    attrs: {
      shape: [outputs, inputs],
      blockSize: b,
    },
  }) => {
    const tokens = tokensOf(dy);
    const blocks = colIndices.shape[0]!;
    const rows = crowIndices.shape[0]! - 1;
    const cols = Math.ceil(inputs / b);
    // An odd number of eights: panels a multiple of 4 KiB apart would share the same few sets of L1.
    const eights = Math.ceil(tokens / Math.max(Math.ceil(tokens / KC), 1) / 8) | 1;
    const kc = Math.min(8 * eights, tokens);

    const perPack = clamp(Math.round(PACKED_PER_TASK / (b * Math.max(kc, 1))), 1, cols);
    const wanted = clamp(Math.ceil((tokens * blocks * b * b) / MULTIPLY_ADDS_PER_TASK), 1, ENOUGH_TASKS);
    const perTask = Math.max(Math.ceil(blocks / wanted), 1);
    const tasks = Math.ceil(blocks / perTask);
    const rowsPerPack = Math.min(Math.max(Math.floor(FEATURES_PER_PACK / b), 1), rows);
    const [packedX, own] = [{ scratch: 0 }, { scratch: 1 }];
    const pack = step("block_pack_features_f32", Math.ceil(tokens / kc) * Math.ceil(cols / perPack), [
      ...[{ in: 1 }, packedX, tokens, inputs, cols, b, kc, perPack],
    ]);
    return {
      scratchBytes: [tokens * cols * b * 4, tasks * rowsPerPack * b * kc * 4],
      steps: [
        ...(tokens === 0 ? [] : [pack]),
        step("block_weight_gradient_f32", tasks, [
          ...[{ in: 0 }, packedX, { in: 2 }, { in: 3 }, { out: 0 }, own, tokens, outputs, inputs],
          ...[rows, cols, b, kc, rowsPerPack, blocks, perTask],
        ]),
      ],
    };
  },
};
