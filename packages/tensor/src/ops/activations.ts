import { ArgumentError, DTypeError, ShapeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { normalizeDim, showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkFloat } from "./check-float.ts";
import {
  abs,
  add,
  clamp,
  div,
  eq,
  expm1,
  ge,
  gt,
  le,
  logicalAnd,
  lt,
  maskedFill,
  mul,
  neg,
  sigmoid,
  softplus,
  sub,
  tanh,
  where,
} from "./elementwise/elementwise.ts";
import { narrow, reshape, stopGradient } from "./move/move.ts";

/** A composed function of one float32 tensor. */
const activation = (op: string, x: Tensor, f: () => Tensor): Tensor =>
  namedScope(op, () => {
    checkFloat(op, x);
    return f();
  });

/** clamp whose gradient is 0 at the ends too, as that of torch's hardtanh; NaN stays, with gradient 0. */
const clampOpen = (x: Tensor, min: number, max: number): Tensor =>
  where(logicalAnd(gt(x, min), lt(x, max)), x, stopGradient(clamp(x, min, max)));

/** The part of x that is not above 0: where it is unused, nothing that is made of it overflows. */
const below0 = (x: Tensor): Tensor => clamp(x, -Infinity, 0);

/** x above 0, alpha (e^(x / width) − 1) elsewhere. */
const eluOf = (x: Tensor, alpha: number, width = 1): Tensor => {
  const low = below0(x);
  return where(le(x, 0), mul(expm1(width === 1 ? low : div(low, width)), alpha), x);
};

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

/**
 * x above 0, alpha (eˣ − 1) elsewhere. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.elu.html torch.nn.functional.elu}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await elu(tensor([1, -1])).data(); // [1, -0.632…]
 */
export const elu = (x: Tensor, alpha = 1): Tensor => activation("elu", x, () => eluOf(x, alpha));

/**
 * x above 0, alpha (e^(x / alpha) − 1) elsewhere. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.celu.html torch.nn.functional.celu}
 *
 * @throws ArgumentError when alpha is 0, DTypeError unless x is float32.
 * @example
 * await celu(tensor([1, -2]), 2).data(); // [1, -1.264…]
 */
export const celu = (x: Tensor, alpha = 1): Tensor =>
  activation("celu", x, () => {
    if (alpha === 0) throw new ArgumentError("celu: an alpha that is not 0 expected, got 0; relu is its limit");
    return eluOf(x, alpha, alpha);
  });

/**
 * 1.0507 · (x above 0, 1.6733 (eˣ − 1) elsewhere): activations that keep mean 0 and variance 1. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.selu.html torch.nn.functional.selu}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await selu(tensor([1, -1])).data(); // [1.0507…, -1.1113…]
 */
export const selu = (x: Tensor): Tensor => activation("selu", x, () => mul(eluOf(x, SELU_ALPHA), SELU_SCALE));

/**
 * x above 0, `negativeSlope` · x elsewhere. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.leaky_relu.html torch.nn.functional.leaky_relu}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await leakyRelu(tensor([1, -1]), 0.1).data(); // [1, -0.1]
 */
export const leakyRelu = (x: Tensor, negativeSlope = 0.01): Tensor =>
  activation("leakyRelu", x, () => where(gt(x, 0), x, mul(below0(x), negativeSlope)));

/**
 * x above 0, `weight` · x elsewhere, with a learned weight for each channel or for all of them.
 *
 * Shape: `[batch, channels, …]` and `[channels]` or `[1]` → that of x.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.prelu.html torch.nn.functional.prelu}
 *
 * @throws ShapeError when there is neither one weight nor one for each channel, DTypeError unless both are float32.
 * @example
 * await prelu(tensor([[1, -1]]), tensor([0.5, 0.25])).data(); // [1, -0.25]
 */
export const prelu = (x: Tensor, weight: Tensor): Tensor =>
  activation("prelu", x, () => {
    const channels = x.ndim < 2 ? 1 : x.shape[1]!;
    if (weight.ndim > 1 || (weight.numel() !== 1 && weight.numel() !== channels))
      throw new ShapeError(
        `prelu: expected 1 weight or ${channels}, one for each channel of ${showShape(x.shape)}, got ${showShape(weight.shape)}`,
      );
    const slope =
      x.ndim < 2 ? reshape(weight, []) : reshape(weight, [weight.numel(), ...x.shape.slice(2).map(() => 1)]);
    return where(gt(x, 0), x, mul(below0(x), slope));
  });

/**
 * x between `min` and `max`, which are its limits; the gradient is 0 at them too. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardtanh.html torch.nn.functional.hardtanh}
 *
 * @throws ArgumentError when min is above max, DTypeError unless x is float32.
 * @example
 * await hardTanh(tensor([0.5, 3])).data(); // [0.5, 1]
 */
export const hardTanh = (x: Tensor, min = -1, max = 1): Tensor =>
  activation("hardTanh", x, () => {
    if (!(min <= max)) throw new ArgumentError(`hardTanh: min up to max expected, got ${min} and ${max}`);
    return clampOpen(x, min, max);
  });

/**
 * (x + 3) / 6 between 0 and 1, which are its limits. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardsigmoid.html torch.nn.functional.hardsigmoid}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await hardSigmoid(tensor([0, 5])).data(); // [0.5, 1]
 */
export const hardSigmoid = (x: Tensor): Tensor =>
  activation("hardSigmoid", x, () => div(add(clampOpen(x, -3, 3), 3), 6));

/**
 * x · hardSigmoid x: 0 up to −3, but NaN at −∞, x from 3 on. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardswish.html torch.nn.functional.hardswish}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await hardSwish(tensor([-4, 0, 1, 4])).data(); // [0, 0, 0.666…, 4]
 */
export const hardSwish = (x: Tensor): Tensor =>
  activation("hardSwish", x, () => {
    const c = clamp(x, -3, 3);
    const low = maskedFill(div(mul(c, add(c, 3)), 6), le(x, -3), 0);
    // −∞ · 0
    return where(ge(x, 3), x, maskedFill(low, eq(x, -Infinity), NaN));
  });

/**
 * x / (1 + |x|). Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softsign.html torch.nn.functional.softsign}
 *
 * @throws DTypeError unless x is float32.
 * @example
 * await softsign(tensor([1, -3])).data(); // [0.5, -0.75]
 */
export const softsign = (x: Tensor): Tensor => activation("softsign", x, () => div(x, add(abs(x), 1)));

/** Whether −lambda ≤ x ≤ lambda. */
const within = (op: string, x: Tensor, lambda: number): Tensor => {
  if (!(lambda >= 0)) throw new ArgumentError(`${op}: a lambda of 0 or more expected, got ${lambda}`);
  return le(abs(x), lambda);
};

/**
 * x moved towards 0 by `lambda`; 0 up to there. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softshrink.html torch.nn.functional.softshrink}
 *
 * @throws ArgumentError when lambda is below 0, DTypeError unless x is float32.
 * @example
 * await softshrink(tensor([-2, 0.25, 1])).data(); // [-1.5, 0, 0.5]
 */
export const softshrink = (x: Tensor, lambda = 0.5): Tensor =>
  activation("softshrink", x, () => {
    const inside = within("softshrink", x, lambda);
    return maskedFill(sub(x, stopGradient(clamp(x, -lambda, lambda))), inside, 0);
  });

/**
 * 0 where |x| ≤ `lambda`, x elsewhere. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardshrink.html torch.nn.functional.hardshrink}
 *
 * @throws ArgumentError when lambda is below 0, DTypeError unless x is float32.
 * @example
 * await hardshrink(tensor([-2, 0.25, 1])).data(); // [-2, 0, 1]
 */
export const hardshrink = (x: Tensor, lambda = 0.5): Tensor =>
  activation("hardshrink", x, () => maskedFill(x, within("hardshrink", x, lambda), 0));

/** x − tanh x. Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.tanhshrink.html torch.nn.functional.tanhshrink} */
export const tanhshrink = (x: Tensor): Tensor => activation("tanhshrink", x, () => sub(x, tanh(x)));

/**
 * x above the threshold, `value` elsewhere; NaN stays. float32 or int32. Shape: any → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.threshold.html torch.nn.functional.threshold}
 *
 * @throws DTypeError when x is bool, or int32 that cannot hold the value.
 * @example
 * await threshold(tensor([1, 3]), 2, 20).data(); // [20, 3]
 */
export const threshold = (x: Tensor, limit: number, value: number): Tensor =>
  namedScope("threshold", () => {
    if (x.dtype === "bool") throw new DTypeError("threshold: expected float32 or int32, got bool; cast it first");
    return maskedFill(x, le(x, limit), value);
  });

/** ln sigmoid x = −softplus(−x). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.logsigmoid.html torch.nn.functional.logsigmoid} */
export const logSigmoid = (x: Tensor): Tensor => activation("logSigmoid", x, () => neg(softplus(neg(x))));

/** x tanh(softplus x). Shape: any → same. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mish.html torch.nn.functional.mish} */
export const mish = (x: Tensor): Tensor => activation("mish", x, () => mul(x, tanh(softplus(x))));

/**
 * The first half along a dim times the sigmoid of the second.
 *
 * Shape: `[…, 2 n, …]` → `[…, n, …]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.glu.html torch.nn.functional.glu}
 *
 * @throws ShapeError when the dim is outside or its size is odd, DTypeError unless x is float32.
 * @example
 * await glu(tensor([3, 0])).data(); // [1.5]
 */
export const glu = (x: Tensor, dim = -1): Tensor =>
  activation("glu", x, () => {
    const at = normalizeDim("glu", dim, x.shape);
    const size = x.shape[at];
    if (size === undefined || size % 2 !== 0)
      throw new ShapeError(`glu: an even size expected at dim ${at}, got shape ${showShape(x.shape)}`);
    return mul(narrow(x, at, 0, size / 2), sigmoid(narrow(x, at, size / 2, size / 2)));
  });
