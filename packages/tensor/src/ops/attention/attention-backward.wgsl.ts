import { kernel, read, when, write } from "../../backends/webgpu/kernel.ts";
import { mathFor } from "../../backends/webgpu/math.wgsl.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import { drawTile, dropFunctions, keepText } from "./attention-dropout.wgsl.ts";
import {
  LOG2_E,
  elementOf,
  entry,
  keyEnd,
  maskColumn,
  maskElement,
  maskRows,
  queryEnd,
  reachMemory,
  scoreWords,
  viewWords,
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
  storeSums,
  threadsOf,
  tileMemory,
  unless,
  vectorsOf,
  weightAt,
  type AttentionTile,
  type AttentionTileName,
} from "./attention-tiles.wgsl.ts";

export const STATS_WORKGROUP = 64;

/** What kernels of gradients differ in; see attention.wgsl.ts. */
export interface GradientChoices {
  readonly name: AttentionTileName;
  readonly width: number;
  readonly valueWidth: number;
  /** Whether rows of the operands are read as vec4s. */
  readonly vector: boolean;
  readonly mask: MaskKind;
  readonly causal: boolean;
  readonly drops: boolean;
}

/**
 * stats [B, H, Tq]: (lse, δ = Σ dy ⊙ y), a row for each invocation. Where nothing was attended, lse becomes 0: P is exp(−∞ − lse). NaN in
 * a row, or a score of ∞, makes all of it NaN.
 * δ is summed in the order of dY Vᵀ, so that for a query of one key they are equal and dS is zero.
 */
export const takeStats = variants(({ valueWidth, vector }: Pick<GradientChoices, "valueWidth" | "vector">) =>
  kernel(
    {
      name: "attentionBackward",
      workgroup: STATS_WORKGROUP,
      words: { heads: "u32", queries: "u32", rows: "u32", lseOffset: "u32", operands: viewWords(["dy", "y"]) },
      bind: { dy: read(elementOf(vector)), y: read(elementOf(vector)), lse: read("f32"), stats: write("vec2<f32>") },
    },
    (k) => /* wgsl */ `
${mathFor("nan()")}
${rowReader("dy", valueWidth, vector)}
${rowReader("y", valueWidth, vector)}

${k.main} {
  let at = ${k.invocation};
  if (at >= w.rows) { return; }
  let h = at % w.heads;
  let t = (at / w.heads) % w.queries;
  let b = at / (w.heads * w.queries);
  let dyStart = w.dyOffset + b * w.dyB + t * w.dyT + h * w.dyH;
  let yStart = w.yOffset + b * w.yB + t * w.yT + h * w.yH;
  var delta = 0.0;
  for (var d = 0u; d < ${vectorsOf(valueWidth)}u; d++) {
    let p = dyRow(dyStart, d);
    let q = yRow(yStart, d);
    delta += p.x * q.x;
    delta += p.y * q.y;
    delta += p.z * q.z;
    delta += p.w * q.w;
  }
  let to = (b * w.heads + h) * w.queries + t;
  let found = lse[w.lseOffset + to];
  // ∞ is what exp2 may make of NaN.
  let known = select(select(found, 0.0, bitcast<u32>(found) == 0xff800000u), nan(), bitcast<u32>(found) == 0x7f800000u);
  stats[to] = vec2<f32>(known, delta);
}`,
  ),
);

/**
 * dQ = scale · dS K, dS = P ⊙ (dY Vᵀ − δ), P = exp(scale · q kᵀ + mask − lse); with dropout dS = P ⊙ (dY Vᵀ ⊙ m − δ), m as in
 * attention-dropout.wgsl.ts. A workgroup has some queries and goes through the keys.
 */
