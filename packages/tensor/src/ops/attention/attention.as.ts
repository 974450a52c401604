/**
 * Scaled dot-product attention, forward and backward.
 *
 *   S = scale · Q Kᵀ + mask,  P = softmax(S) along the keys,  Y = P V        for each batch entry and head
 *   lse = log Σ exp S, so that the backward finds P = exp(S − lse) again
 *   dV = Pᵀ dY,  dS = P ⊙ (dY Vᵀ − δ),  δ = Σ dY ⊙ Y,  dQ = scale · dS K,  dK = scale · dSᵀ Q
 *
 * Q, dY [B, Tq, H, D], K, V [B, Tk, H, D] with any strides, heads read in place; Y, dQ, dK, dV contiguous in that order of dims.
 * The mask [B, H, Tq, Tk] (strides of 0 where it is broadcast) is bool, true = attend, or float, added. A query that may
 * attend to no key gets zeros, where torch gets NaN. Padding at the end of the keys is not multiplied; neither are padded queries,
 * which get zeros and give no gradient, where the mask is one of tokens.
 *
 * Everything is kept transposed, eight queries side by side: the scores of a panel are [Tk][8], at once the output of one
 * micro-kernel and the right operand of the next, and softmax runs down the panel without horizontal sums. Never more than
 * one panel (forward) or 64 queries (backward) of the T x T scores exist. float32 throughout; masked scores are −∞.
 * After Dao et al., "FlashAttention", 2022, and
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
 */
import { expNegative4, log4 } from "../../assembly/math.as";
import { pack8, packRows, unpack8 } from "../../assembly/panels.as";
import { loadLanes, madd, storeLanes } from "../../assembly/simd.as";
import { ROUND, ROWS, TILE_BYTES, multiplyPanels, tile } from "../../assembly/tiles.as";

/** Queries of one backward round. */
// @ts-ignore: decorator
@inline const TILE_QUERIES: i32 = 64;

const ONES: usize = memory.data<f32>([1, 1, 1, 1, 1, 1, 1, 1]);

// The words of a launch: sizes, flags, then strides [B, T, H, D] of each operand and [B, H, Tq, Tk] of the mask.
// @ts-ignore: decorator
@inline function word(words: usize, index: usize): i32 {
  return load<i32>(words + (index << 2));
}
// @ts-ignore: decorator
@inline function heads(words: usize): i32 { return word(words, 0); }
// @ts-ignore: decorator
@inline function queries(words: usize): i32 { return word(words, 1); }
// @ts-ignore: decorator
@inline function keys(words: usize): i32 { return word(words, 2); }
/** Width of Q and K. */
// @ts-ignore: decorator
@inline function width(words: usize): i32 { return word(words, 3); }
/** Width of V and Y. */
// @ts-ignore: decorator
@inline function valueWidth(words: usize): i32 { return word(words, 4); }
// @ts-ignore: decorator
@inline function causal(words: usize): bool { return word(words, 5) != 0; }
/** 0 none, 1 bool, 2 float, 3 bool of tokens: what is no key is no query either. */
// @ts-ignore: decorator
@inline function maskKind(words: usize): i32 { return word(words, 6); }
/** Panels of 8 queries in one forward task. */
// @ts-ignore: decorator
@inline function panelsPerTask(words: usize): i32 { return word(words, 7); }

// @ts-ignore: decorator
@inline const Q: usize = 8;
// @ts-ignore: decorator
@inline const K: usize = 12;
// @ts-ignore: decorator
@inline const V: usize = 16;
// @ts-ignore: decorator
@inline const DY: usize = 20;
// @ts-ignore: decorator
@inline const MASK: usize = 24;

/** Address of token `t` of a head, in an operand whose strides are at `operand`. */
// @ts-ignore: decorator
@inline function rowAt(base: usize, words: usize, operand: usize, b: i32, t: i32, h: i32): usize {
  const offset =
    <usize>b * <usize>word(words, operand) + <usize>t * <usize>word(words, operand + 1) + <usize>h * <usize>word(words, operand + 2);
  return base + (offset << 2);
}

