import type * as family from "@tessera/tensor/ops/update";
import { div, expand, mul } from "@tessera/tensor";
import { notDifferentiable, type VjpTable } from "../define-vjps.ts";

/** Gradients of the update ops: steps in place have none. */
export const updateVjps: VjpTable<typeof family> = {
  adam: notDifferentiable,
  sgd: notDifferentiable,
  sgdMomentum: notDifferentiable,
  // d‖x‖ = x/‖x‖ · dx
  globalNorm: {
    saves: "both",
    vjp: ([dy], { inputs, outputs: [y], needs }) =>
      inputs.map((x, i) => (needs[i] ? expand(mul(x, div(dy, y)), x.shape) : null)),
  },
};
