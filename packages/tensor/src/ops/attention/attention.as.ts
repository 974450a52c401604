/**
 * Scaled dot-product attention.
 *
 *   S = scale · Q Kᵀ + mask,  P = softmax(S) along the keys,  Y = P V        for each batch entry and head
 *   with dropout Y = (P ∘ M / (1 − p)) V, M as in attention-dropout.as.ts
 *   lse = log Σ exp S, so that the backward finds P = exp(S − lse) again
 *
 * Q [B, Tq, H, D], K, V [B, Tk, H, D] with any strides, heads read in place; Y contiguous in that order of dims.
 * The mask [B, H, Tq, Tk] (strides of 0 where it is broadcast) is bool, true = attend, or float, added. A query that may
 * attend to no key gets zeros. Padding at the end of the keys is not multiplied; neither are padded queries,
 * which get zeros and give no gradient, where the mask is one of tokens.
 *
 * A task goes through panels of eight queries (attention-panels.as.ts); never more than one panel of the T x T scores exists.
 * float32 throughout.
 * After Dao et al., "FlashAttention", 2022, and
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
 */
export * from "./attention-backward.as";
import { expNegative4, log4 } from "../../assembly/math.as";
import { optional } from "../../assembly/optional.as";
import { unpack8 } from "../../assembly/panels.as";
import { storeLanes } from "../../assembly/simd.as";
import { dropWeights } from "./attention-dropout.as";
import {
  K, PANEL_QUERIES, Q, V, arePadding, finite, heads, keys, keysFor, keysShown, multiplyPanel, packFeatures, packQueries, packTokens,
  panelsPerTask, panelStep, queries, rounded, scoresOf, valueWidth, width,
} from "./attention-panels.as";
import { anyNaN, selectValues } from "./attention-select.as";

/** scores = exp(scores − max); then max and the sum of each column, at `stats` as [max 8][sum 8]. */
function exponentials(scores: usize, count: i32, stats: usize): void {
  let max0 = f32x4.splat(-Infinity), max1 = max0;
  const end = scores + (<usize>count << 5);
  for (let s = scores; s != end; s += 32) {
    max0 = f32x4.pmax(max0, v128.load(s));
    max1 = f32x4.pmax(max1, v128.load(s, 16));
  }
  max0 = finite(max0);
  max1 = finite(max1);
  let sum0 = f32x4.splat(0), sum1 = sum0;
  let s = scores;
  for (const pairs = scores + (<usize>(count & ~1) << 5); s != pairs; s += 64) {
    const a = expNegative4(f32x4.sub(v128.load(s), max0)), b = expNegative4(f32x4.sub(v128.load(s, 16), max1));
    const c = expNegative4(f32x4.sub(v128.load(s, 32), max0)), d = expNegative4(f32x4.sub(v128.load(s, 48), max1));
    v128.store(s, a);
    v128.store(s, b, 16);
    v128.store(s, c, 32);
    v128.store(s, d, 48);
    sum0 = f32x4.add(f32x4.add(sum0, a), c);
    sum1 = f32x4.add(f32x4.add(sum1, b), d);
  }
  if (count & 1) {
    const a = expNegative4(f32x4.sub(v128.load(s), max0)), b = expNegative4(f32x4.sub(v128.load(s, 16), max1));
    v128.store(s, a);
    v128.store(s, b, 16);
    sum0 = f32x4.add(sum0, a);
    sum1 = f32x4.add(sum1, b);
  }
  v128.store(stats, max0);
  v128.store(stats, max1, 16);
  v128.store(stats, sum0, 32);
  v128.store(stats, sum1, 48);
}

/** 1 / x, and 0 where x is 0. */
// @ts-ignore: decorator
@inline function inverse(x: v128): v128 {
  return v128.andnot(f32x4.div(f32x4.splat(1), x), f32x4.eq(x, f32x4.splat(0)));
}

/**
 * K (rows = keys) and V (rows = features) of one head per task, as left operands. `packed` holds for each head
 * rounded(Tk) · D + rounded(Dv) · Tk floats.
 */
