/**
 * What attention's forward and backward share: the words of a launch, packing, and masked scores.
 *
 * Everything is kept transposed, eight queries side by side: the scores of a panel are [Tk][8], at once the output of one
 * micro-kernel and the right operand of the next, and softmax runs down the panel without horizontal sums. Masked scores are −∞.
 * Q, dY [B, Tq, H, D] and K, V [B, Tk, H, D] have any strides: heads are read in place.
 */
import { pack8, packRows } from "../../assembly/panels.as";
import { ROUND, ROWS, tile } from "../../assembly/tiles.as";

/** Queries of a panel: the width of the right operand of every tile. @shared */
// @ts-ignore: decorator
@inline export const PANEL_QUERIES: i32 = 8;

/** What the mask is; `tokens` is a bool one where what is no key is no query either. @shared */
export const enum MaskKind {
  none = 0,
  bool = 1,
  float = 2,
  tokens = 3,
}

// The words of a launch: sizes, flags, then strides [B, T, H, D] of each operand and [B, H, Tq, Tk] of the mask.
// @ts-ignore: decorator
@inline export function word(words: usize, index: usize): i32 {
  return load<i32>(words + (index << 2));
}
// @ts-ignore: decorator
@inline export function heads(words: usize): i32 { return word(words, 0); }
// @ts-ignore: decorator
@inline export function queries(words: usize): i32 { return word(words, 1); }
// @ts-ignore: decorator
@inline export function keys(words: usize): i32 { return word(words, 2); }
/** Width of Q and K. */
// @ts-ignore: decorator
@inline export function width(words: usize): i32 { return word(words, 3); }
/** Width of V and Y. */
// @ts-ignore: decorator
@inline export function valueWidth(words: usize): i32 { return word(words, 4); }
// @ts-ignore: decorator
@inline export function causal(words: usize): bool { return word(words, 5) != 0; }
/** A MaskKind. */
// @ts-ignore: decorator
@inline export function maskKind(words: usize): i32 { return word(words, 6); }
/** Panels of 8 queries in one forward task. */
// @ts-ignore: decorator
@inline export function panelsPerTask(words: usize): i32 { return word(words, 7); }

// @ts-ignore: decorator
@inline export const Q: usize = 8;
// @ts-ignore: decorator
@inline export const K: usize = 12;
// @ts-ignore: decorator
@inline export const V: usize = 16;
// @ts-ignore: decorator
@inline export const DY: usize = 20;
// @ts-ignore: decorator
@inline export const MASK: usize = 24;

/** Address of token `t` of a head, in an operand whose strides are at `operand`. */
// @ts-ignore: decorator
@inline export function rowAt(base: usize, words: usize, operand: usize, b: i32, t: i32, h: i32): usize {
  const offset =
    <usize>b * <usize>word(words, operand) + <usize>t * <usize>word(words, operand + 1) + <usize>h * <usize>word(words, operand + 2);
  return base + (offset << 2);
}

// @ts-ignore: decorator
@inline export function rounded(rows: i32): i32 {
  return ((rows + ROUND - 1) / ROUND) * ROUND;
}

/** Bytes of a left panel. */
// @ts-ignore: decorator
@inline export function panelStep(depth: i32): usize {
  return <usize>depth * <usize>(ROWS << 2);
}

/** Rows = tokens of one head, in panels of ROWS: the left operand of (·)Qᵀ. */
export function packTokens(dst: usize, base: usize, words: usize, operand: usize, b: i32, h: i32, tokens: i32, depth: i32): void {
  packRows(dst, panelStep(depth), rowAt(base, words, operand, b, 0, h), word(words, operand + 1), word(words, operand + 3), tokens, depth);
}

/** Rows = features of one head: the left operand of (·)ᵀP. */
export function packFeatures(dst: usize, base: usize, words: usize, operand: usize, b: i32, h: i32, tokens: i32, features: i32): void {
  packRows(dst, panelStep(tokens), rowAt(base, words, operand, b, 0, h), word(words, operand + 3), word(words, operand + 1), features, tokens);
}

/** Eight queries side by side: [depth][8], times `factor`. */
export function packQueries(
  dst: usize, base: usize, words: usize, operand: usize, b: i32, t: i32, h: i32, count: i32, depth: i32, factor: f32,
): void {
  pack8(dst, 0, rowAt(base, words, operand, b, t, h), word(words, operand + 1), word(words, operand + 3), count, depth);
  if (factor == 1) return;
  const factors = f32x4.splat(factor);
  for (const end = dst + (<usize>depth << 5); dst != end; dst += 16) v128.store(dst, f32x4.mul(v128.load(dst), factors));
}

