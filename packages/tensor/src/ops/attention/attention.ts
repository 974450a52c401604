import { ArgumentError, DTypeError, ShapeError } from "../../error.ts";
import { defaultGenerator, drawFrom, type Generator } from "../../generator.ts";
import { defineOp, run } from "../../op.ts";
import { namedScope } from "../../named-scope.ts";
import { broadcastShapes, type Layout, numel, sameShape, type Shape, showShape, type TensorSpec } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { expand, permute, reshape, unsqueeze } from "../move/move.ts";
import type { DrawScalars } from "../random/random.ts";
import { attentionBackwardCpu, attentionCpu } from "./attention.cpu.ts";
import { attentionBackwardReference, attentionReference } from "./attention.reference.ts";
import { attentionBackwardWgsl, attentionWgsl } from "./attention.wgsl.ts";

export interface AttentionAttrs {
  readonly scale: number;
  readonly causal: boolean;
  /** Whether a query that the mask hides as a key attends to nothing. */
  readonly skipPaddedQueries: boolean;
  /** Probability with which a weight is dropped; at 0 the draw is not looked at. */
  readonly dropoutP: number;
}
/** q, y [B, Tq, H, D], k, v [B, Tk, H, D], mask broadcast to [B, H, Tq, Tk]; lse [B, H, Tq] is what the backward reads. */
export interface AttentionSignature {
  inputs: [q: Tensor, k: Tensor, v: Tensor, mask: Tensor | null];
  outputs: [y: Tensor, lse: Tensor | null];
  attrs: AttentionAttrs;
  scalars: DrawScalars;
}
export interface AttentionBackwardSignature {
  inputs: [dy: Tensor, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | null, y: Tensor, lse: Tensor];
  outputs: [dq: Tensor, dk: Tensor, dv: Tensor];
  attrs: AttentionAttrs;
  scalars: DrawScalars;
}

const float = (shape: Shape): TensorSpec => ({ shape, dtype: "float32" });

/** Multiply-adds of q kᵀ: B H Tq Tk D. */
const productOf = (q: Layout, k: Layout): number => numel(q.shape) * k.shape[1]!;

/** y = softmax(scale · q kᵀ + mask) v, heads next to features: what a projection gives and takes, without a copy. */
export const attentionOp = defineOp<AttentionSignature>({
  name: "attention",
  family: "attention",
  infer: ([q, k, v, mask], { skipPaddedQueries }) => {
    checkOperands(q, k, v, mask);
    if (skipPaddedQueries && mask) checkTokens(q, k, mask);
    const [batch, queries, heads] = q.shape as [number, number, number];
    return [float([batch, queries, heads, v.shape[3]!]), float([batch, heads, queries])];
  },
  extras: 1,
  // q kᵀ and p v
  cost: ({ inputs: [q, k] }) => ({ multiplyAdds: 2 * productOf(q, k) }),
  kernels: { reference: attentionReference, cpu: attentionCpu, webgpu: attentionWgsl },
});

/** dq, dk and dv of `attentionOp`. The probabilities are computed again, so nothing of size Tq · Tk is kept. */
export const attentionBackwardOp = defineOp<AttentionBackwardSignature>({
  name: "attentionBackward",
  family: "attention",
  infer: ([, q, k, v]) => [float(q.shape), float(k.shape), float(v.shape)],
  // p again, dp, and the three gradients
  cost: ({ inputs: [, q, k] }) => ({ multiplyAdds: 5 * productOf(q, k) }),
  kernels: { reference: attentionBackwardReference, cpu: attentionBackwardCpu, webgpu: attentionBackwardWgsl },
});

const checkOperands = (q: TensorSpec, k: TensorSpec, v: TensorSpec, mask: TensorSpec | null): void => {
  const refuse = (expected: string, got: string): never => {
    throw new ShapeError(`attention: expected ${expected}, got ${got}; transpose or reshape`);
  };
  const [batch, queries, heads, width] = q.shape;
  for (const [name, { shape, dtype }] of Object.entries({ q, k, v })) {
    if (dtype !== "float32")
      throw new DTypeError(`attention: ${name} is float32, got ${dtype}; cast(${name}, "float32") first?`);
    if (shape.length !== 4 || shape[0] !== batch || shape[2] !== heads)
      refuse("q, k, v [B, T, H, D] of equal B and H", `${name} ${showShape(shape)}`);
  }
  if (k.shape[3] !== width) refuse(`k as wide as q (${width})`, `width ${k.shape[3]}`);
  if (v.shape[1] !== k.shape[1]) refuse(`as many values as keys (${k.shape[1]})`, `${v.shape[1]}`);
  if (!mask) return;
  if (mask.dtype === "int32")
    throw new DTypeError(
      `attention: the mask is bool (true = attend) or float32 (added), got int32; compare or cast it`,
    );
  const full = [batch!, heads!, queries!, k.shape[1]!];
  if (!sameShape(broadcastShapes("attention", mask.shape, full), full))
    refuse(`a mask that stretches to [..., queries, keys] ${showShape(full)}`, showShape(mask.shape));
};

/** Whether a mask of keys says which queries are padding, too. */
const checkTokens = (q: TensorSpec, k: TensorSpec, { shape, dtype }: TensorSpec): void => {
  if (dtype !== "bool" || (shape.at(-2) ?? 1) !== 1 || q.shape[1] !== k.shape[1])
    throw new ShapeError(
      `attention: expected a bool mask [..., 1, keys] and as many queries as keys for skipPaddedQueries, got ${dtype} ${showShape(shape)}, ${q.shape[1]} and ${k.shape[1]}; leave it out`,
    );
};