export const queryGradient = variants(({ name, width, valueWidth, vector, mask, causal, drops }: GradientChoices) => {
  const tile: AttentionTile = ATTENTION_TILES[name];
  const element = elementOf(vector);
  const operands = ["dy", "q", "k", "v"] as const;
  const at = weightAt(tile, `column + j * ${tile.across}u`);
  return kernel(
    {
      name: "attentionBackward",
      workgroup: threadsOf(tile),
      words: scoreWords(operands, drops),
      bind: {
        dy: read(element),
        q: read(element),
        k: read(element),
        v: read(element),
        mask: when(mask !== "none", read(maskElement(mask))),
        stats: read("vec2<f32>"),
        dq: write(element),
      },
    },
    (k) => /* wgsl */ `
${tileMemory(tile, [width, valueWidth])}
${reachMemory(mask)}
${mathFor("infinity()")}
${rowReader("dy", valueWidth, vector)}
${rowReader("q", width, vector)}
${rowReader("k", width, vector)}
${rowReader("v", valueWidth, vector)}${drops ? dropFunctions(tile, "queries") : ""}
${entry(k, tile, operands, mask, "w.tiles - 1u - g % w.tiles")}
  ${maskRows(mask, "queries")}
  ${keyEnd(tile, mask, causal)}
  let statsAt = (b * w.heads + h) * w.queries + min(rows, vec4<u32>(w.queries - 1u));
  let lse = vec4<f32>(stats[statsAt.x].x, stats[statsAt.y].x, stats[statsAt.z].x, stats[statsAt.w].x);
  let delta = vec4<f32>(stats[statsAt.x].y, stats[statsAt.y].y, stats[statsAt.z].y, stats[statsAt.w].y);
  // exp2 need not keep NaN.
  let unknown = (bitcast<vec4<u32>>(lse) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
  ${declareSums("dq", width, tile)}
  for (var first = 0u; first < end; first += ${tile.columns}u) {
    ${drops ? drawTile(tile, "queries") : ""}${multiplyRows("dp", ofQueries("dy", "start"), ofKeys("v", "first"), valueWidth, tile)}
    ${multiplyRows("s", ofQueries("q", "start"), ofKeys("k", "first"), width, tile)}
    for (var j = 0u; j < ${mineOf(tile)}u; j++) {
      ${maskColumn(tile, "queries", mask, causal)}
      let p = select(exp2((s[j] - lse) * ${LOG2_E}), lse, unknown);
      weights[${at}] = ${unless("p == vec4<f32>()", `p * (dp[j]${keepText(tile, drops)} - delta) * w.scale`)};
    }
    ${addWeighted("dq", ofKeys("k", "first"), width, tile)}
  }
  ${storeSums("dq", width, "w.queries", tile, vector)}
}`,
  );
});

/**
 * dV = Pᵀ dY, (P ⊙ m)ᵀ dY with dropout, and dK = scale · dSᵀ Q, P and dS as above. A workgroup has some keys and goes through the queries: rows
 * are keys and columns queries here.
 */
export const keyGradients = variants(({ name, width, valueWidth, vector, mask, causal, drops }: GradientChoices) => {
  const tile: AttentionTile = ATTENTION_TILES[name];
  const element = elementOf(vector);
  const { columns, across } = tile;
  const mine = mineOf(tile);
  const operands = ["dy", "q", "k", "v"] as const;
  const at = weightAt(tile, `column + j * ${across}u`);
  return kernel(
    {
      name: "attentionBackward",
      workgroup: threadsOf(tile),
      words: scoreWords(operands, drops),
      bind: {
        dy: read(element),
        q: read(element),
        k: read(element),
        v: read(element),
        mask: when(mask !== "none", read(maskElement(mask))),
        stats: read("vec2<f32>"),
        dk: write(element),
        dv: write(element),
      },
    },
    (k) => /* wgsl */ `
${tileMemory(tile, [width, valueWidth])}
${reachMemory(mask)}
${mathFor("infinity() isNan()")}
${rowReader("dy", valueWidth, vector)}
${rowReader("q", width, vector)}
${rowReader("k", width, vector)}
${rowReader("v", valueWidth, vector)}${drops ? dropFunctions(tile, "keys") : ""}
${entry(k, tile, operands, mask, "g % w.tiles")}
  ${maskRows(mask, "keys")}
  ${queryEnd(tile, mask)}
  let statsStart = (b * w.heads + h) * w.queries;
  ${declareSums("dk", width, tile)}
  ${declareSums("dv", valueWidth, tile)}
  for (var first = ${causal ? `start / ${columns}u * ${columns}u` : "0u"}; first < end; first += ${columns}u) {
    ${drops ? drawTile(tile, "keys") : ""}${multiplyRows("s", ofKeys("k", "start"), ofQueries("q", "first"), width, tile)}
    var deltas: array<f32, ${mine}>;
    for (var j = 0u; j < ${mine}u; j++) {
      ${maskColumn(tile, "keys", mask, causal)}
      let found = stats[statsStart + known];
      deltas[j] = found.y;
      s[j] = select(exp2((s[j] - found.x) * ${LOG2_E}), vec4<f32>(found.x), isNan(found.x));
      weights[${at}] = ${unless("s[j] == vec4<f32>()", `s[j]${keepText(tile, drops)}`)};
    }
    ${addWeighted("dv", ofQueries("dy", "first"), valueWidth, tile)}
    ${multiplyRows("dp", ofKeys("v", "start"), ofQueries("dy", "first"), valueWidth, tile)}
    for (var j = 0u; j < ${mine}u; j++) {
      weights[${at}] = ${unless("s[j] == vec4<f32>()", `s[j] * (dp[j]${keepText(tile, drops)} - deltas[j]) * w.scale`)};
    }
    ${addWeighted("dk", ofQueries("q", "first"), width, tile)}
  }
  ${storeSums("dk", width, "w.keys", tile, vector)}
  ${storeSums("dv", valueWidth, "w.keys", tile, vector)}
}`,
  );
});
