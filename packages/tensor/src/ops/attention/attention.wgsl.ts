import { kernel, read, when, write } from "../../backends/webgpu/kernel.ts";
import { mathFor } from "../../backends/webgpu/math.wgsl.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import type { DeviceProfile } from "../../device-profile.ts";
import type { Call, Plan, Planner, WebgpuStep } from "../../op.ts";
import { broadcastStrides, type Layout } from "../../shape.ts";
import { input, output, scratch } from "../../slots.ts";
import {
  STATS_WORKGROUP,
  keyGradients,
  queryGradient,
  takeStats,
  type GradientChoices,
} from "./attention-backward.wgsl.ts";
import { drawTile, dropFunctions, keepText } from "./attention-dropout.wgsl.ts";
import {
  LOG2_E,
  elementOf,
  entry,
  keyEnd,
  maskColumn,
  maskElement,
  maskRows,
  reachMemory,
  scoreWords,
  tileFor,
  type MaskKind,
} from "./attention-scores.wgsl.ts";
import {
  ATTENTION_TILES,
  addWeighted,
  declareSums,
  mineOf,
  multiplyRows,
  ofKeys,
  ofQueries,
  rowReader,
  scaleSums,
  storeSums,
  threadsOf,
  tileMemory,
  unless,
  weightAt,
  type AttentionTile,
  type AttentionTileName,
} from "./attention-tiles.wgsl.ts";
import type { AttentionBackwardSignature, AttentionSignature } from "./attention.ts";

/**
 * y = softmax(scale · q kᵀ + mask) v and lse = log Σ exp of those scores.
 *
 * A workgroup has some queries of one head and goes through the keys, a tile of K and then of V at a time. Each row keeps the
 * largest score so far, and the sum of exponentials and the result relative to it, which shrink when a larger score comes. The
 * largest starts finite, so that −∞, a masked score, has the exponential 0 in any row. float32 throughout.
 * Weights that dropout zeroes count in the sum: only what V is multiplied by is dropped.
 * After Dao et al., "FlashAttention", 2022.
 */
const attend = variants(
  ({
    name,
    width,
    valueWidth,
    vector,
    mask,
    causal,
    withLse,
    drops,
  }: GradientChoices & { readonly withLse: boolean }) => {
    const tile: AttentionTile = ATTENTION_TILES[name];
    const element = elementOf(vector);
    const { columns, across } = tile;
    const mine = mineOf(tile);
    const operands = ["q", "k", "v"] as const;
    return kernel(
      {
        name: "attention",
        workgroup: threadsOf(tile),
        words: scoreWords(operands, drops),
        bind: {
          q: read(element),
          k: read(element),
          v: read(element),
          mask: when(mask !== "none", read(maskElement(mask))),
          y: write(element),
          lse: when(withLse, write("f32")),
        },
      },
      (k) => /* wgsl */ `
${tileMemory(tile, [width, valueWidth])}
${reachMemory(mask)}
${mathFor("infinity() logOf()")}
${rowReader("q", width, vector)}
${rowReader("k", width, vector)}
${rowReader("v", valueWidth, vector)}${drops ? dropFunctions(tile, "queries") : ""}
${entry(k, tile, operands, mask, "w.tiles - 1u - g % w.tiles")}
  ${maskRows(mask, "queries")}
  ${keyEnd(tile, mask, causal)}
  ${declareSums("y", valueWidth, tile)}
  var largest = vec4<f32>(-0x1.fffffep+127);
  var total = vec4<f32>();
  for (var first = 0u; first < end; first += ${columns}u) {
    ${drops ? drawTile(tile, "queries") : ""}${multiplyRows("s", ofQueries("q", "start"), ofKeys("k", "first"), width, tile)}
    var rowMax = largest;
    for (var j = 0u; j < ${mine}u; j++) {
      ${maskColumn(tile, "queries", mask, causal)}
      rowMax = max(rowMax, s[j]);
    }
    tiles[${weightAt(tile, "column")}] = rowMax;
    workgroupBarrier();
    var next = largest;
    for (var i = 0u; i < ${across}u; i++) { next = max(next, tiles[${weightAt(tile, "i")}]); }
    workgroupBarrier();
    let shrink = exp2((largest - next) * ${LOG2_E});
    largest = next;
    total *= shrink;
    ${scaleSums("y", "shrink", valueWidth, tile)}
    for (var j = 0u; j < ${mine}u; j++) {
      let p = exp2((s[j] - next) * ${LOG2_E});
      total += p;
      let hidden = bitcast<vec4<u32>>(s[j]) == vec4<u32>(0xff800000u);
      weights[${weightAt(tile, `column + j * ${across}u`)}] = ${unless("hidden", `p${keepText(tile, drops)}`)};
    }
    ${addWeighted("y", ofKeys("v", "first"), valueWidth, tile)}
  }
  tiles[${weightAt(tile, "column")}] = total;
  workgroupBarrier();
  total = vec4<f32>();
  for (var i = 0u; i < ${across}u; i++) { total += tiles[${weightAt(tile, "i")}]; }
  let nothing = (bitcast<vec4<u32>>(total) & vec4<u32>(0x7fffffffu)) == vec4<u32>();
  let share = select(1.0 / total, vec4<f32>(), nothing);
  ${scaleSums("y", "share", valueWidth, tile)}
  ${storeSums("y", valueWidth, "w.queries", tile, vector)}
  ${
    withLse
      ? /* wgsl */ `if (column == 0u) {
    for (var i = 0u; i < 4u; i++) {
      if (rows[i] < w.queries) {
        lse[(b * w.heads + h) * w.queries + rows[i]] = select(largest[i] + logOf(total[i]), -infinity(), nothing[i]);
      }
    }
  }`
      : ""
  }
}`,
    );
  },
);

