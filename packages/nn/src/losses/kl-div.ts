import { div, exp, log, maximum, mul, sub, sum, type Tensor } from "@tessera/tensor";
import { namedScope } from "@tessera/tensor/extend";
import { Module } from "../module.ts";
import { checkOperands, reduceLoss, type Reduction } from "./reduction.ts";

export interface KLDivOptions {
  /** `"batchMean"` is the sum by the size of the first dim: the divergence of a row, as the formula has it. */
  readonly reduction?: Reduction | "batchMean" | undefined;
  /** Whether the target is logarithms too. */
  readonly logTarget?: boolean | undefined;
}

/** The smallest float32 with all its digits: t ln t is 0 at 0. */
const SMALLEST = 2 ** -126;

/**
 * The Kullback–Leibler divergence of log-probabilities from a target distribution, t (ln t − x) element by element, 0 where t is:
 * its mean over elements, as torch has it, unless `reduction` says otherwise.
 *
 * Shape: input, target any, equal → [] or, for "none", the same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.kl_div.html torch.nn.functional.kl_div}
 *
 * @param input log-probabilities, as `logSoftmax` gives them
 * @throws ShapeError when the shapes differ: nothing is broadcast. @throws DTypeError unless both are float32.
 * @example
 * await klDiv(logSoftmax(zeros([1, 2])), tensor([[1, 0]]), { reduction: "batchMean" }).item(); // ln 2
 */
export const klDiv = (
  input: Tensor,
  target: Tensor,
  { reduction = "mean", logTarget = false }: KLDivOptions = {},
): Tensor => {
  checkOperands("klDiv", input, target);
  return namedScope("klDiv", () => {
    const losses = logTarget
      ? mul(exp(target), sub(target, input))
      : sub(mul(target, log(maximum(target, SMALLEST))), mul(target, input));
    if (reduction !== "batchMean") return reduceLoss(losses, reduction);
    return div(sum(losses), input.shape[0] ?? 1);
  });
};

/** `klDiv` as a module. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html torch.nn.KLDivLoss} */
export class KLDivLoss extends Module {
  readonly reduction: NonNullable<KLDivOptions["reduction"]>;
  readonly logTarget: boolean;

  constructor({ reduction = "mean", logTarget = false }: KLDivOptions = {}) {
    super();
    this.reduction = reduction;
    this.logTarget = logTarget;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, { reduction: this.reduction, logTarget: this.logTarget });
  }
}
