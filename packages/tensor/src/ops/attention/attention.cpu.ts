import { kernels } from "../../kernels.ts";
import type { CpuArgument, CpuStep, Planner } from "../../op.ts";
import { keepRule } from "../../philox.ts";
import { broadcastStrides, type Layout } from "../../shape.ts";
import type { AttentionAttrs, AttentionBackwardSignature, AttentionSignature } from "./attention.ts";

// As in attention.as.ts and tiles.as.ts.
const PANEL = 8;
const ROUND = 12;
const TILE_BYTES = 384;
const TILE_QUERIES = 64;
const MULTIPLY_ADDS_PER_TASK = 1 << 19;
/** Of the backward, each with scratch of its own: enough for the threads there may be, and by no count of them. */
const MOST_BACKWARD_TASKS = 16;

const rounded = (rows: number): number => Math.ceil(rows / ROUND) * ROUND;

interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly width: number;
  readonly valueWidth: number;
}

const sizesOf = (q: Layout, k: Layout, v: Layout): Sizes => {
  const [batch, queries, heads, width] = q.shape as [number, number, number, number];
  return { batch, heads, queries, keys: k.shape[1]!, width, valueWidth: v.shape[3]! };
};

/** Sizes and strides, in the order that attention.as.ts reads them. */
const wordsOf = (
  { batch, heads, queries, keys, width, valueWidth }: Sizes,
  { causal, skipPaddedQueries }: AttentionAttrs,
  panels: number,
  [q, k, v, dy]: readonly (Layout | null)[],
  mask: Layout | null,
): { words: readonly number[] } => {
  const kind = mask === null ? 0 : skipPaddedQueries ? 3 : mask.dtype === "bool" ? 1 : 2;
  const strides = [q, k, v, dy].flatMap((operand) => operand?.strides ?? [0, 0, 0, 0]);
  const maskStrides = mask ? broadcastStrides(mask, [batch, heads, queries, keys]) : [];
  return { words: [heads, queries, keys, width, valueWidth, causal ? 1 : 0, kind, panels, ...strides, ...maskStrides] };
};

/** What is dropped, and from which draw. */
const droppingOf = ({ dropoutP }: AttentionAttrs): readonly CpuArgument[] => {
  const { below, scale } = keepRule(dropoutP);
  return [below, scale, { scalar: "seedLow" }, { scalar: "seedHigh" }, { scalar: "counter" }];
};

export const attentionCpu: Planner<AttentionSignature, CpuStep> = {
  strided: "all",
  plan: ({ inputs: [q, k, v, mask], outputs: [, lse], attrs }) => {
    const sizes = sizesOf(q, k, v);
    const { batch, heads, queries, keys, width, valueWidth } = sizes;
    const all = Math.ceil(queries / PANEL);
    const perPanel = PANEL * Math.max(keys, 1) * (width + valueWidth);
    const panels = Math.min(all, Math.max(1, Math.ceil(MULTIPLY_ADDS_PER_TASK / perPanel)));
    const tasks = batch * heads * Math.ceil(all / panels);
    const words = wordsOf(sizes, attrs, panels, [q, k, v, null], mask);
    const packed = { scratch: 0 };
    return {
      scratchBytes: [
        batch * heads * (rounded(keys) * width + rounded(valueWidth) * keys) * 4,
        tasks * PANEL * (width + rounded(keys) + rounded(valueWidth) + 2) * 4,
      ],
      steps: [
        { wasm: kernels, fn: "attention_pack_f32", args: [{ in: 1 }, { in: 2 }, packed, words], tasks: batch * heads },
        {
          wasm: kernels,
          fn: "attention_f32",
          args: [
            { in: 0 },
            packed,
            mask ? { in: 3 } : 0,
            { out: 0 },
            lse ? { out: 1 } : 0,
            { scratch: 1 },
            attrs.scale,
            words,
            ...droppingOf(attrs),
          ],
          tasks,
        },
      ],
    };
  },
};

export const attentionBackwardCpu: Planner<AttentionBackwardSignature, CpuStep> = {
  strided: [0, 1, 2, 3, 4],
  plan: ({ inputs: [dy, q, k, v, mask], attrs }) => {
    const sizes = sizesOf(q, k, v);
    const { batch, heads, keys, width, valueWidth } = sizes;
    const floats =
      rounded(keys) * (width + valueWidth + 3 * TILE_QUERIES) +
      rounded(width) * (keys + PANEL) +
      PANEL * (width + 2 * valueWidth) +
      TILE_QUERIES * (Math.max(width, valueWidth) + PANEL);
    const headsPerTask = Math.ceil((batch * heads) / MOST_BACKWARD_TASKS);
    const tasks = headsPerTask === 0 ? 0 : Math.ceil((batch * heads) / headsPerTask);
    return {
      scratchBytes: [tasks * (floats * 4 + TILE_BYTES)],
      steps: [
        {
          wasm: kernels,
          fn: "attention_backward_f32",
          args: [
            ...[{ in: 0 }, { in: 1 }, { in: 2 }, { in: 3 }, mask ? { in: 4 } : 0, { in: 5 }, { in: 6 }],
            ...[
              { out: 0 },
              { out: 1 },
              { out: 2 },
              { scratch: 0 },
              attrs.scale,
              wordsOf(sizes, attrs, 0, [q, k, v, dy], mask),
              ...droppingOf(attrs),
              batch * heads,
              headsPerTask,
            ],
          ],
          tasks,
        },
      ],
    };
  },
};
