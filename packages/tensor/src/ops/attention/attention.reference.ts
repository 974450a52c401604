import type { TypedArray } from "../../dtype.ts";
import type { Data, ReferenceKernel } from "../../op.ts";
import { keepRule, philox, type DrawNumbers } from "../../philox.ts";
import { broadcastStrides, contiguousStrides, type Shape } from "../../shape.ts";
import type { AttentionAttrs, AttentionBackwardSignature, AttentionSignature } from "./attention.ts";

/** Finds the features of token t of a head in a contiguous [B, T, H, D] array. */
const rowsOf = <A extends { subarray(start: number, end: number): A }>(
  shape: Shape,
  values: A,
): ((b: number, t: number, h: number) => A) => {
  const [, tokens, heads, width] = shape as [number, number, number, number];
  return (b, t, h) => {
    const start = ((b * tokens + t) * heads + h) * width;
    return values.subarray(start, start + width);
  };
};

const rows = ({ layout, values }: Data) => rowsOf<TypedArray>(layout.shape, values);

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
};

/** to += factor · from. */
const addScaled = (to: Float64Array, factor: number, from: ArrayLike<number>): void => {
  for (let i = 0; i < to.length; i++) to[i]! += factor * from[i]!;
};

/** ln 2^−126: a smaller exponential is no normal float32, and a weight of 0. */
const MIN_EXPONENT = -126 * Math.LN2;

/**
 * Calls `visit` for each query with the probabilities of its keys, P = softmax(scale · q Kᵀ + mask), and with
 * lse = log Σ exp of those scores. A query that may attend to no key has P = 0 and lse = −∞; with `skipPaddedQueries` one that is
 * no key itself may not.
 */
const forEachQuery = (
  q: Data,
  k: Data,
  mask: Data | null,
  { scale, causal, skipPaddedQueries }: AttentionAttrs,
  visit: (query: {
    readonly b: number;
    readonly h: number;
    readonly t: number;
    readonly p: Float64Array;
    readonly scores: Float64Array;
    readonly lse: number;
  }) => void,
): void => {
  const [batch, queries, heads] = q.layout.shape as [number, number, number];
  const keys = k.layout.shape[1]!;
  const [qRow, kRow] = [rows(q), rows(k)];
  const maskStrides = mask
    ? broadcastStrides({ shape: mask.layout.shape, strides: contiguousStrides(mask.layout.shape) }, [
        batch,
        heads,
        queries,
        keys,
      ])
    : [];
  /** What the mask adds to a score. */
  const added = (...place: readonly [b: number, h: number, t: number, j: number]): number => {
    if (!mask) return 0;
    const value = mask.values[place.reduce((at, index, d) => at + index * maskStrides[d]!, 0)]!;
    return mask.layout.dtype === "bool" ? (value ? 0 : -Infinity) : value;
  };
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let t = 0; t < queries; t++) {
        const scores = new Float64Array(keys);
        const itself = skipPaddedQueries ? added(b, h, t, t) : 0;
        for (let j = 0; j < keys; j++) {
          const bias = added(b, h, t, j) + itself;
          // A key that is hidden gives nothing, whatever it holds.
          scores[j] =
            (causal && j > t) || bias === -Infinity ? -Infinity : scale * dot(qRow(b, t, h), kRow(b, j, h)) + bias;
        }
        const max = scores.reduce((a, x) => Math.max(a, x), -Infinity);
        const p =
          max === -Infinity
            ? new Float64Array(keys)
            : scores.map((x) => (x - max < MIN_EXPONENT ? 0 : Math.exp(x - max)));
        const total = p.reduce((a, x) => a + x, 0);
        visit({
          b,
          h,
          t,
          p: total === 0 ? p : p.map((x) => x / total),
          scores,
          lse: max === -Infinity ? max : max + Math.log(total),
        });
      }
};

/**
 * What dropout multiplies a row of weights by: 0 or 1/(1 − p). A row is that of query t of a head, (b · H + h) · Tq + t; key j has word
 * j mod 4 of block row · ⌈keys / 4⌉ + ⌊j / 4⌋: what `dropout` would draw for all weights, in rows of a multiple of 4.
 */
const keptOf = (keys: number, dropoutP: number, draw: DrawNumbers): ((row: number) => Float64Array) => {
  const all = new Float64Array(keys).fill(1);
  const { below, scale } = keepRule(dropoutP);
  if (below === 0) return () => all;
  const blocks = Math.ceil(keys / 4);
  return (row) => all.map((_, j) => (philox(row * blocks + Math.floor(j / 4), draw)[j % 4]! >>> 8 < below ? 0 : scale));
};

/** y = (P ∘ kept) v. */
export const attentionReference: ReferenceKernel<AttentionSignature> = ([q, k, v, mask], [y, lse], attrs, draw) => {
  const [, queries, heads] = q.layout.shape as [number, number, number];
  const [vRow, yRow] = [rows(v), rows(y)];
  const keptIn = keptOf(k.layout.shape[1]!, attrs.dropoutP, draw);
  forEachQuery(q, k, mask, attrs, ({ b, h, t, p, scores, lse: logSum }) => {
    const row = (b * heads + h) * queries + t;
    const kept = keptIn(row);
    const out = new Float64Array(v.layout.shape[3]!);
    // A key that is hidden gives nothing, whatever it holds; one whose weight is too small for float32 makes NaN of ∞.
    for (const [j, share] of p.entries()) if (scores[j] !== -Infinity) addScaled(out, share * kept[j]!, vRow(b, j, h));
    yRow(b, t, h).set(out);
    if (lse) lse.values[row] = logSum;
  });
};

/**
 * dV = (P ∘ kept)ᵀ dY,  dS = P ⊙ (dY Vᵀ ∘ kept − Σ dY ⊙ Y),  dQ = scale · dS K,  dK = scale · dSᵀ Q. P is computed anew, lse not
 * needed.
 */
export const attentionBackwardReference: ReferenceKernel<AttentionBackwardSignature> = (
  [dy, q, k, v, mask, y],
  [dq, dk, dv],
  attrs,
  draw,
) => {
  const [, queries, heads] = q.layout.shape as [number, number, number];
  const keptIn = keptOf(k.layout.shape[1]!, attrs.dropoutP, draw);
  const [qRow, kRow, vRow, yRow, dyRow] = [rows(q), rows(k), rows(v), rows(y), rows(dy)];
  const gradients = [dq, dk, dv].map(({ values }) => new Float64Array(values.length));
  const [dqRow, dkRow, dvRow] = [dq, dk, dv].map(({ layout }, i) => rowsOf(layout.shape, gradients[i]!));
  forEachQuery(q, k, mask, attrs, ({ b, h, t, p }) => {
    const kept = keptIn((b * heads + h) * queries + t);
    const delta = dot(dyRow(b, t, h), yRow(b, t, h));
    for (const [j, share] of p.entries()) {
      if (share === 0) continue;
      const ds = share * (dot(dyRow(b, t, h), vRow(b, j, h)) * kept[j]! - delta) * attrs.scale;
      addScaled(dvRow!(b, j, h), share * kept[j]!, dyRow(b, t, h));
      addScaled(dqRow!(b, t, h), ds, kRow(b, j, h));
      addScaled(dkRow!(b, j, h), ds, qRow(b, t, h));
    }
  });
  for (const [i, { values }] of [dq, dk, dv].entries()) values.set(gradients[i]!);
};
