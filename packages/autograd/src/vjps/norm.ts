import { activeRecorders, add, run } from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/norm";
import { layerNormBackwardOp, rmsNormBackwardOp } from "@tessera/tensor/ops/norm";
import { onceDifferentiable, type VjpTable } from "../define-vjps.ts";

/** Gradients of the norms: one fused pass each. */
export const normVjps: VjpTable<typeof family> = {
  layerNorm: {
    saves: "both",
    unread: { outputs: [0] },
    vjp: ([dy], { inputs: [x, weight, bias], outputs: [, shift, rstd], attrs: { dims } }) => {
      const [dx, dWeight, dBias] = run(layerNormBackwardOp, [dy, x, weight, shift, rstd], { dims });
      return [dx, weight && dWeight, bias && dBias];
    },
  },
  // s = x + residual: ds goes to both. An outer tape must see where s comes from.
  addLayerNorm: {
    saves: "both",
    unread: { inputs: [0, 1], outputs: [0] },
    vjp: ([dy], { inputs, outputs: [, sum, shift, rstd], attrs: { dims } }) => {
      const [x, residual, weight, bias] = inputs;
      const taped = activeRecorders().some((recorder) => recorder.wants([x, residual]));
      const s = taped ? add(x, residual) : sum;
      const [ds, dWeight, dBias] = run(layerNormBackwardOp, [dy, s, weight, shift, rstd], { dims });
      return [ds, ds, weight && dWeight, bias && dBias];
    },
  },
  rmsNorm: {
    saves: "both",
    unread: { outputs: [0] },
    vjp: ([dy], { inputs: [x, weight], outputs: [, rstd], attrs: { dims } }) => {
      const [dx, dWeight] = run(rmsNormBackwardOp, [dy, x, weight, rstd], { dims });
      return [dx, weight && dWeight];
    },
  },
  layerNormBackward: onceDifferentiable,
  rmsNormBackward: onceDifferentiable,
};
