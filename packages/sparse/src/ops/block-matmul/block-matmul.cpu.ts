import {
  input,
  output,
  scratch,
  tokensOf,
  type CpuStep,
  type LayerAttrs,
  type Plan,
  type Planner,
  type Slot,
} from "@tessera/tensor/extend";
import { segmentsOf, type MatrixAttrs } from "../../block-index.ts";
import { ActivationCode, kernels, ROUND, TILE_BYTES } from "../../generated/kernels.ts";
import type { BlockSparseLinearSignature, DdsSignature, SddSignature } from "./block-matmul.ts";

/** Scratch of one task for a tile at an edge. */
const TILE_FLOATS = TILE_BYTES / 4;
/** Tokens of a chunk of the weight gradient, about, at most: a panel of either side stays in L1. */
const MAX_KC = 480;
/** Features of the output gradient that a task packs at once: whole cache lines, in L2 with a chunk of tokens. */
const FEATURES_PER_PACK = 64;
/** Floats of packed tokens that one task multiplies: 384 KiB stay in L2. */
const TOKENS_IN_CACHE = 96 << 10;
const MULTIPLY_ADDS_PER_TASK = 1 << 19;
const PACKED_PER_TASK = 1 << 15;
/** Tasks that a product is cut into, where its tasks stay worth their start. */
const TARGET_TASKS = 16;

/** A product over lines of blocks: block rows for x Wᵀ, block columns (`permuted`) for dy W. */
interface LineProduct extends LayerAttrs {
  readonly attrs: MatrixAttrs;
  readonly tokens: number;
  readonly index: Slot;
  readonly permuted: boolean;
  readonly bias: Slot | null;
  readonly pre: Slot | null;
}

const roundUp = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple;
const clamp = (n: number, min: number, max: number): number => Math.max(min, Math.min(n, max));

/**
 * Values are packed into panels; then a task multiplies some tokens, which it packs itself, with all lines. Where tokens are too few to
 * keep the threads busy that way, they are packed first, and a task multiplies many of them with some lines.
 */
const planLines = (product: LineProduct): Plan<CpuStep> => {
  const { attrs, tokens, index, permuted, bias, pre, activation } = product;
  const {
    shape: [outputs, inputs],
    blockSize: b,
    blocks,
  } = attrs;
  const segments = segmentsOf(attrs);
  const [from, to, lines] = permuted ? [outputs, inputs, segments.cols] : [inputs, outputs, segments.rows];
  const { crowIndices, colIndices, ccolIndices, rowIndices } = segments;
  const [pointersAt, indicesAt] = permuted ? [ccolIndices, rowIndices] : [crowIndices, colIndices];
  const depth = roundUp(from, b);

  const wanted = clamp(Math.ceil((tokens * blocks * b * b) / MULTIPLY_ADDS_PER_TASK), 1, TARGET_TASKS);
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
  const [x, values] = [input(0), input(1)];
  const [packedValues, own, packedTokens] = [scratch(0), scratch(1), scratch(2)];
  const steps = [
    kernels.blockProductF32(
      {
        x: shared ? null : x,
        packedTokens: shared ? packedTokens : null,
        packedValues,
        blockIndex: index,
        pointersAt,
        indicesAt,
        bias,
        y: output(0),
        pre,
        scratch: own,
        scratchFloats,
        tokens,
        from,
        features: to,
        depth,
        lines,
        b,
        perTask,
        perGroup,
        parts,
        activation: ActivationCode[activation],
      },
      { tasks },
    ),
  ];
  // Without a block nothing is read from the panels.
  if (blocks > 0) {
    if (shared)
      steps.unshift(
        kernels.blockPackTokensF32(
          { x, packed: packedTokens, tokens, features: from, depth, perTask: tokensPerPack },
          { tasks: Math.ceil(tokens / tokensPerPack) },
        ),
      );
    steps.unshift(
      kernels.blockPackValuesF32(
        {
          values,
          packed: packedValues,
          blockIndex: index,
          pointersAt,
          permuted: permuted ? 1 : 0,
          permutationAt: segments.blockPermutation,
          lines,
          b,
          parts: packTasks,
        },
        { tasks: packTasks },
      ),
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

export const blockSparseLinearCpu: Planner<BlockSparseLinearSignature, CpuStep> = {
  plan: ({ inputs: [x, , bias], outputs: [, pre], attrs }) =>
    planLines({
      attrs,
      tokens: tokensOf(x),
      index: input(3),
      permuted: false,
      bias: bias && input(2),
      pre: pre && output(1),
      activation: attrs.activation,
    }),
};

export const ddsCpu: Planner<DdsSignature, CpuStep> = {
  plan: ({ inputs: [dy], attrs }) =>
    planLines({
      attrs,
      tokens: tokensOf(dy),
      index: input(2),
      permuted: true,
      bias: null,
      pre: null,
      activation: "none",
    }),
};

/** The input is packed into panels over the tokens; then a task computes some stored blocks, and packs the output gradient's for them. */
export const sddCpu: Planner<SddSignature, CpuStep> = {
  plan: ({ inputs: [dy], attrs }) => {
    const {
      shape: [outputs, inputs],
      blockSize: b,
      blocks,
    } = attrs;
    const { rows, cols, crowIndices, colIndices } = segmentsOf(attrs);
    const tokens = tokensOf(dy);
    // An odd number of eights: panels a multiple of 4 KiB apart would share the same few sets of L1.
    const eights = Math.ceil(tokens / Math.max(Math.ceil(tokens / MAX_KC), 1) / 8) | 1;
    const kc = Math.min(8 * eights, tokens);

    const perPack = clamp(Math.round(PACKED_PER_TASK / (b * Math.max(kc, 1))), 1, cols);
    const wanted = clamp(Math.ceil((tokens * blocks * b * b) / MULTIPLY_ADDS_PER_TASK), 1, TARGET_TASKS);
    const perTask = Math.max(Math.ceil(blocks / wanted), 1);
    const tasks = Math.ceil(blocks / perTask);
    const rowsPerPack = Math.min(Math.max(Math.floor(FEATURES_PER_PACK / b), 1), rows);
    const [packedX, own] = [scratch(0), scratch(1)];
    const pack = kernels.blockPackFeaturesF32(
      { x: input(1), packed: packedX, tokens, features: inputs, blocks: cols, b, kc, perTask: perPack },
      { tasks: Math.ceil(tokens / kc) * Math.ceil(cols / perPack) },
    );
    return {
      scratchBytes: [tokens * cols * b * 4, tasks * rowsPerPack * b * kc * 4],
      steps: [
        ...(tokens === 0 ? [] : [pack]),
        kernels.blockWeightGradientF32(
          {
            dy: input(0),
            packedX,
            blockIndex: input(2),
            crowAt: crowIndices,
            colAt: colIndices,
            values: output(0),
            scratch: own,
            tokens,
            out: outputs,
            inputs,
            rows,
            columns: cols,
            b,
            kc,
            rowsPerPack,
            blocks,
            perTask,
          },
          { tasks },
        ),
      ],
    };
  },
};
