import {
  add,
  amax,
  arange,
  eq,
  gt,
  maskedFill,
  matmul,
  mul,
  narrow,
  pad,
  permute,
  softmax,
  sub,
  sum,
  transpose,
  unsqueeze,
  type Tensor,
} from "@tessera/tensor";
import { run, type Scalars } from "@tessera/tensor/extend";
import type * as family from "@tessera/tensor/ops/attention";
import { attentionBackwardOp, type AttentionAttrs, type AttentionSignature } from "@tessera/tensor/ops/attention";
import { dropoutOp } from "@tessera/tensor/ops/random";
import { onceDifferentiable, rule, type VjpTable } from "../define-vjps.ts";

/** [B, T, H, D] as [B, H, T, D]. */
const byHead = (x: Tensor): Tensor => permute(x, [0, 2, 1, 3]);

/** What attention's own dropout leaves of [B, H, Tq, Tk]: what `dropout` would, in rows of a multiple of 4 keys. */
const dropAgain = (weights: Tensor, p: number, draw: Scalars<AttentionSignature>): Tensor => {
  const keys = weights.size(3);
  return narrow(run(dropoutOp, [pad(weights, [0, -keys & 3])], { p }, draw)[0], 3, 0, keys);
};

/**
 * dMask = P ⊙ (dY Vᵀ − Σ dY ⊙ Y), dY Vᵀ after the dropout. A learned mask is rare, so this one is built from other ops, and holds
 * all of P.
 */
const maskGradient = (
  dy: Tensor,
  [q, k, v, mask]: readonly [Tensor, Tensor, Tensor, Tensor],
  y: Tensor,
  { scale, causal, dropoutP }: AttentionAttrs,
  draw: Scalars<AttentionSignature>,
): Tensor => {
  const scores = add(mul(matmul(byHead(q), transpose(byHead(k), -2, -1)), scale), mask);
  const { device } = q;
  const future = (): Tensor =>
    gt(unsqueeze(arange(k.size(1), undefined, { device }), 0), unsqueeze(arange(q.size(1), undefined, { device }), 1));
  const shown = causal ? maskedFill(scores, future(), -Infinity) : scores;
  // A query that may attend to no key has weights of 0, as in the forward.
  const p = maskedFill(softmax(shown), eq(amax(shown, { dim: -1, keepdim: true }), -Infinity), 0);
  const dw = matmul(byHead(dy), transpose(byHead(v), -2, -1));
  const dp = dropoutP > 0 ? dropAgain(dw, dropoutP, draw) : dw;
  return mul(p, sub(dp, sum(mul(byHead(dy), byHead(y)), { dim: -1, keepdim: true })));
};

/** Gradients of attention: one fused pass, which computes the probabilities again. */
export const attentionVjps: VjpTable<typeof family> = {
  attention: rule({
    reads: ({ inputs: [q, k, v, mask], outputs: [y, lse] }) => ({ q, k, v, mask, y, lse }),
    vjp: ([dy], { q, k, v, mask, y, lse, attrs, scalars, needs }) => {
      const [dq, dk, dv] =
        needs[0] || needs[1] || needs[2]
          ? run(attentionBackwardOp, [dy, q, k, v, mask, y, lse], attrs, scalars)
          : [null, null, null];
      return [dq, dk, dv, mask && needs[3] ? maskGradient(dy, [q, k, v, mask], y, attrs, scalars) : null];
    },
  }),
  attentionBackward: onceDifferentiable,
};
