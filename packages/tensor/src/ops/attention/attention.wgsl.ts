import { mathFor } from "../../backends/webgpu/math.wgsl.ts";
import { shaders } from "../../backends/webgpu/shaders.ts";
import type { Call, Plan, Planner, WebgpuStep, WebgpuWord } from "../../op.ts";
import { broadcastStrides, type Layout } from "../../shape.ts";
import { STATS_WORKGROUP, keyGradientShader, queryGradientShader, statsShader } from "./attention-backward.wgsl.ts";
import { drawTile, dropFunctions, dropWords, keepText } from "./attention-dropout.wgsl.ts";
import {
  LOG2_E,
  buffers,
  entry,
  header,
  keyEnd,
  maskColumn,
  maskRows,
  reachMemory,
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
  tileMemory,
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
const forwardShader = shaders(
  (
    name: AttentionTileName,
    width: number,
    valueWidth: number,
    vector: boolean,
    mask: MaskKind,
    causal: boolean,
    withLse: boolean,
    drops: boolean,
  ) => {
    const tile: AttentionTile = ATTENTION_TILES[name];
    const { columns, across } = tile;
    const mine = mineOf(tile);
    const operands = ["q", "k", "v"];
    return {
      label: "attention",
      wgsl: /* wgsl */ `
${header(operands, drops)}
${buffers([...operands, ...(mask === "none" ? [] : ["mask"])], ["y", ...(withLse ? ["lse"] : [])], vector, mask)}
${tileMemory(tile, [width, valueWidth])}
${reachMemory(mask)}
${mathFor("infinity() logOf()")}
${rowReader("q", width, vector)}
${rowReader("k", width, vector)}
${rowReader("v", valueWidth, vector)}${drops ? dropFunctions(tile, "queries") : ""}
${entry(tile, operands, mask, "w.tiles - 1u - g % w.tiles")}
  ${maskRows(mask, "queries")}
  ${keyEnd(tile, mask, causal)}
  ${declareSums("y", valueWidth, tile)}
  var largest = vec4<f32>(-0x1.fffffep+127);
  var total = vec4<f32>();
  for (var first = 0u; first < end; first += ${columns}u) {
    ${drops ? drawTile(tile, "queries") : ""}${multiplyRows("s", ofQueries("q", "start"), ofKeys("k", "first"), width, tile)}
    var most = largest;
    for (var j = 0u; j < ${mine}u; j++) {
      ${maskColumn(tile, "queries", mask, causal)}
      most = max(most, s[j]);
    }
    tiles[${weightAt(tile, "column")}] = most;
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
      weights[${weightAt(tile, `column + j * ${across}u`)}] = p${keepText(tile, drops)};
    }
    ${addWeighted("y", ofKeys("v", "first"), valueWidth, tile)}
  }
  tiles[${weightAt(tile, "column")}] = total;
  workgroupBarrier();
  total = vec4<f32>();
  for (var i = 0u; i < ${across}u; i++) { total += tiles[${weightAt(tile, "i")}]; }
  let nothing = total == vec4<f32>();
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
    };
  },
);

/** Whether rows of an operand can be read as vec4s. */
const isVector = ({ shape, strides, offset }: Layout): boolean =>
  shape[3]! > 0 &&
  shape[3]! % 4 === 0 &&
  strides[3] === 1 &&
  offset % 4 === 0 &&
  strides.every((stride, d) => d === 3 || shape[d] === 1 || stride % 4 === 0);

const operandWords = (operands: readonly Layout[]): number[] =>
  operands.flatMap(({ offset, strides }) => [offset, ...strides]);

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

type Limits = Parameters<Planner<AttentionSignature, WebgpuStep>["plan"]>[1];

/** The plan of attention with the tile that suits, or with one that is given. */
export const planAttention = (
  { inputs: [q, k, v, mask], outputs: [, lse], attrs }: Call<AttentionSignature>,
  limits: Limits,
  tile?: AttentionTileName,
): Plan<WebgpuStep> => {
  const { causal, scale, skipPaddedQueries, dropoutP } = attrs;
  const sizes = sizesOf(q, k, v);
  const { batch, heads, queries, keys, width, valueWidth } = sizes;
  const { kind, offset, strides } = maskOf(mask, sizes, skipPaddedQueries);
  const operands = [q, k, v];
  const vector = operands.every(isVector);
  const name = tile ?? tileFor([width, valueWidth], dropoutP > 0, limits);
  const tiles = Math.ceil(queries / ATTENTION_TILES[name].rows);
  const groups = batch * heads * tiles;
  return {
    steps: [
      {
        shader: forwardShader(name, width, valueWidth, vector, kind, causal, lse !== null, dropoutP > 0),
        bind: [
          ...[{ in: 0 }, { in: 1 }, { in: 2 }],
          ...(mask ? [{ in: 3 }] : []),
          { out: 0 },
          ...(lse ? [{ out: 1 }] : []),
        ],
        words: [
          ...[heads, queries, keys, tiles, groups, { f32: scale }],
          ...operandWords(operands),
          ...[offset, strides[0]!, strides[1]!, strides[2]!, strides[3]!],
          ...(dropoutP > 0 ? dropWords(dropoutP) : []),
        ],
        workgroups: groups,
      },
    ],
  };
};

export const attentionWgsl: Planner<AttentionSignature, WebgpuStep> = { strided: "all", plan: planAttention };

/** The plan of its gradients, likewise. */
export const planAttentionBackward = (
  { inputs: [dy, q, k, v, mask, y, lse], attrs }: Call<AttentionBackwardSignature>,
  limits: Limits,
  tile?: AttentionTileName,
): Plan<WebgpuStep> => {
  const { causal, scale, skipPaddedQueries, dropoutP } = attrs;
  const sizes = sizesOf(q, k, v);
  const { batch, heads, queries, keys, width, valueWidth } = sizes;
  const { kind, offset, strides } = maskOf(mask, sizes, skipPaddedQueries);
  const operands = [dy, q, k, v];
  const vector = operands.every(isVector);
  const name = tile ?? tileFor([width, valueWidth], dropoutP > 0, limits);
  const { rows } = ATTENTION_TILES[name];
  const stats = { scratch: 0 };
  const bound = [...[{ in: 0 }, { in: 1 }, { in: 2 }, { in: 3 }], ...(mask ? [{ in: 4 }] : []), stats];
  const wordsFor = (tiles: number, rowStride: number, columnStride: number): WebgpuWord[] => [
    ...[heads, queries, keys, tiles, batch * heads * tiles, { f32: scale }],
    ...operandWords(operands),
    ...[offset, strides[0]!, strides[1]!, rowStride, columnStride],
    ...(dropoutP > 0 ? dropWords(dropoutP) : []),
  ];
  const [queryTiles, keyTiles] = [Math.ceil(queries / rows), Math.ceil(keys / rows)];
  const tokens = batch * queries * heads;
  // Without queries, only dk and dv are there to be cleared.
  const steps: (WebgpuStep & { readonly workgroups: number })[] = [
    {
      shader: statsShader(valueWidth, isVector(dy) && isVector(y)),
      bind: [{ in: 0 }, { in: 5 }, { in: 6 }, stats],
      words: [heads, queries, tokens, lse.offset, ...operandWords([dy, y])],
      workgroups: Math.ceil(tokens / STATS_WORKGROUP),
    },
    {
      shader: queryGradientShader(name, width, valueWidth, vector, kind, causal, dropoutP > 0),
      bind: [...bound, { out: 0 }],
      words: wordsFor(queryTiles, strides[2]!, strides[3]!),
      workgroups: batch * heads * queryTiles,
    },
    {
      shader: keyGradientShader(name, width, valueWidth, vector, kind, causal, dropoutP > 0),
      bind: [...bound, { out: 1 }, { out: 2 }],
      words: wordsFor(keyTiles, strides[3]!, strides[2]!),
      workgroups: batch * heads * keyTiles,
    },
  ];
  return {
    scratchBytes: [tokens * 8],
    steps: steps.filter(({ workgroups }) => workgroups > 0),
  };
};

export const attentionBackwardWgsl: Planner<AttentionBackwardSignature, WebgpuStep> = {
  strided: [0, 1, 2, 3, 4],
  plan: planAttentionBackward,
};
