import { abs, add, ArgumentError, div, lt, mul, square, sub, where, type Tensor } from "@tessera/tensor";
import { namedScope } from "@tessera/tensor/extend";
import { Module } from "../module.ts";
import { checkOperands, reduceLoss, type Reduction } from "./reduction.ts";

export interface L1LossOptions {
  readonly reduction?: Reduction | undefined;
}
export interface SmoothL1LossOptions extends L1LossOptions {
  /** Below it the loss is quadratic; 1 unless said otherwise. At 0 the loss is `l1Loss`. */
  readonly beta?: number | undefined;
}
export interface HuberLossOptions extends L1LossOptions {
  /** Above it the loss is linear; 1 unless said otherwise. */
  readonly delta?: number | undefined;
}

/**
 * The absolute error, |x − y|, as its mean unless `reduction` says otherwise.
 *
 * Shape: input, target any, equal → [] or, for "none", the same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.l1_loss.html torch.nn.functional.l1_loss}
 *
 * @throws ShapeError when the shapes differ: nothing is broadcast. @throws DTypeError unless both are float32.
 * @example
 * await l1Loss(tensor([1, 2]), tensor([1, 4])).item(); // 1
 */
export const l1Loss = (input: Tensor, target: Tensor, { reduction = "mean" }: L1LossOptions = {}): Tensor => {
  checkOperands("l1Loss", input, target);
  return namedScope("l1Loss", () => reduceLoss(abs(sub(input, target)), reduction));
};

/**
 * The absolute error, but quadratic near 0: d²/(2 beta) where d = |x − y| is below beta, else d − beta/2.
 *
 * Shape: input, target any, equal → [] or, for "none", the same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.smooth_l1_loss.html torch.nn.functional.smooth_l1_loss}
 *
 * @throws ShapeError when the shapes differ: nothing is broadcast. @throws DTypeError unless both are float32.
 * @throws ArgumentError when beta is negative.
 * @example
 * await smoothL1Loss(tensor([1, 2]), tensor([1, 4])).item(); // 0.75
 */
export const smoothL1Loss = (
  input: Tensor,
  target: Tensor,
  { beta = 1, reduction = "mean" }: SmoothL1LossOptions = {},
): Tensor => {
  if (!(beta >= 0)) throw new ArgumentError(`smoothL1Loss: expected a beta of 0 or more, got ${beta}`);
  if (beta === 0) return l1Loss(input, target, { reduction });
  checkOperands("smoothL1Loss", input, target);
  return namedScope("smoothL1Loss", () => {
    const d = abs(sub(input, target));
    return reduceLoss(where(lt(d, beta), div(square(d), 2 * beta), sub(d, beta / 2)), reduction);
  });
};

/**
 * Half of the squared error, but linear far from 0: d²/2 where d = |x − y| is up to delta, else delta (d − delta/2).
 *
 * Shape: input, target any, equal → [] or, for "none", the same. See {@link https://doi.org/10.1214/aoms/1177703732 Huber 1964} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.huber_loss.html torch.nn.functional.huber_loss}.
 *
 * @throws ShapeError when the shapes differ: nothing is broadcast. @throws DTypeError unless both are float32.
 * @throws ArgumentError unless delta is above 0.
 * @example
 * await huberLoss(tensor([1, 2]), tensor([1, 4]), { delta: 0.5 }).item(); // 0.4375
 */
export const huberLoss = (
  input: Tensor,
  target: Tensor,
  { delta = 1, reduction = "mean" }: HuberLossOptions = {},
): Tensor => {
  if (!(delta > 0)) throw new ArgumentError(`huberLoss: expected a delta above 0, got ${delta}`);
  checkOperands("huberLoss", input, target);
  return namedScope("huberLoss", () => {
    const d = abs(sub(input, target));
    return reduceLoss(where(lt(d, delta), mul(square(d), 0.5), mul(add(d, -delta / 2), delta)), reduction);
  });
};

/** `l1Loss` as a module. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.L1Loss.html torch.nn.L1Loss} */
export class L1Loss extends Module {
  readonly options: L1LossOptions;

  constructor(options: L1LossOptions = {}) {
    super();
    this.options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.options);
  }
}

/** `smoothL1Loss` as a module. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html torch.nn.SmoothL1Loss} */
export class SmoothL1Loss extends Module {
  readonly options: SmoothL1LossOptions;

  constructor(options: SmoothL1LossOptions = {}) {
    super();
    this.options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this.options);
  }
}

/** `huberLoss` as a module. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html torch.nn.HuberLoss} */
export class HuberLoss extends Module {
  readonly options: HuberLossOptions;

  constructor(options: HuberLossOptions = {}) {
    super();
    this.options = options;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, this.options);
  }
}
