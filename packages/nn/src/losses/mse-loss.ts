import { square, sub, type Tensor } from "@tessera/tensor";
import { namedScope } from "@tessera/tensor/extend";
import { Module } from "../module.ts";
import { checkOperands, reduceLoss, type Reduction } from "./reduction.ts";

/**
 * The squared error, (x − y)², as its mean unless `reduction` says otherwise.
 *
 * Shape: input, target any, equal → [] or, for "none", the same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html torch.nn.functional.mse_loss}
 *
 * @throws ShapeError when the shapes differ: nothing is broadcast. @throws DTypeError unless both are float32.
 * @example
 * await mseLoss(tensor([1, 2]), tensor([1, 4])).item(); // 2
 */
export const mseLoss = (
  input: Tensor,
  target: Tensor,
  { reduction = "mean" }: { reduction?: Reduction | undefined } = {},
): Tensor => {
  checkOperands("mseLoss", input, target);
  return namedScope("mseLoss", () => reduceLoss(square(sub(input, target)), reduction));
};

/** `mseLoss` as a module. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html torch.nn.MSELoss} */
export class MSELoss extends Module {
  readonly reduction: Reduction;

  constructor({ reduction = "mean" }: { reduction?: Reduction | undefined } = {}) {
    super();
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, { reduction: this.reduction });
  }
}