export interface AttentionOptions {
  /** bool: true where a query may attend to a key. float32: added to the scores. Broadcast to `[…, Tq, Tk]`. */
  attnMask?: Tensor | null | undefined;
  /** Query t attends to keys 0 … t only, on top of the mask. */
  isCausal?: boolean | undefined;
  /**
   * Queries that the mask hides as keys are padding: they get zeros, give no gradient, and take no time. Needs a bool mask that is
   * the same for all queries, `[…, 1, Tk]`, and Tq = Tk.
   */
  skipPaddedQueries?: boolean | undefined;
  /** Factor of the scores; 1/√D by default. */
  scale?: number | undefined;
  /**
   * Probability with which each weight is zeroed, after the softmax; those that stay are multiplied by 1/(1 − p). As in torch whoever
   * calls says when: 0, the default, outside training. It takes one draw of the generator, as `dropout` does.
   */
  dropoutP?: number | undefined;
  generator?: Generator | undefined;
}

/** The draw of what draws nothing. */
const NO_DRAW: DrawScalars = { seedLow: 0, seedHigh: 0, counter: 0 };

/**
 * Scaled dot-product attention, `dropout(softmax(scale · q kᵀ + mask)) v`, without ever holding the weights.
 *
 * Leading dims broadcast; views, such as heads permuted out of a projection, are read in place.
 *
 * A query that may attend to no key gets zeros and gives no gradient, as in torch since 2.5; before, it got NaN, and Hugging Face's
 * own attention gives it the mean of all values.
 *
 * With `dropoutP`, the weights dropped are those that `dropout` would drop, with the same generator, from all weights [batch, heads,
 * Tq, Tk] with rows padded to a multiple of 4 keys: the same on every device, whatever the mask.
 *
 * Shape: q `[…, Tq, D]`, k `[…, Tk, D]`, v `[…, Tk, Dv]` → `[…, Tq, Dv]`. float32 only.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html torch's page}
 *
 * @throws ShapeError when the sizes do not fit together. @throws DTypeError for an int32 mask.
 * @throws ArgumentError unless `dropoutP` is in [0, 1].
 * @example
 * const q = randn([2, 4, 16, 8]); // batch, heads, tokens, features
 * scaledDotProductAttention(q, q, q, { isCausal: true }).shape; // [2, 4, 16, 8]
 */
export const scaledDotProductAttention = (
  q: Tensor,
  k: Tensor,
  v: Tensor,
  {
    attnMask = null,
    isCausal = false,
    skipPaddedQueries = false,
    scale,
    dropoutP = 0,
    generator = defaultGenerator,
  }: AttentionOptions = {},
): Tensor => {
  if (!(dropoutP >= 0 && dropoutP <= 1))
    throw new ArgumentError(`attention: a probability dropoutP is between 0 and 1, got ${dropoutP}`);
  for (const x of [q, k, v])
    if (x.ndim < 2)
      throw new ShapeError(
        `attention: expected q, k, v [..., tokens, features], got ${[q, k, v].map(({ shape }) => showShape(shape)).join(", ")}`,
      );
  return namedScope("attention", () => {
    const lead = broadcastShapes("attention", ...[q, k, v].map(({ shape }) => shape.slice(0, -2)));
    const headed = [q, k, v].map((x) => headsInside(stretch(x, lead), lead)) as [Tensor, Tensor, Tensor];
    const mask = attnMask && lead.length !== 2 && attnMask.ndim > 2 ? maskOf(attnMask, lead, k.size(-2)) : attnMask;
    const attrs = { scale: scale ?? 1 / Math.sqrt(q.size(-1)), causal: isCausal, skipPaddedQueries, dropoutP };
    const y = run(
      attentionOp,
      [...headed, mask],
      attrs,
      dropoutP > 0 ? drawFrom("scaledDotProductAttention", generator) : NO_DRAW,
    )[0];
    return reshape(permute(y, [0, 2, 1, 3]), [...lead, y.size(1), y.size(3)]);
  });
};

/** B and H for any leading dims: the last is H when there are two or more. */
const batchAndHeads = (lead: Shape): [number, number] =>
  lead.length < 2 ? [numel(lead), 1] : [numel(lead.slice(0, -1)), lead.at(-1)!];

const stretch = (x: Tensor, lead: Shape): Tensor =>
  sameShape(x.shape.slice(0, -2), lead) ? x : expand(x, [...lead, x.size(-2), x.size(-1)]);

/** […, T, D] seen as [B, T, H, D]. */
const headsInside = (x: Tensor, lead: Shape): Tensor => {
  const four =
    lead.length === 2
      ? x
      : lead.length === 1
        ? unsqueeze(x, 1)
        : reshape(x, [...batchAndHeads(lead), x.size(-2), x.size(-1)]);
  return permute(four, [0, 2, 1, 3]);
};

/** A mask with leading dims of its own, seen as [B, H, Tq, Tk], or [B, H, 1, Tk] where it is alike for all queries. */
const maskOf = (mask: Tensor, lead: Shape, keys: number): Tensor => {
  if (lead.length === 1) return unsqueeze(mask, 1);
  const queries = mask.size(-2);
  return reshape(expand(mask, [...lead, queries, keys]), [...batchAndHeads(lead), queries, keys]);
};
