import { abs, add, maximum, mul, neg, softplus, sub, type Tensor } from "@tessera/tensor";
import { namedScope } from "@tessera/tensor/extend";
import { Module } from "../module.ts";
import { checkOperands, reduceLoss, type Reduction } from "./reduction.ts";

/**
 * The binary cross-entropy of probabilities given as logits, −t ln σ(x) − (1 − t) ln(1 − σ(x)), as its mean unless `reduction`
 * says otherwise. Computed as max(x, 0) − x t + ln(1 + e^−|x|), which neither overflows nor cancels.
 *
 * Shape: logits, target (0 to 1) any, equal → [] or, for "none", the same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html torch's page}
 *
 * @throws ShapeError when the shapes differ: nothing is broadcast. @throws DTypeError unless both are float32.
 * @example
 * await bceWithLogits(tensor([0]), tensor([1])).item(); // 0.6931
 */
export const bceWithLogits = (
  logits: Tensor,
  target: Tensor,
  { reduction = "mean" }: { reduction?: Reduction | undefined } = {},
): Tensor => {
  checkOperands("bceWithLogits", logits, target);
  return namedScope("bceWithLogits", () => {
    // What is large cancels exactly before what is small is added: softplus(−|x|) is ln(1 + e^−|x|). At x = 0 maximum's slope is ½.
    const margin = sub(maximum(logits, 0), mul(logits, target));
    return reduceLoss(add(margin, softplus(neg(abs(logits)))), reduction);
  });
};

/** `bceWithLogits` as a module. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html torch.nn.BCEWithLogitsLoss} */
export class BCEWithLogitsLoss extends Module {
  readonly reduction: Reduction;

  constructor({ reduction = "mean" }: { reduction?: Reduction | undefined } = {}) {
    super();
    this.reduction = reduction;
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    return bceWithLogits(logits, target, { reduction: this.reduction });
  }
}