/** Whether rows of an operand can be read as vec4s. */
const isVector = ({ shape, strides, offset }: Layout): boolean =>
  shape[3]! > 0 &&
  shape[3]! % 4 === 0 &&
  strides[3] === 1 &&
  offset % 4 === 0 &&
  strides.every((stride, d) => d === 3 || shape[d] === 1 || stride % 4 === 0);

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

/** A mask's kind, where it starts, and its strides [B, H, Tq, Tk]. */
const maskOf = (mask: Layout | null, { batch, heads, queries, keys }: Sizes, skipPaddedQueries: boolean) => {
  if (!mask) return { kind: "none" as MaskKind, offset: 0, strides: [0, 0, 0, 0] };
  const strides = broadcastStrides(mask, [batch, heads, queries, keys]);
  const ofKeys = skipPaddedQueries ? "tokens" : "keys";
  const kind: MaskKind = mask.dtype === "float32" ? "float" : strides[2] === 0 || queries === 1 ? ofKeys : "bool";
  return { kind, offset: mask.offset, strides };
};

/** The plan of attention with the tile that suits, or with one that is given. */
export const planAttention = (
  { inputs: [q, k, v, mask], outputs: [, lse], attrs }: Call<AttentionSignature>,
  device: DeviceProfile,
  tile?: AttentionTileName,
): Plan<WebgpuStep> => {
  const { causal, scale, skipPaddedQueries, dropoutP } = attrs;
  const sizes = sizesOf(q, k, v);
  const { batch, heads, queries, keys, width, valueWidth } = sizes;
  const { kind, offset, strides } = maskOf(mask, sizes, skipPaddedQueries);
  const operands = { q, k, v };
  const vector = Object.values(operands).every(isVector);
  const name = tile ?? tileFor([width, valueWidth], dropoutP > 0, device);
  const tiles = Math.ceil(queries / ATTENTION_TILES[name].rows);
  const groups = batch * heads * tiles;
  const drops = dropoutP > 0;
  const step = attend({ name, width, valueWidth, vector, mask: kind, causal, withLse: lse !== null, drops })(
    {
      heads,
      queries,
      keys,
      tiles,
      groups,
      scale,
      operands,
      maskOffset: offset,
      maskB: strides[0]!,
      maskH: strides[1]!,
      maskRow: strides[2]!,
      maskColumn: strides[3]!,
      dropout: drops ? dropoutP : null,
      q: input(0),
      k: input(1),
      v: input(2),
      mask: mask && input(3),
      y: output(0),
      lse: lse && output(1),
    },
    { workgroups: groups },
  );
  return { steps: [step] };
};

export const attentionWgsl: Planner<AttentionSignature, WebgpuStep> = { strided: "all", plan: planAttention };

/** The plan of its gradients. */
export const planAttentionBackward = (
  { inputs: [dy, q, k, v, mask, y, lse], attrs }: Call<AttentionBackwardSignature>,
  device: DeviceProfile,
  tile?: AttentionTileName,
): Plan<WebgpuStep> => {
  const { causal, scale, skipPaddedQueries, dropoutP } = attrs;
  const sizes = sizesOf(q, k, v);
  const { batch, heads, queries, keys, width, valueWidth } = sizes;
  const { kind, offset, strides } = maskOf(mask, sizes, skipPaddedQueries);
  const operands = { dy, q, k, v };
  const vector = Object.values(operands).every(isVector);
  const name = tile ?? tileFor([width, valueWidth], dropoutP > 0, device);
  const { rows } = ATTENTION_TILES[name];
  const drops = dropoutP > 0;
  const choices = { name, width, valueWidth, vector, mask: kind, causal, drops };
  const stats = scratch(0);
  const shared = {
    heads,
    queries,
    keys,
    scale,
    operands,
    maskOffset: offset,
    maskB: strides[0]!,
    maskH: strides[1]!,
    dropout: drops ? dropoutP : null,
    dy: input(0),
    q: input(1),
    k: input(2),
    v: input(3),
    mask: mask && input(4),
    stats,
  };
  const [queryTiles, keyTiles] = [Math.ceil(queries / rows), Math.ceil(keys / rows)];
  const [queryGroups, keyGroups] = [batch * heads * queryTiles, batch * heads * keyTiles];
  const tokens = batch * queries * heads;
  const takeRows = takeStats({ valueWidth, vector: isVector(dy) && isVector(y) });
  const steps = [
    takeRows(
      {
        heads,
        queries,
        rows: tokens,
        lseOffset: lse.offset,
        operands: { dy, y },
        dy: input(0),
        y: input(5),
        lse: input(6),
        stats,
      },
      { workgroups: Math.ceil(tokens / STATS_WORKGROUP) },
    ),
    queryGradient(choices)(
      {
        ...shared,
        tiles: queryTiles,
        groups: queryGroups,
        maskRow: strides[2]!,
        maskColumn: strides[3]!,
        dq: output(0),
      },
      { workgroups: queryGroups },
    ),
    // Rows are keys there.
    keyGradients(choices)(
      {
        ...shared,
        tiles: keyTiles,
        groups: keyGroups,
        maskRow: strides[3]!,
        maskColumn: strides[2]!,
        dk: output(1),
        dv: output(2),
      },
      { workgroups: keyGroups },
    ),
  ];
  return {
    scratchBytes: [tokens * 8],
    // Without queries, only dk and dv are there to be cleared.
    steps: steps.filter(({ workgroups }) => workgroups > 0),
  };
};

export const attentionBackwardWgsl: Planner<AttentionBackwardSignature, WebgpuStep> = {
  strided: [0, 1, 2, 3, 4],
  plan: planAttentionBackward,
};
