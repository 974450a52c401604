import { cast, eq, exp, gather, maskedFill, mean, mul, ne, run, sub, sum, unsqueeze } from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/loss";
import { crossEntropyBackwardOp } from "@tessera/tensor/ops/loss";
import type { VjpTable } from "../define-vjps.ts";

/** Gradients of the losses. */
export const lossVjps: VjpTable<typeof family> = {
  crossEntropy: {
    saves: "both",
    vjp: ([dloss], { inputs: [logits, target], outputs: [, lse], attrs }) => [
      run(crossEntropyBackwardOp, [dloss, logits, target, lse], attrs)[0],
      null,
    ],
  },
  // dx = dloss (p − q), p = softmax(x). For a gradient g of dx: ddloss = Σ g (p − q), ddx = dloss p (g − Σ g p).
  crossEntropyBackward: {
    saves: "inputs",
    vjp: ([g], { inputs: [dloss, logits, target, lse], needs, attrs: { ignoreIndex, labelSmoothing } }) => {
      const counts = cast(ne(target, ignoreIndex), "float32");
      const p = exp(sub(logits, unsqueeze(lse, 1)));
      const expected = sum(mul(g, p), { dim: 1, keepdim: true });
      const perRow = (): typeof g => {
        const own = gather(g, 1, unsqueeze(maskedFill(target, eq(target, ignoreIndex), 0), 1));
        const wanted = sub(mul(own, 1 - labelSmoothing), mul(mean(g, { dim: 1, keepdim: true }), -labelSmoothing));
        return mul(sum(sub(expected, wanted), { dim: 1 }), counts);
      };
      return [
        needs[0] ? perRow() : null,
        needs[1] ? mul(unsqueeze(mul(dloss, counts), 1), mul(p, sub(g, expected))) : null,
        null,
        null,
      ];
    },
  },
};
