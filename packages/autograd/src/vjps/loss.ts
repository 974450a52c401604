import { cast, eq, exp, gather, maskedFill, mean, mul, ne, sub, sum, unsqueeze } from "@tessera/tensor";
import { run } from "@tessera/tensor/extend";
import type * as family from "@tessera/tensor/ops/loss";
import { crossEntropyBackwardOp } from "@tessera/tensor/ops/loss";
import { rule, type VjpTable } from "../define-vjps.ts";

/** Gradients of the losses. */
export const lossVjps: VjpTable<typeof family> = {
  crossEntropy: rule({
    reads: ({ inputs: [logits, target], outputs: [, lse] }) => ({ logits, target, lse }),
    vjp: ([dloss], { logits, target, lse, attrs }) => [
      run(crossEntropyBackwardOp, [dloss, logits, target, lse], attrs)[0],
      null,
    ],
  }),
  // dx = dloss (p − q), p = softmax(x). For a gradient g of dx: ddloss = Σ g (p − q), ddx = dloss p (g − Σ g p).
  crossEntropyBackward: rule({
    reads: ({ inputs: [dloss, logits, target, lse], needs }) => ({
      dloss: needs[1] ? dloss : null,
      logits,
      target,
      lse,
    }),
    vjp: ([g], { dloss, logits, target, lse, needs, attrs: { ignoreIndex, labelSmoothing } }) => {
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
        dloss && mul(unsqueeze(mul(dloss, counts), 1), mul(p, sub(g, expected))),
        null,
        null,
      ];
    },
  }),
};
