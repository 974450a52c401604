import { logSoftmax, mul, neg, sum, type Tensor } from "@tessera/tensor";
import { namedScope } from "@tessera/tensor/extend";
import { checkOperands, reduceLoss, type Reduction } from "./reduction.ts";

/**
 * The cross-entropy of logits with distributions over the classes, −Σ_c t_c ln softmax(x)_c, in nats: its mean over rows unless
 * `reduction` says otherwise. What torch's `cross_entropy` does with class probabilities.
 *
 * Shape: logits, target `[…, classes]`, equal → [] or, for "none", `[…]`.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html torch.nn.functional.cross_entropy}
 *
 * @throws ShapeError when the shapes differ. @throws DTypeError unless both are float32.
 * @example
 * await softCrossEntropy(zeros([1, 2]), tensor([[0.5, 0.5]])).item(); // ln 2
 */
export const softCrossEntropy = (
  logits: Tensor,
  target: Tensor,
  { reduction = "mean" }: { readonly reduction?: Reduction | undefined } = {},
): Tensor => {
  checkOperands("softCrossEntropy", logits, target);
  return namedScope("softCrossEntropy", () =>
    reduceLoss(neg(sum(mul(target, logSoftmax(logits)), { dim: -1 })), reduction),
  );
};
