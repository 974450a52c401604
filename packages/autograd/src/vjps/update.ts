import type * as family from "@tessera/tensor/ops/update";
import { div, expand, mul } from "@tessera/tensor";
import { notDifferentiable, rule, type VjpTable } from "../define-vjps.ts";

/** Gradients of the update ops: steps in place have none. */
export const updateVjps: VjpTable<typeof family> = {
  adam: notDifferentiable,
  sgd: notDifferentiable,
  sgdMomentum: notDifferentiable,
  // d‖x‖ = x/‖x‖ · dx
  globalNorm: rule({
    reads: ({ inputs, outputs: [y], needs }) => ({ xs: inputs.map((x, i) => (needs[i] ? x : null)), y }),
    vjp: ([dy], { xs, y }) => xs.map((x) => x && expand(mul(x, div(dy, y)), x.shape)),
  }),
};
