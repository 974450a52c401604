import { run } from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/norm";
import { layerNormBackwardOp, rmsNormBackwardOp } from "@tessera/tensor/ops/norm";
import { onceDifferentiable, type VjpTable } from "../define-vjps.ts";

/** Gradients of the norms: one fused pass each. */
export const normVjps: VjpTable<typeof family> = {
  layerNorm: {
    saves: "both",
    vjp: ([dy], { inputs: [x, weight, bias], outputs: [, shift, rstd], attrs: { dims } }) => {
      const [dx, dWeight, dBias] = run(layerNormBackwardOp, [dy, x, weight, shift, rstd], { dims });
      return [dx, weight && dWeight, bias && dBias];
    },
  },
  rmsNorm: {
    saves: "both",
    vjp: ([dy], { inputs: [x, weight], outputs: [, rstd], attrs: { dims } }) => {
      const [dx, dWeight] = run(rmsNormBackwardOp, [dy, x, weight, rstd], { dims });
      return [dx, weight && dWeight];
    },
  },
  layerNormBackward: onceDifferentiable,
  rmsNormBackward: onceDifferentiable,
};