// @ts-ignore: decorator
@inline function rounded(rows: i32): i32 {
  return ((rows + ROUND - 1) / ROUND) * ROUND;
}

/** Bytes of a left panel. */
// @ts-ignore: decorator
@inline function panelStep(depth: i32): usize {
  return <usize>depth * <usize>(ROWS << 2);
}

/** Rows = tokens of one head, in panels of ROWS: the left operand of (·)Qᵀ. */
function packTokens(dst: usize, base: usize, words: usize, operand: usize, b: i32, h: i32, tokens: i32, depth: i32): void {
  packRows(dst, panelStep(depth), rowAt(base, words, operand, b, 0, h), word(words, operand + 1), word(words, operand + 3), tokens, depth);
}

/** Rows = features of one head: the left operand of (·)ᵀP. */
function packFeatures(dst: usize, base: usize, words: usize, operand: usize, b: i32, h: i32, tokens: i32, features: i32): void {
  packRows(dst, panelStep(tokens), rowAt(base, words, operand, b, 0, h), word(words, operand + 3), word(words, operand + 1), features, tokens);
}

/** Eight queries side by side: [depth][8], times `factor`. */
function packQueries(
  dst: usize, base: usize, words: usize, operand: usize, b: i32, t: i32, h: i32, count: i32, depth: i32, factor: f32,
): void {
  pack8(dst, 0, rowAt(base, words, operand, b, t, h), word(words, operand + 1), word(words, operand + 3), count, depth);
  if (factor == 1) return;
  const factors = f32x4.splat(factor);
  for (const end = dst + (<usize>depth << 5); dst != end; dst += 16) v128.store(dst, f32x4.mul(v128.load(dst), factors));
}

/** C panel [rows][8] = A · B panel [depth][8], panels of A `step` bytes apart. Whole tiles: C has room for `rounded(rows)`. */
function multiplyPanel(rows: i32, depth: i32, a: usize, step: usize, b: usize, c: usize): void {
  for (let i = 0; i < rows; i += ROWS) {
    tile(depth, a, b, c, 32, false);
    a += step;
    c += <usize>(ROWS << 5);
  }
}

/** Adds the mask to the scores [count keys][8] of queries t … t + lanes − 1. */
function addMask(scores: usize, mask: usize, words: usize, b: i32, t: i32, h: i32, lanes: i32, count: i32): void {
  const strideQ = <usize>word(words, MASK + 2), strideK = <usize>word(words, MASK + 3);
  const start = <usize>b * <usize>word(words, MASK) + <usize>h * <usize>word(words, MASK + 1) + <usize>t * strideQ;
  const end = scores + (<usize>count << 5);
  if (maskKind(words) != 2) {
    let from = mask + start;
    for (; scores != end; scores += 32) {
      if (strideQ == 0) {
        if (!load<u8>(from)) {
          v128.store(scores, f32x4.splat(-Infinity));
          v128.store(scores, f32x4.splat(-Infinity), 16);
        }
      } else for (let i: usize = 0; i < <usize>lanes; i++) if (!load<u8>(from + i * strideQ)) store<f32>(scores + (i << 2), -Infinity);
      from += strideK;
    }
  } else {
    let from = mask + (start << 2);
    for (; scores != end; scores += 32) {
      for (let i: usize = 0; i < <usize>lanes; i++) {
        const at = scores + (i << 2);
        store<f32>(at, load<f32>(at) + load<f32>(from + ((i * strideQ) << 2)));
      }
      from += strideK << 2;
    }
  }
}

/** Scores of keys after their query become −∞: key j, query t + i, i < j − t. */
function maskFuture(scores: usize, t: i32, count: i32): void {
  for (let j = t + 1; j < count; j++)
    for (let i = 0; i < min(j - t, 8); i++) store<f32>(scores + (<usize>j << 5) + (<usize>i << 2), -Infinity);
}

/** Whether the mask shows key j, and for masks of tokens query j, to a head's queries: for masks that are alike for all of them. */
// @ts-ignore: decorator
@inline function shows(mask: usize, words: usize, b: i32, h: i32, j: i32): bool {
  const at =
    <usize>b * <usize>word(words, MASK) + <usize>h * <usize>word(words, MASK + 1) + <usize>j * <usize>word(words, MASK + 3);
  return load<u8>(mask + at) != 0;
}

