import { kernels, MaskKind, PANEL_QUERIES, ROUND, TILE_BYTES, TILE_QUERIES } from "../../generated/kernels.ts";
import type { CpuStep, Planner } from "../../op.ts";
import { keepRule } from "../../philox.ts";
import { broadcastStrides, type Layout } from "../../shape.ts";
import { input, output, scalar, scratch, words, type Words } from "../../slots.ts";
import type { AttentionAttrs, AttentionBackwardSignature, AttentionSignature } from "./attention.ts";

const MULTIPLY_ADDS_PER_TASK = 1 << 19;
/** Of the backward, each with scratch of its own: enough for the threads there may be, and by no count of them. */
const MAX_BACKWARD_TASKS = 16;

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
): Words => {
  const kind =
    MaskKind[mask === null ? "none" : skipPaddedQueries ? "tokens" : mask.dtype === "bool" ? "bool" : "float"];
  const strides = [q, k, v, dy].flatMap((operand) => operand?.strides ?? [0, 0, 0, 0]);
  const maskStrides = mask ? broadcastStrides(mask, [batch, heads, queries, keys]) : [];
  return words([heads, queries, keys, width, valueWidth, causal ? 1 : 0, kind, panels, ...strides, ...maskStrides]);
};

/** What is dropped, and from which draw. */
const droppingOf = ({ dropoutP }: AttentionAttrs) => {
  const { below, scale: keepScale } = keepRule(dropoutP);
  return {
    below,
    keepScale,
    seedLow: scalar("seedLow"),
    seedHigh: scalar("seedHigh"),
    counter: scalar("counter"),
  };
};

export const attentionCpu: Planner<AttentionSignature, CpuStep> = {
  strided: "all",
  plan: ({ inputs: [q, k, v, mask], outputs: [, lse], attrs }) => {
    const sizes = sizesOf(q, k, v);
    const { batch, heads, queries, keys, width, valueWidth } = sizes;
    const all = Math.ceil(queries / PANEL_QUERIES);
    const perPanel = PANEL_QUERIES * Math.max(keys, 1) * (width + valueWidth);
    const panels = Math.min(all, Math.max(1, Math.ceil(MULTIPLY_ADDS_PER_TASK / perPanel)));
    const tasks = batch * heads * Math.ceil(all / panels);
    const list = wordsOf(sizes, attrs, panels, [q, k, v, null], mask);
    const packed = scratch(0);
    return {
      scratchBytes: [
        batch * heads * (rounded(keys) * width + rounded(valueWidth) * keys) * 4,
        tasks * PANEL_QUERIES * (width + rounded(keys) + rounded(valueWidth) + 2) * 4,
      ],
      steps: [
        kernels.attentionPackF32({ k: input(1), v: input(2), packed, words: list }, { tasks: batch * heads }),
        kernels.attentionF32(
          {
            q: input(0),
            packed,
            mask: mask && input(3),
            y: output(0),
            lse: lse && output(1),
            scratch: scratch(1),
            scale: attrs.scale,
            words: list,
            ...droppingOf(attrs),
          },
          { tasks },
        ),
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
      rounded(width) * (keys + PANEL_QUERIES) +
      PANEL_QUERIES * (width + 2 * valueWidth) +
      TILE_QUERIES * (Math.max(width, valueWidth) + PANEL_QUERIES);
    const headsPerTask = Math.ceil((batch * heads) / MAX_BACKWARD_TASKS);
    const tasks = headsPerTask === 0 ? 0 : Math.ceil((batch * heads) / headsPerTask);
    return {
      scratchBytes: [tasks * (floats * 4 + TILE_BYTES)],
      steps: [
        kernels.attentionBackwardF32(
          {
            dy: input(0),
            q: input(1),
            k: input(2),
            v: input(3),
            mask: mask && input(4),
            y: input(5),
            lse: input(6),
            dq: output(0),
            dk: output(1),
            dv: output(2),
            scratch: scratch(0),
            scale: attrs.scale,
            words: wordsOf(sizes, attrs, 0, [q, k, v, dy], mask),
            ...droppingOf(attrs),
            count: batch * heads,
            headsPerTask,
          },
          { tasks },
        ),
      ],
    };
  },
};
