import { exp, mul, neg, sub, sum, type Tensor } from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/softmax";
import { logSoftmaxBackward, softmaxBackward } from "@tessera/tensor/ops/softmax";
import type { VjpTable } from "../define-vjps.ts";

/** Σ along the dim, kept with size 1. */
const total = (x: Tensor, dim: number): Tensor => (x.ndim === 0 ? x : sum(x, { dim, keepdim: true }));

/** Gradients of softmax and its logarithm; y is the output. */
export const softmaxVjps: VjpTable<typeof family> = {
  // dx = y ⊙ (dy − Σ dy⊙y)
  softmax: { saves: "outputs", vjp: ([dy], { outputs: [y], attrs: { dim } }) => [softmaxBackward(dy, y, dim)] },
  // dx = dy − e^y Σ dy
  logSoftmax: { saves: "outputs", vjp: ([dy], { outputs: [y], attrs: { dim } }) => [logSoftmaxBackward(dy, y, dim)] },
  // g = y ⊙ (dy − Σ dy⊙y) is symmetric in its matrix; d/dy: dg ⊙ (dy − Σ dy⊙y) − dy Σ dg⊙y
  softmaxBackward: {
    saves: "inputs",
    vjp: ([dg], { inputs: [dy, y], attrs: { dim }, needs }) => [
      needs[0] ? softmaxBackward(dg, y, dim) : null,
      needs[1] ? sub(mul(dg, sub(dy, total(mul(dy, y), dim))), mul(dy, total(mul(dg, y), dim))) : null,
    ],
  },
  // g = dy − e^y Σ dy
  logSoftmaxBackward: {
    saves: "inputs",
    vjp: ([dg], { inputs: [dy, y], attrs: { dim }, needs }) => [
      needs[0] ? sub(dg, total(mul(dg, exp(y)), dim)) : null,
      needs[1] ? neg(mul(mul(dg, exp(y)), total(dy, dim))) : null,
    ],
  },
};
