import { add } from "@tessera/tensor";
import { run } from "@tessera/tensor/extend";
import type * as family from "@tessera/tensor/ops/norm";
import { layerNormBackwardOp, rmsNormBackwardOp } from "@tessera/tensor/ops/norm";
import { onceDifferentiable, rule, type VjpTable } from "../define-vjps.ts";

/** Gradients of the norms: one fused pass each. */
export const normVjps: VjpTable<typeof family> = {
  layerNorm: rule({
    reads: ({ inputs: [x, weight], outputs: [, shift, rstd] }) => ({ x, weight, shift, rstd }),
    vjp: ([dy], { x, weight, shift, rstd, needs, attrs: { dims } }) => {
      const [dx, dWeight, dBias] = run(layerNormBackwardOp, [dy, x, weight, shift, rstd], { dims });
      return [dx, needs[1] ? dWeight : null, needs[2] ? dBias : null];
    },
  }),
  // s = x + residual: ds goes to both.
  addLayerNorm: rule({
    reads: ({ inputs: [, , weight], outputs: [, s, shift, rstd] }) => ({ s, weight, shift, rstd }),
    recompute: {
      reads: ({ inputs: [x, residual] }) => ({ x, residual }),
      make: ({ x, residual }) => ({ s: add(x, residual) }),
    },
    vjp: ([dy], { s, weight, shift, rstd, needs, attrs: { dims } }) => {
      const [ds, dWeight, dBias] = run(layerNormBackwardOp, [dy, s, weight, shift, rstd], { dims });
      return [ds, ds, needs[2] ? dWeight : null, needs[3] ? dBias : null];
    },
  }),
  rmsNorm: rule({
    reads: ({ inputs: [x, weight], outputs: [, rstd] }) => ({ x, weight, rstd }),
    vjp: ([dy], { x, weight, rstd, needs, attrs: { dims } }) => {
      const [dx, dWeight] = run(rmsNormBackwardOp, [dy, x, weight, rstd], { dims });
      return [dx, needs[1] ? dWeight : null];
    },
  }),
  layerNormBackward: onceDifferentiable,
  rmsNormBackward: onceDifferentiable,
};