/** C panel [rows][8] = A · B panel [depth][8], panels of A `step` bytes apart. Whole tiles: C has room for `rounded(rows)`. */
export function multiplyPanel(rows: i32, depth: i32, a: usize, step: usize, b: usize, c: usize): void {
  for (let i = 0; i < rows; i += ROWS) {
    tile(depth, a, b, c, 32, false);
    a += step;
    c += <usize>(ROWS << 5);
  }
}

/** Adds the mask to the scores [count keys][8] of queries t … t + lanes − 1. */
export function addMask(scores: usize, mask: usize, words: usize, b: i32, t: i32, h: i32, lanes: i32, count: i32): void {
  const strideQ = <usize>word(words, MASK + 2), strideK = <usize>word(words, MASK + 3);
  const start = <usize>b * <usize>word(words, MASK) + <usize>h * <usize>word(words, MASK + 1) + <usize>t * strideQ;
  const end = scores + (<usize>count << 5);
  if (maskKind(words) != MaskKind.float) {
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
        const added = load<f32>(from + ((i * strideQ) << 2));
        // Chosen: a hidden key may hold NaN.
        store<f32>(at, added == -Infinity ? added : load<f32>(at) + added);
      }
      from += strideK << 2;
    }
  }
}

/** Scores of keys after their query become −∞: key j, query t + i, i < j − t. */
export function maskFuture(scores: usize, t: i32, count: i32): void {
  for (let j = t + 1; j < count; j++)
    for (let i = 0; i < min(j - t, PANEL_QUERIES); i++) store<f32>(scores + (<usize>j << 5) + (<usize>i << 2), -Infinity);
}

/** Whether the mask shows key j, and for masks of tokens query j, to a head's queries: for masks that are alike for all of them. */
// @ts-ignore: decorator
@inline export function shows(mask: usize, words: usize, b: i32, h: i32, j: i32): bool {
  const at =
    <usize>b * <usize>word(words, MASK) + <usize>h * <usize>word(words, MASK + 1) + <usize>j * <usize>word(words, MASK + 3);
  return load<u8>(mask + at) != 0;
}

/** The keys of a head without the padding at their end. */
export function keysShown(mask: usize, words: usize, b: i32, h: i32): i32 {
  let count = keys(words);
  const kind = maskKind(words);
  if ((kind == MaskKind.bool || kind == MaskKind.tokens) && word(words, MASK + 2) == 0) while (count > 0 && !shows(mask, words, b, h, count - 1)) count--;
  return count;
}

/** Whether all of the queries t … t + lanes − 1 are padding. */
export function arePadding(mask: usize, words: usize, b: i32, t: i32, h: i32, lanes: i32): bool {
  if (maskKind(words) != MaskKind.tokens) return false;
  for (let i = 0; i < lanes; i++) if (shows(mask, words, b, h, t + i)) return false;
  return true;
}

/** Scores of queries that are padding become −∞. */
export function hideQueries(scores: usize, mask: usize, words: usize, b: i32, t: i32, h: i32, lanes: i32, count: i32): void {
  for (let i = 0; i < lanes; i++) {
    if (shows(mask, words, b, h, t + i)) continue;
    for (let j = 0; j < count; j++) store<f32>(scores + (<usize>j << 5) + (<usize>i << 2), -Infinity);
  }
}

/** How many of `shown` keys the queries t … t + 7 may attend to. */
// @ts-ignore: decorator
@inline export function keysFor(words: usize, shown: i32, t: i32): i32 {
  return causal(words) ? min(shown, t + PANEL_QUERIES) : shown;
}

/** The masked scores of 8 queries, [count keys][8]. */
export function scoresOf(
  scores: usize, packedKeys: usize, packedQueries: usize, mask: usize, words: usize, b: i32, t: i32, h: i32, lanes: i32, count: i32,
): void {
  const depth = width(words);
  multiplyPanel(count, depth, packedKeys, panelStep(depth), packedQueries, scores);
  if (maskKind(words) != MaskKind.none) addMask(scores, mask, words, b, t, h, lanes, count);
  if (maskKind(words) == MaskKind.tokens) hideQueries(scores, mask, words, b, t, h, lanes, count);
  if (causal(words)) maskFuture(scores, t, count);
}

/** −∞ becomes 0: what is taken off the scores must be finite. */
// @ts-ignore: decorator
@inline export function finite(x: v128): v128 {
  return v128.andnot(x, f32x4.eq(x, f32x4.splat(-Infinity)));
}
