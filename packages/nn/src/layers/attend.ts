import {
  add,
  ArgumentError,
  expand,
  logicalAnd,
  reshape,
  scaledDotProductAttention,
  scope,
  ShapeError,
  tensor,
  transpose,
  unsqueeze,
  type Generator,
  type Tensor,
} from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { KeyValueCache } from "./key-value-cache.ts";

export interface AttendOptions {
  readonly numHeads: number;
  /** Heads of keys and values, each shared by numHeads/numKvHeads heads of queries; as many as of queries by default. */
  readonly numKvHeads?: number | undefined;
  /** bool: true where a query may attend to a key; float32: added to the scores. Stretches to `[batch, heads, queries, keys]`. */
  readonly attnMask?: Tensor | null | undefined;
  /** Query t attends to keys 0 … t only; beside a cache to what it holds, and to the new keys up to its own. */
  readonly isCausal?: boolean | undefined;
  /** As of `scaledDotProductAttention`. */
  readonly skipPaddedQueries?: boolean | undefined;
  /** Factor of the scores; 1/√d by default. */
  readonly scale?: number | undefined;
  readonly dropoutP?: number | undefined;
  readonly generator?: Generator | undefined;
  /** Turns queries and keys by their positions: `(x) => rotate(x, rotation)`. Shape: `[batch, tokens, heads, d]` → same. */
  readonly rotary?: ((x: Tensor) => Tensor) | undefined;
  /** Keys and values of the tokens before, to which these are added. */
  readonly cache?: KeyValueCache | undefined;
}

/**
 * Attention between projections whose heads lie next to each other, `softmax(q kᵀ/√d + mask) v` in every head: what a layer computes between
 * its input projections and its output projection. With fewer heads of keys than of queries, a head of keys serves a group of them.
 *
 * Shape: q `[batch, queries, numHeads·d]`, k `[batch, keys, numKvHeads·d]`, v `[batch, keys, numKvHeads·dv]` → `[batch, queries, numHeads·dv]`.
 *
 * See {@link https://arxiv.org/abs/2305.13245 Ainslie et al. 2023} for groups of heads and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html torch's page}.
 *
 * @throws ArgumentError unless numKvHeads divides numHeads. @throws ShapeError when the inputs do not fit together.
 * @example
 * attend(q, k, v, { numHeads: 8, numKvHeads: 2, isCausal: true });
 */
export const attend = (query: Tensor, key: Tensor, value: Tensor, options: AttendOptions): Tensor => {
  const { numHeads, numKvHeads = numHeads, attnMask = null, isCausal = false, rotary = (x) => x, cache } = options;
  if (!(Number.isInteger(numHeads / numKvHeads) && numHeads > 0))
    throw new ArgumentError(`attention: expected numKvHeads that divides ${numHeads} heads, got ${numKvHeads}`);
  return scope(() => {
    const past = cache?.length ?? 0;
    const q = rotary(inHeads("query", query, numHeads));
    const [k, v] = both(cache, rotary(inHeads("key", key, numKvHeads)), inHeads("value", value, numKvHeads));
    const [batch, queries] = q.shape as [number, number];
    const { skipPaddedQueries, scale, dropoutP, generator } = options;
    const mask = isCausal && past > 0 && queries > 1 ? lastQueries(attnMask, queries, k) : attnMask;
    const rest = { attnMask: mask, isCausal: isCausal && past === 0, skipPaddedQueries, scale, dropoutP, generator };
    const group = numHeads / numKvHeads;
    const seesAll = !rest.isCausal || k.size(1) === 1;
    const alikeInHeads = !mask || mask.ndim < 3 || mask.size(-3) === 1;
    if (group > 1 && queries === 1 && seesAll && alikeInHeads) return oneToken(q, k, v, { ...rest, isCausal: false });
    const [keys, values] = [k, v].map((x) => (group === 1 ? x : repeatHeads(x, group)));
    const y = scaledDotProductAttention(transpose(q, 1, 2), transpose(keys!, 1, 2), transpose(values!, 1, 2), rest);
    return reshape(transpose(y, 1, 2), [batch, queries, numHeads * v.size(3)]);
  });
};

type Attention = Parameters<typeof scaledDotProductAttention>[3];

/** Heads are views: `[batch, tokens, heads · d]` seen as `[batch, tokens, heads, d]`. */
const inHeads = (name: string, x: Tensor, heads: number): Tensor => {
  if (x.ndim !== 3 || x.size(2) % heads !== 0)
    throw new ShapeError(
      `attention: expected a ${name} [batch, tokens, features] whose features ${heads} heads divide, got ${showShape(x.shape)}; reshape it`,
    );
  return reshape(x, [x.size(0), x.size(1), heads, x.size(2) / heads]);
};

const both = (cache: KeyValueCache | undefined, k: Tensor, v: Tensor): readonly [Tensor, Tensor] =>
  cache ? cache.append(k, v) : [k, v];

/** The heads of one query that share a head of keys, taken for several queries of it: the keys need no copies. */
const oneToken = (q: Tensor, k: Tensor, v: Tensor, options: Attention): Tensor => {
  const [batch, , heads, width] = q.shape as [number, number, number, number];
  const [kvHeads, group] = [k.size(2), heads / k.size(2)];
  const grouped = reshape(q, [batch, kvHeads, group, width]);
  const y = scaledDotProductAttention(grouped, transpose(k, 1, 2), transpose(v, 1, 2), options);
  return reshape(y, [batch, 1, heads * v.size(3)]);
};

/** Every head `group` times in a row. Shape: `[batch, tokens, heads, d]` → `[batch, tokens, heads · group, d]`. */
const repeatHeads = (x: Tensor, group: number): Tensor => {
  const [batch, tokens, heads, width] = x.shape as [number, number, number, number];
  return reshape(expand(unsqueeze(x, 3), [batch, tokens, heads, group, width]), [batch, tokens, heads * group, width]);
};

/** The mask under which query t of the last `queries` tokens attends to no key after it, on top of another. */
const lastQueries = (mask: Tensor | null, queries: number, { shape, device }: Tensor): Tensor => {
  const keys = shape[1]!;
  const isBefore = (i: number): boolean => (i % keys) - Math.floor(i / keys) <= keys - queries;
  if (mask?.dtype === "float32") {
    const scores = Float32Array.from({ length: queries * keys }, (_, i) => (isBefore(i) ? 0 : -Infinity));
    return add(mask, tensor(scores, [queries, keys], { device }));
  }
  const shown = Uint8Array.from({ length: queries * keys }, (_, i) => Number(isBefore(i)));
  const causal = tensor(shown, [queries, keys], { dtype: "bool", device });
  return mask ? logicalAnd(mask, causal) : causal;
};
