import { exp, mul, neg, sub, sum, type Tensor } from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/softmax";
import { logSoftmaxBackward, softmaxBackward } from "@tessera/tensor/ops/softmax";
import { rule, type VjpTable } from "../define-vjps.ts";

/** Σ along the dim, kept with size 1. */
const total = (x: Tensor, dim: number): Tensor => (x.ndim === 0 ? x : sum(x, { dim, keepdim: true }));

/** Gradients of softmax and its logarithm; y is the output. */
export const softmaxVjps: VjpTable<typeof family> = {
  // dx = y ⊙ (dy − Σ dy⊙y)
  softmax: rule({
    reads: ({ outputs: [y] }) => ({ y }),
    vjp: ([dy], { y, attrs: { dim } }) => [softmaxBackward(dy, y, dim)],
  }),
  // dx = dy − e^y Σ dy
  logSoftmax: rule({
    reads: ({ outputs: [y] }) => ({ y }),
    vjp: ([dy], { y, attrs: { dim } }) => [logSoftmaxBackward(dy, y, dim)],
  }),
  // g = y ⊙ (dy − Σ dy⊙y) is symmetric in its matrix; d/dy: dg ⊙ (dy − Σ dy⊙y) − dy Σ dg⊙y
  softmaxBackward: rule({
    reads: ({ inputs: [dy, y], needs }) => ({ dy: needs[1] ? dy : null, y }),
    vjp: ([dg], { dy, y, attrs: { dim }, needs }) => [
      needs[0] ? softmaxBackward(dg, y, dim) : null,
      dy && sub(mul(dg, sub(dy, total(mul(dy, y), dim))), mul(dy, total(mul(dg, y), dim))),
    ],
  }),
  // g = dy − e^y Σ dy
  logSoftmaxBackward: rule({
    reads: ({ inputs: [dy, y], needs }) => ({ dy: needs[1] ? dy : null, y }),
    vjp: ([dg], { dy, y, attrs: { dim }, needs }) => [
      needs[0] ? sub(dg, total(mul(dg, exp(y)), dim)) : null,
      dy && neg(mul(mul(dg, exp(y)), total(dy, dim))),
    ],
  }),
};