/** The keys of a head without the padding at their end. */
function keysShown(mask: usize, words: usize, b: i32, h: i32): i32 {
  let count = keys(words);
  const kind = maskKind(words);
  if ((kind == 1 || kind == 3) && word(words, MASK + 2) == 0) while (count > 0 && !shows(mask, words, b, h, count - 1)) count--;
  return count;
}

/** Whether all of the queries t … t + lanes − 1 are padding. */
function arePadding(mask: usize, words: usize, b: i32, t: i32, h: i32, lanes: i32): bool {
  if (maskKind(words) != 3) return false;
  for (let i = 0; i < lanes; i++) if (shows(mask, words, b, h, t + i)) return false;
  return true;
}

/** Scores of queries that are padding become −∞. */
function hideQueries(scores: usize, mask: usize, words: usize, b: i32, t: i32, h: i32, lanes: i32, count: i32): void {
  for (let i = 0; i < lanes; i++) {
    if (shows(mask, words, b, h, t + i)) continue;
    for (let j = 0; j < count; j++) store<f32>(scores + (<usize>j << 5) + (<usize>i << 2), -Infinity);
  }
}

/** How many of `shown` keys the queries t … t + 7 may attend to. */
// @ts-ignore: decorator
@inline function keysFor(words: usize, shown: i32, t: i32): i32 {
  return causal(words) ? min(shown, t + 8) : shown;
}

/** The masked scores of 8 queries, [count keys][8]. */
function scoresOf(
  scores: usize, packedKeys: usize, packedQueries: usize, mask: usize, words: usize, b: i32, t: i32, h: i32, lanes: i32, count: i32,
): void {
  const depth = width(words);
  multiplyPanel(count, depth, packedKeys, panelStep(depth), packedQueries, scores);
  if (maskKind(words)) addMask(scores, mask, words, b, t, h, lanes, count);
  if (maskKind(words) == 3) hideQueries(scores, mask, words, b, t, h, lanes, count);
  if (causal(words)) maskFuture(scores, t, count);
}

/** −∞ becomes 0: what is taken off the scores must be finite. */
// @ts-ignore: decorator
@inline function finite(x: v128): v128 {
  return v128.andnot(x, f32x4.eq(x, f32x4.splat(-Infinity)));
}

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
 * each task 8 · (D + rounded(Tk) + rounded(Dv) + 2) floats.
 */
export function attention_f32(
  task: i32, q: usize, packed: usize, mask: usize, y: usize, lse: usize, scratch: usize, scale: f32, words: usize,
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
  for (let t = first, end = min(first + span, tq); t < end; t += 8) {
    const lanes = min(tq - t, 8);
    // Queries that are padding attend to nothing.
    const count = arePadding(mask, words, b, t, h, lanes) ? 0 : keysFor(words, shown, t);
    if (count > 0) {
      packQueries(panelOfQ, q, words, Q, b, t, h, lanes, d, scale);
      scoresOf(scores, packedKeys, panelOfQ, mask, words, b, t, h, lanes, count);
    }
    exponentials(scores, count, stats);
    multiplyPanel(dv, count, packedValues, panelStep(tk), scores, outputs);
    const sum0 = v128.load(stats, 32), sum1 = v128.load(stats, 48);
    v128.store(stats, inverse(sum0), 32);
    v128.store(stats, inverse(sum1), 48);
    const at = y + ((((<usize>b * <usize>tq + <usize>t) * <usize>all + <usize>h) * <usize>dv) << 2);
    unpack8(at, row, outputs, stats + 32, lanes, dv);
    if (lse) {
      const to = lse + ((<usize>head * <usize>tq + <usize>t) << 2);
      storeLanes(to, f32x4.add(v128.load(stats), log4(sum0)), 4, min(lanes, 4));
      if (lanes > 4) storeLanes(to + 16, f32x4.add(v128.load(stats, 16), log4(sum1)), 4, lanes - 4);
    }
  }
}

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

