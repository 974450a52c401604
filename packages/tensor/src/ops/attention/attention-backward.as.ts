/**
 * Gradients of scaled dot-product attention (attention.as.ts).
 *
 *   P = exp(S − lse),  dV = Pᵀ dY,  dS = P ⊙ (dY Vᵀ − δ),  δ = Σ dY ⊙ Y,  dQ = scale · dS K,  dK = scale · dSᵀ Q
 *   with dropout, m = M / (1 − p) as in attention-dropout.as.ts: dV = (P ⊙ m)ᵀ dY,  dS = P ⊙ (dY Vᵀ ⊙ m − δ)
 *
 * Q, dY [B, Tq, H, D], K, V [B, Tk, H, D] with any strides; dQ, dK, dV contiguous in that order of dims. S is computed again, a
 * panel of eight queries at a time; P and dS of 64 queries exist at once, so that the sums over queries run over many.
 * float32 throughout. After Dao et al., "FlashAttention", 2022.
 */
import { expNegative4 } from "../../assembly/math.as";
import { optional } from "../../assembly/optional.as";
import { pack8, packRows, unpack8 } from "../../assembly/panels.as";
import { philox4, word0, word1, word2, word3 } from "../../assembly/philox.as";
import { loadLanes, madd } from "../../assembly/simd.as";
import { TILE_BYTES, multiplyPanels } from "../../assembly/tiles.as";
import { blocksOf, keep } from "./attention-dropout.as";
import {
  DY, K, MaskKind, PANEL_QUERIES, Q, V, arePadding, causal, finite, heads, keys, keysFor, keysShown, maskKind, multiplyPanel, packFeatures,
  packQueries, packTokens, panelStep, queries, rounded, rowAt, scoresOf, valueWidth, width, word,
} from "./attention-panels.as";
import { anyNaN, anyWild, selectKeys, selectOuter } from "./attention-select.as";

/** Queries of one backward round. @shared */
// @ts-ignore: decorator
@inline const TILE_QUERIES: i32 = 64;

const ONES: usize = memory.data<f32>([1, 1, 1, 1, 1, 1, 1, 1]);

/** scores = P = exp(scores − lse), dp = dS · scale = P ⊙ (dp − δ) · scale, for [count keys][8]; `minusDelta` holds −δ · scale. */
function scoreGradients(
  scores: usize, dp: usize, count: i32, lse0: v128, lse1: v128, minusDelta0: v128, minusDelta1: v128, scale: f32,
): void {
  const factor = f32x4.splat(scale);
  for (const end = scores + (<usize>count << 5); scores != end; scores += 32) {
    const p0 = expNegative4(f32x4.sub(v128.load(scores), lse0)), p1 = expNegative4(f32x4.sub(v128.load(scores, 16), lse1));
    v128.store(scores, p0);
    v128.store(scores, p1, 16);
    v128.store(dp, f32x4.mul(p0, madd(v128.load(dp), factor, minusDelta0)));
    v128.store(dp, f32x4.mul(p1, madd(v128.load(dp, 16), factor, minusDelta1)), 16);
    dp += 32;
  }
}

// @ts-ignore: decorator
@inline function gradient(scores: usize, dp: usize, kept: v128, lse: v128, minusDelta: v128, factor: v128, keepScale: v128): void {
  const p = expNegative4(f32x4.sub(v128.load(scores), lse));
  v128.store(dp, f32x4.mul(p, madd(v128.and(v128.load(dp), kept), factor, minusDelta)));
  v128.store(scores, v128.and(f32x4.mul(p, keepScale), kept));
}

// @ts-ignore: decorator
@inline function fourGradients(
  scores: usize, dp: usize, below: v128, lse: v128, minusDelta: v128, factor: v128, keepScale: v128,
): void {
  gradient(scores, dp, keep(word0, below), lse, minusDelta, factor, keepScale);
  gradient(scores + 32, dp + 32, keep(word1, below), lse, minusDelta, factor, keepScale);
  gradient(scores + 64, dp + 64, keep(word2, below), lse, minusDelta, factor, keepScale);
  gradient(scores + 96, dp + 96, keep(word3, below), lse, minusDelta, factor, keepScale);
}

/**
 * With P = exp(scores − lse) and m = M · keepScale: dp = P ⊙ (dp ⊙ m − δ) · scale, scores = P ⊙ m, for [count keys][8] of rows
 * row … row + 7; `minusDelta` holds −δ · scale. Whole groups of four keys, as above.
 */
