/**
 * Products of weights and rows that are not finite: 0 · ∞ and 0 · NaN are NaN, so that what is hidden would leak. The fast products
 * run first; where NaN comes out, these slow loops choose instead: a hidden key adds nothing, whatever it holds.
 */
import { ROWS } from "../../assembly/tiles.as";
import {
  MASK, MaskKind, PANEL_QUERIES, causal, maskKind, panelStep, rowAt, shows, width, word,
} from "./attention-panels.as";

/** Whether any of the floats is NaN; whole vectors of 8. */
export function anyNaN(at: usize, bytes: usize): bool {
  let found = i32x4.splat(0);
  for (const end = at + bytes; at != end; at += 32) {
    const a = v128.load(at), b = v128.load(at, 16);
    found = v128.or(found, v128.or(f32x4.ne(a, a), f32x4.ne(b, b)));
  }
  return v128.any_true(found);
}

/** Whether any of the floats is NaN or infinite; whole vectors of 8. */
export function anyWild(at: usize, bytes: usize): bool {
  let found = i32x4.splat(0);
  for (const end = at + bytes; at != end; at += 32) {
    const a = f32x4.sub(v128.load(at), v128.load(at)), b = f32x4.sub(v128.load(at, 16), v128.load(at, 16));
    found = v128.or(found, v128.or(f32x4.ne(a, a), f32x4.ne(b, b)));
  }
  return v128.any_true(found);
}

/** Element [row, k] of a matrix in panels of ROWS rows and `depth` columns. */
// @ts-ignore: decorator
@inline function packedAt(base: usize, depth: i32, row: i32, k: i32): f32 {
  return load<f32>(base + <usize>(row / ROWS) * panelStep(depth) + (<usize>(k * ROWS + row % ROWS) << 2));
}

/** Whether the score of query t, lane i of the panel, and key j is −∞: by the mask, or by itself. */
function isHidden(
  packedKeys: usize, panelOfQ: usize, mask: usize, words: usize, b: i32, t: i32, h: i32, i: i32, j: i32,
): bool {
  if (causal(words) && j > t) return true;
  const kind = maskKind(words), d = width(words);
  let score: f32 = 0;
  if (kind == MaskKind.tokens && !(shows(mask, words, b, h, j) && shows(mask, words, b, h, t))) return true;
  if (kind == MaskKind.bool || kind == MaskKind.float) {
    const at = <usize>b * <usize>word(words, MASK) + <usize>h * <usize>word(words, MASK + 1)
      + <usize>t * <usize>word(words, MASK + 2) + <usize>j * <usize>word(words, MASK + 3);
    if (kind == MaskKind.bool) {
      if (!load<u8>(mask + at)) return true;
    } else {
      score = load<f32>(mask + (at << 2));
      if (score == -Infinity) return true;
    }
  }
  for (let c = 0; c < d; c++) score += load<f32>(panelOfQ + (<usize>(c * PANEL_QUERIES + i) << 2)) * packedAt(packedKeys, d, j, c);
  return score == -Infinity;
}

/** outputs [features][8] = V · weights [count keys][8], without hidden keys; rows whose `sums` are NaN stay as they are. */
export function selectValues(
  outputs: usize, weights: usize, sums: usize, packedValues: usize, tokens: i32, features: i32, packedKeys: usize, panelOfQ: usize,
  mask: usize, words: usize, b: i32, t: i32, h: i32, lanes: i32, count: i32,
): void {
  for (let i = 0; i < lanes; i++) {
    const lane = <usize>i << 2;
    if (isNaN<f32>(load<f32>(sums + lane))) continue;
    for (let f = 0; f < features; f++) store<f32>(outputs + (<usize>f << 5) + lane, 0);
    for (let j = 0; j < count; j++) {
      const weight = load<f32>(weights + (<usize>j << 5) + lane);
      if (weight == 0 && isHidden(packedKeys, panelOfQ, mask, words, b, t + i, h, i, j)) continue;
      for (let f = 0; f < features; f++) {
        const to = outputs + (<usize>f << 5) + lane;
        store<f32>(to, load<f32>(to) + weight * packedAt(packedValues, tokens, f, j));
      }
    }
  }
}

/**
 * dQ [features][8] = K · dS [count keys][8], without keys of no weight P, whatever they hold. Where P is 0, NaN in dS becomes 0: it is
 * what a hidden value made, and any of it has made dQ NaN.
 */
export function selectKeys(
  outputs: usize, gradients: usize, weights: usize, packedKeys: usize, tokens: i32, features: i32, lanes: i32, count: i32,
): void {
  for (let i = 0; i < lanes; i++) {
    const lane = <usize>i << 2;
    for (let f = 0; f < features; f++) store<f32>(outputs + (<usize>f << 5) + lane, 0);
    for (let j = 0; j < count; j++) {
      const at = (<usize>j << 5) + lane, gradient = load<f32>(gradients + at);
      if (load<f32>(weights + at) == 0) {
        if (isNaN<f32>(gradient)) store<f32>(gradients + at, 0);
        if (gradient == 0 || isNaN<f32>(gradient)) continue;
      }
      for (let f = 0; f < features; f++) {
        const to = outputs + (<usize>f << 5) + lane;
        store<f32>(to, load<f32>(to) + gradient * packedAt(packedKeys, tokens, f, j));
      }
    }
  }
}

/**
 * dst[key, feature] += Σ_query X[key][query] · operand[query, feature], without queries of no weight, whatever they hold. X comes as
 * panels of 8 queries, `span` bytes apart.
 */
export function selectOuter(
  dst: usize, ldc: usize, panels: usize, span: usize, count: i32, base: usize, words: usize, operand: usize, b: i32, t: i32, h: i32,
  n: i32, features: i32, accumulate: bool,
): void {
  const step = <usize>word(words, operand + 3) << 2;
  for (let j = 0; j < count; j++) {
    const to = dst + <usize>j * ldc;
    if (!accumulate) memory.fill(to, 0, <usize>features << 2);
    for (let i = 0; i < n; i++) {
      const weight = load<f32>(panels + <usize>(i / PANEL_QUERIES) * span + (<usize>j << 5) + (<usize>(i % PANEL_QUERIES) << 2));
      if (weight == 0) continue;
      const from = rowAt(base, words, operand, b, t + i, h);
      for (let f = 0; f < features; f++) {
        const at = to + (<usize>f << 2);
        store<f32>(at, load<f32>(at) + weight * load<f32>(from + <usize>f * step));
      }
    }
  }
}