/** dst[key, feature] += Σ_query X[key][query] · operand[query, feature], where X comes as panels of 8 queries, `span` bytes apart. */
function addOuter(
  dst: usize, ldc: usize, panels: usize, span: usize, count: i32, base: usize, words: usize, operand: usize, b: i32, t: i32, h: i32,
  n: i32, features: i32, left: usize, right: usize, tileScratch: usize, accumulate: bool,
): void {
  for (let i = 0; i < n; i += 8) {
    packRows(left + panelStep(i), panelStep(n), panels, 8, 1, count, min(n - i, 8));
    panels += span;
  }
  pack8(right, <usize>n << 5, rowAt(base, words, operand, b, t, h), word(words, operand + 3), word(words, operand + 1), features, n);
  multiplyPanels(count, features, n, left, right, dst, ldc, accumulate, tileScratch);
}

/**
 * dQ, dK and dV of one head per task, in rounds of 64 queries. `scratch` holds for each task, in floats,
 * rounded(Tk) · (D + Dv + 192) + rounded(D) · (Tk + 8) + 8 · (D + 2 Dv) + 64 · (max(D, Dv) + 8) + 96.
 */
export function attention_backward_f32(
  task: i32, dy: usize, q: usize, k: usize, v: usize, mask: usize, y: usize, lse: usize, dq: usize, dk: usize, dv: usize,
  scratch: usize, scale: f32, words: usize,
): void {
  const tq = queries(words), tk = keys(words), d = width(words), e = valueWidth(words), all = heads(words);
  const b = task / all, h = task % all;
  const rows = <usize>rounded(tk) << 2;
  const bytes = rows * <usize>(d + e + 3 * TILE_QUERIES) + ((<usize>rounded(d) * <usize>(tk + 8)) << 2)
    + (<usize>(d + 2 * e) << 5) + ((<usize>TILE_QUERIES * <usize>(max(d, e) + 8)) << 2) + TILE_BYTES;
  const tileScratch = scratch + <usize>task * bytes;
  const keyRows = tileScratch + TILE_BYTES;
  const valueRows = keyRows + rows * <usize>d;
  const keyFeatures = valueRows + rows * <usize>e;
  const panelOfDq = keyFeatures + ((<usize>rounded(d) * <usize>tk) << 2);
  const panelOfQ = panelOfDq + (<usize>rounded(d) << 5);
  const panelOfDy = panelOfQ + (<usize>d << 5);
  const panelOfY = panelOfDy + (<usize>e << 5);
  const right = panelOfY + (<usize>e << 5);
  const left = right + ((<usize>TILE_QUERIES * <usize>(max(d, e) + 8)) << 2);
  const scores = left + rows * <usize>TILE_QUERIES;
  const gradients = scores + rows * <usize>TILE_QUERIES;
  const span = rows << 3;

  packTokens(keyRows, k, words, K, b, h, tk, d);
  packTokens(valueRows, v, words, V, b, h, tk, e);
  packFeatures(keyFeatures, k, words, K, b, h, tk, d);
  const head = <usize>b * <usize>tk * <usize>all + <usize>h;
  const rowOfD = <usize>(all * d) << 2, rowOfE = <usize>(all * e) << 2;
  dk += (head * <usize>d) << 2;
  dv += (head * <usize>e) << 2;
  const shown = keysShown(mask, words, b, h);
  // The first round may not reach all keys, or not take place.
  const cleared = causal(words) || tq == 0 || shown < tk || maskKind(words) == 3;
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
    for (let t = t0; t < t0 + n; t += 8) {
      const lanes = min(tq - t, 8);
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
      const lseAt = lse + ((<usize>task * <usize>tq + <usize>t) << 2);
      const lse0 = finite(loadLanes(lseAt, 4, min(lanes, 4)));
      const lse1 = lanes > 4 ? finite(loadLanes(lseAt + 16, 4, lanes - 4)) : f32x4.splat(0);
      const minusScale = f32x4.splat(-scale);
      scoreGradients(p, ds, count, lse0, lse1, f32x4.mul(delta0, minusScale), f32x4.mul(delta1, minusScale), scale);
      multiplyPanel(d, count, keyFeatures, panelStep(tk), ds, panelOfDq);
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