function dropScoreGradients(
  scores: usize, dp: usize, count: i32, lse0: v128, lse1: v128, minusDelta0: v128, minusDelta1: v128, scale: f32, keepScale: f32,
  row: i32, blocks: i32, below: i32, drawLow: i32, drawHigh: i32, seedLow: i32, seedHigh: i32,
): void {
  const limit = i32x4.splat(below), one = i32x4.splat(1);
  const factor = f32x4.splat(scale * keepScale), kept = f32x4.splat(keepScale);
  let low = blocksOf(row, blocks), high = blocksOf(row + 4, blocks);
  for (const end = scores + (<usize>count << 5); scores < end; scores += 128) {
    philox4(low, drawLow, drawHigh, seedLow, seedHigh);
    fourGradients(scores, dp, limit, lse0, minusDelta0, factor, kept);
    philox4(high, drawLow, drawHigh, seedLow, seedHigh);
    fourGradients(scores + 16, dp + 16, limit, lse1, minusDelta1, factor, kept);
    low = i32x4.add(low, one);
    high = i32x4.add(high, one);
    dp += 128;
  }
}

/** dst[key, feature] += Σ_query X[key][query] · operand[query, feature], where X comes as panels of 8 queries, `span` bytes apart. */
function addOuter(
  dst: usize, ldc: usize, panels: usize, span: usize, count: i32, base: usize, words: usize, operand: usize, b: i32, t: i32, h: i32,
  n: i32, features: i32, left: usize, right: usize, tileScratch: usize, accumulate: bool,
): void {
  pack8(right, <usize>n << 5, rowAt(base, words, operand, b, t, h), word(words, operand + 3), word(words, operand + 1), features, n);
  if (anyWild(right, <usize>((features + 7) >> 3) * (<usize>n << 5))) {
    selectOuter(dst, ldc, panels, span, count, base, words, operand, b, t, h, n, features, accumulate);
    return;
  }
  for (let i = 0; i < n; i += PANEL_QUERIES) {
    packRows(left + panelStep(i), panelStep(n), panels, PANEL_QUERIES, 1, count, min(n - i, PANEL_QUERIES));
    panels += span;
  }
  multiplyPanels(count, features, n, left, right, dst, ldc, accumulate, tileScratch);
}

/**
 * dQ, dK and dV. A task has `headsPerTask` of the `count` = B · H heads, one after the other in the same scratch: for each task, in
 * floats, rounded(Tk) · (D + Dv + 192) + rounded(D) · (Tk + 8) + 8 · (D + 2 Dv) + 64 · (max(D, Dv) + 8) + 96. `below`: 0 where no
 * weight is dropped.
 */
export function attention_backward_f32(
  task: i32, dy: usize, q: usize, k: usize, v: usize, mask: optional, y: usize, lse: usize, dq: usize, dk: usize, dv: usize,
  scratch: usize, scale: f32, words: usize, below: i32, keepScale: f32, seedLow: f64, seedHigh: f64, counter: f64,
  count: i32, headsPerTask: i32,
): void {
  const d = width(words), e = valueWidth(words), tk = keys(words);
  const rows = <usize>rounded(tk) << 2;
  const bytes = rows * <usize>(d + e + 3 * TILE_QUERIES) + ((<usize>rounded(d) * <usize>(tk + PANEL_QUERIES)) << 2)
    + (<usize>(d + 2 * e) << 5) + ((<usize>TILE_QUERIES * <usize>(max(d, e) + PANEL_QUERIES)) << 2) + TILE_BYTES;
  scratch += <usize>task * bytes;
  for (let head = task * headsPerTask, end = min(head + headsPerTask, count); head < end; head++)
    headGradients(
      head, dy, q, k, v, mask, y, lse, dq, dk, dv, scratch, scale, words, below, keepScale,
      <i32><u32><u64>counter, <i32><u32>(<u64>counter >> 32), <i32><u32>seedLow, <i32><u32>seedHigh,
    );
}