export function attention_pack_f32(task: i32, k: usize, v: usize, packed: usize, words: usize): void {
  const b = task / heads(words), h = task % heads(words);
  const tk = keys(words), d = width(words), dv = valueWidth(words);
  const forKeys = <usize>rounded(tk) * <usize>d, forValues = <usize>rounded(dv) * <usize>tk;
  const at = packed + ((<usize>task * (forKeys + forValues)) << 2);
  packTokens(at, k, words, K, b, h, tk, d);
  packFeatures(at + (forKeys << 2), v, words, V, b, h, tk, dv);
}

/**
 * Y and, unless it is 0, lse [B, H, Tq]. A task computes `panelsPerTask` panels of 8 queries of one head; `scratch` holds for
 * each task 8 · (D + rounded(Tk) + rounded(Dv) + 2) floats. `below`: 0 where no weight is dropped.
 */
export function attention_f32(
  task: i32, q: usize, packed: usize, mask: optional, y: usize, lse: optional, scratch: usize, scale: f32, words: usize,
  below: i32, keepScale: f32, seedLow: f64, seedHigh: f64, counter: f64,
): void {
  const tq = queries(words), tk = keys(words), d = width(words), dv = valueWidth(words), all = heads(words);
  const span = panelsPerTask(words) << 3;
  const tasksPerHead = (tq + span - 1) / span;
  const head = task / tasksPerHead;
  const b = head / all, h = head % all;
  const forKeys = <usize>rounded(tk) * <usize>d, forValues = <usize>rounded(dv) * <usize>tk;
  const packedKeys = packed + ((<usize>head * (forKeys + forValues)) << 2);
  const packedValues = packedKeys + (forKeys << 2);
  const stats = scratch + (<usize>task * <usize>(d + rounded(tk) + rounded(dv) + 2) << 5);
  const panelOfQ = stats + 64;
  const scores = panelOfQ + (<usize>d << 5);
  const outputs = scores + (<usize>rounded(tk) << 5);
  const row = <usize>(all * dv) << 2;
  const first = (task % tasksPerHead) * span;
  const shown = keysShown(mask, words, b, h);
  for (let t = first, end = min(first + span, tq); t < end; t += PANEL_QUERIES) {
    const lanes = min(tq - t, PANEL_QUERIES);
    // Queries that are padding attend to nothing.
    const count = arePadding(mask, words, b, t, h, lanes) ? 0 : keysFor(words, shown, t);
    if (count > 0) {
      packQueries(panelOfQ, q, words, Q, b, t, h, lanes, d, scale);
      scoresOf(scores, packedKeys, panelOfQ, mask, words, b, t, h, lanes, count);
    }
    exponentials(scores, count, stats);
    if (below)
      dropWeights(
        scores, count, head * tq + t, (tk + 3) >> 2, below,
        <i32><u32><u64>counter, <i32><u32>(<u64>counter >> 32), <i32><u32>seedLow, <i32><u32>seedHigh,
      );
    multiplyPanel(dv, count, packedValues, panelStep(tk), scores, outputs);
    if (anyNaN(outputs, <usize>dv << 5))
      selectValues(
        outputs, scores, stats + 32, packedValues, tk, dv, packedKeys, panelOfQ, mask, words, b, t, h, lanes, count,
      );
    const sum0 = v128.load(stats, 32), sum1 = v128.load(stats, 48);
    let share0 = inverse(sum0), share1 = inverse(sum1);
    if (below) {
      share0 = f32x4.mul(share0, f32x4.splat(keepScale));
      share1 = f32x4.mul(share1, f32x4.splat(keepScale));
    }
    v128.store(stats, share0, 32);
    v128.store(stats, share1, 48);
    const at = y + ((((<usize>b * <usize>tq + <usize>t) * <usize>all + <usize>h) * <usize>dv) << 2);
    unpack8(at, row, outputs, stats + 32, lanes, dv);
    if (lse) {
      const to = lse + ((<usize>head * <usize>tq + <usize>t) << 2);
      storeLanes(to, f32x4.add(v128.load(stats), log4(sum0)), 4, min(lanes, 4));
      if (lanes > 4) storeLanes(to + 16, f32x4.add(v128.load(stats, 16), log4(sum1)), 4, lanes - 4);
    }
  }
}