/** One head, in rounds of 64 queries. */
function headGradients(
  head: i32, dy: usize, q: usize, k: usize, v: usize, mask: usize, y: usize, lse: usize, dq: usize, dk: usize, dv: usize,
  tileScratch: usize, scale: f32, words: usize, below: i32, keepScale: f32, drawLow: i32, drawHigh: i32, seedLow: i32, seedHigh: i32,
): void {
  const tq = queries(words), tk = keys(words), d = width(words), e = valueWidth(words), all = heads(words);
  const b = head / all, h = head % all;
  const rows = <usize>rounded(tk) << 2;
  const keyRows = tileScratch + TILE_BYTES;
  const valueRows = keyRows + rows * <usize>d;
  const keyFeatures = valueRows + rows * <usize>e;
  const panelOfDq = keyFeatures + ((<usize>rounded(d) * <usize>tk) << 2);
  const panelOfQ = panelOfDq + (<usize>rounded(d) << 5);
  const panelOfDy = panelOfQ + (<usize>d << 5);
  const panelOfY = panelOfDy + (<usize>e << 5);
  const right = panelOfY + (<usize>e << 5);
  const left = right + ((<usize>TILE_QUERIES * <usize>(max(d, e) + PANEL_QUERIES)) << 2);
  const scores = left + rows * <usize>TILE_QUERIES;
  const gradients = scores + rows * <usize>TILE_QUERIES;
  const span = rows << 3;

  packTokens(keyRows, k, words, K, b, h, tk, d);
  packTokens(valueRows, v, words, V, b, h, tk, e);
  packFeatures(keyFeatures, k, words, K, b, h, tk, d);
  const firstKey = <usize>b * <usize>tk * <usize>all + <usize>h;
  const rowOfD = <usize>(all * d) << 2, rowOfE = <usize>(all * e) << 2;
  dk += (firstKey * <usize>d) << 2;
  dv += (firstKey * <usize>e) << 2;
  const shown = keysShown(mask, words, b, h);
  // The first round may not reach all keys, or not take place.
  const cleared = causal(words) || tq == 0 || shown < tk || maskKind(words) == MaskKind.tokens;
  if (cleared)
    for (let j: usize = 0; j < <usize>tk; j++) {
      memory.fill(dk + j * rowOfD, 0, <usize>d << 2);
      memory.fill(dv + j * rowOfE, 0, <usize>e << 2);
    }
  for (let t0 = 0; t0 < tq; t0 += TILE_QUERIES) {
    const n = min(tq - t0, TILE_QUERIES);
    const reach = keysFor(words, shown, t0 + ((n - 1) & ~7));
    let attended = false;
    let p = scores, ds = gradients;
    for (let t = t0; t < t0 + n; t += PANEL_QUERIES) {
      const lanes = min(tq - t, PANEL_QUERIES);
      const token = (<usize>b * <usize>tq + <usize>t) * <usize>all + <usize>h;
      const count = arePadding(mask, words, b, t, h, lanes) ? 0 : keysFor(words, shown, t);
      if (count == 0) {
        for (let i: usize = 0; i < <usize>lanes; i++) memory.fill(dq + ((token * <usize>d) << 2) + i * rowOfD, 0, <usize>d << 2);
        memory.fill(p, 0, <usize>reach << 5);
        memory.fill(ds, 0, <usize>reach << 5);
        p += span;
        ds += span;
        continue;
      }
      attended = true;
      packQueries(panelOfQ, q, words, Q, b, t, h, lanes, d, scale);
      scoresOf(p, keyRows, panelOfQ, mask, words, b, t, h, lanes, count);
      packQueries(panelOfDy, dy, words, DY, b, t, h, lanes, e, 1);
      multiplyPanel(count, e, valueRows, panelStep(e), panelOfDy, ds);
      pack8(panelOfY, 0, y + ((token * <usize>e) << 2), all * e, 1, lanes, e);
      let delta0 = f32x4.splat(0), delta1 = delta0;
      for (let i: usize = 0; i < <usize>e << 5; i += 32) {
        delta0 = madd(v128.load(panelOfDy + i), v128.load(panelOfY + i), delta0);
        delta1 = madd(v128.load(panelOfDy + i, 16), v128.load(panelOfY + i, 16), delta1);
      }
      const lseAt = lse + ((<usize>head * <usize>tq + <usize>t) << 2);
      const lse0 = finite(loadLanes(lseAt, 4, min(lanes, 4)));
      const lse1 = lanes > 4 ? finite(loadLanes(lseAt + 16, 4, lanes - 4)) : f32x4.splat(0);
      const minusScale = f32x4.splat(-scale);
      if (below)
        dropScoreGradients(
          p, ds, count, lse0, lse1, f32x4.mul(delta0, minusScale), f32x4.mul(delta1, minusScale), scale, keepScale,
          head * tq + t, (tk + 3) >> 2, below,
          drawLow, drawHigh, seedLow, seedHigh,
        );
      else scoreGradients(p, ds, count, lse0, lse1, f32x4.mul(delta0, minusScale), f32x4.mul(delta1, minusScale), scale);
      multiplyPanel(d, count, keyFeatures, panelStep(tk), ds, panelOfDq);
      if (anyNaN(panelOfDq, <usize>d << 5)) selectKeys(panelOfDq, ds, p, keyFeatures, tk, d, lanes, count);
      unpack8(dq + ((token * <usize>d) << 2), rowOfD, panelOfDq, ONES, lanes, d);
      // What the later queries of this round reach, and these do not.
      memory.fill(p + (<usize>count << 5), 0, <usize>(reach - count) << 5);
      memory.fill(ds + (<usize>count << 5), 0, <usize>(reach - count) << 5);
      p += span;
      ds += span;
    }
    if (!attended) continue;
    const accumulate = cleared || t0 > 0;
    addOuter(dk, rowOfD, gradients, span, reach, q, words, Q, b, t0, h, n, d, left, right, tileScratch, accumulate);
    addOuter(dv, rowOfE, scores, span, reach, dy, words, DY, b, t0, h, n, e, left, right, tileScratch, accumulate);
  }
}
