import { ArgumentError, DTypeError, ShapeError } from "../../error.ts";
import { defineOp, run } from "../../op.ts";
import { namedScope } from "../../named-scope.ts";
import { sameShape, showShape, type TensorSpec } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { add, cast, div, eq, maskedFill, mul, ne, neg } from "../elementwise/elementwise.ts";
import { indexSelect } from "../index/index.ts";
import { permute, reshape } from "../move/move.ts";
import { sum } from "../reduce/reduce.ts";
import { logSoftmax } from "../softmax/softmax.ts";
import { crossEntropyBackwardCpu, crossEntropyCpu } from "./loss.cpu.ts";
import { crossEntropyBackwardWgsl, crossEntropyWgsl } from "./loss.wgsl.ts";
import { crossEntropyBackwardReference, crossEntropyReference } from "./loss.reference.ts";

export interface CrossEntropyAttrs {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
}
/** logits [N, C], target [N]; loss [N], and lse [N] = ln Σ exp of the logits, which the backward reads. */
export interface CrossEntropySignature {
  inputs: [logits: Tensor, target: Tensor];
  outputs: [loss: Tensor, lse: Tensor | null];
  attrs: CrossEntropyAttrs;
}
export interface CrossEntropyBackwardSignature {
  inputs: [dloss: Tensor, logits: Tensor, target: Tensor, lse: Tensor];
  outputs: [dlogits: Tensor];
  attrs: CrossEntropyAttrs;
}

/** The loss of each row; 0 where the target is ignored. */
export const crossEntropyOp = defineOp<CrossEntropySignature>({
  name: "crossEntropy",
  family: "softmax and losses",
  infer: ([logits, target]) => {
    if (logits.dtype !== "float32")
      throw new DTypeError(`crossEntropy: the logits are float32, got ${logits.dtype}; cast(logits, "float32") first?`);
    if (target.dtype !== "int32")
      throw new DTypeError(
        `crossEntropy: the target is int32 class numbers, got ${target.dtype}; cast(target, "int32"), or argmax of probabilities?`,
      );
    if (logits.shape.length !== 2 || target.shape.length !== 1 || target.shape[0] !== logits.shape[0])
      refuse(logits, target);
    if (logits.shape[1] === 0 && logits.shape[0]! > 0)
      throw new ShapeError(`crossEntropy: expected at least one class, got logits ${showShape(logits.shape)}`);
    const row: TensorSpec = { shape: target.shape, dtype: "float32" };
    return [row, row];
  },
  extras: 1,
  kernels: { reference: crossEntropyReference, cpu: crossEntropyCpu, webgpu: crossEntropyWgsl },
});

/** The gradient of `crossEntropyOp`: dloss · (softmax − target distribution). */
export const crossEntropyBackwardOp = defineOp<CrossEntropyBackwardSignature>({
  name: "crossEntropyBackward",
  family: "softmax and losses",
  infer: ([, logits]) => [{ shape: logits.shape, dtype: "float32" }],
  kernels: { reference: crossEntropyBackwardReference, cpu: crossEntropyBackwardCpu, webgpu: crossEntropyBackwardWgsl },
});

const refuse = (logits: TensorSpec, target: TensorSpec): never => {
  throw new ShapeError(
    `crossEntropy: expected logits [n, classes, …] and a target [n, …], got ${showShape(logits.shape)} and ${showShape(target.shape)}; the classes are dim 1`,
  );
};

export interface CrossEntropyOptions {
  /** Targets of this value do not count, in the loss or in its mean; −100 by default. */
  ignoreIndex?: number | undefined;
  /** How much of the target is spread evenly over all classes, from 0 to 1; 0 by default. */
  labelSmoothing?: number | undefined;
  /** The mean over the targets that count (NaN when none does), their sum, or each for itself. */
  reduction?: "mean" | "sum" | "none" | undefined;
  /** How much each class counts, `[C]`. The mean is over the weights of the targets. */
  weight?: Tensor | null | undefined;
}

/**
 * The cross-entropy of logits with class numbers, −ln softmax(logits)_target, in nats: its mean over the targets that count
 * unless `reduction` says otherwise. With smoothing ε, (1 − ε) of that plus ε times its mean over all classes. A float32 target of the
 * logits' shape holds probabilities: −Σ p ln softmax(logits), and its mean is over all rows.
 *
 * Shape: logits `[N, C]`, `[N, C, d₁, …]` or `[C]`, target int32 of the same without C, or float32 of the same → [] or, for "none", as logits without C.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html torch.nn.functional.cross_entropy};
 * smoothing: {@link https://arxiv.org/abs/1512.00567 Szegedy et al. 2015}
 *
 * @throws IndexError when a target is neither a class nor `ignoreIndex`. @throws ShapeError when the shapes do not fit.
 * @example
 * const logits = tensor([[2, 0, 0], [0, 0, 2]]);
 * await crossEntropy(logits, tensor(new Int32Array([0, 0]))).item(); // 1.2395
 */
export const crossEntropy = (
  logits: Tensor,
  target: Tensor,
  { ignoreIndex = -100, labelSmoothing = 0, reduction = "mean", weight = null }: CrossEntropyOptions = {},
): Tensor => {
  if (!Number.isInteger(ignoreIndex))
    throw new ArgumentError(`crossEntropy: ignoreIndex is a whole number, got ${ignoreIndex}`);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ArgumentError(`crossEntropy: labelSmoothing is from 0 to 1, got ${labelSmoothing}`);
  return namedScope("crossEntropy", () => {
    const classes = logits.ndim === 1 ? 0 : 1;
    if (weight && !sameShape(weight.shape, [logits.shape[classes] ?? 0]))
      throw new ShapeError(
        `crossEntropy: a weight for each class of ${showShape(logits.shape)} expected, got ${showShape(weight.shape)}; the classes are dim ${classes}`,
      );
    if (target.dtype === "float32" && sameShape(target.shape, logits.shape)) {
      const each = soft(logits, target, { classes, labelSmoothing, weight });
      return reduction === "none" ? each : reduction === "sum" ? sum(each) : div(sum(each), each.numel());
    }
    const rows = asRows(logits, target);
    const numbers = target.ndim === 1 ? target : reshape(target, [-1]);
    const attrs = { ignoreIndex, labelSmoothing: weight ? 0 : labelSmoothing };
    let losses = run(crossEntropyOp, [rows, numbers], attrs)[0];
    // The op has thrown for what is no class.
    const shown = weight && indexSelect(weight, 0, maskedFill(numbers, eq(numbers, ignoreIndex), 0));
    const weights = shown && maskedFill(shown, eq(numbers, ignoreIndex), 0);
    if (weights) losses = mul(losses, weights);
    if (weight && labelSmoothing > 0) {
      const spread = neg(sum(mul(logSoftmax(rows, 1), weight), { dim: 1 }));
      const counted = maskedFill(spread, eq(numbers, ignoreIndex), 0);
      losses = add(mul(losses, 1 - labelSmoothing), mul(counted, labelSmoothing / rows.shape[1]!));
    }
    if (reduction === "none") return reshape(losses, target.shape);
    const total = sum(losses);
    if (reduction === "sum") return total;
    // Counted on the device, so that no step waits for the number.
    return div(total, weights ? sum(weights) : cast(sum(ne(target, ignoreIndex)), "float32"));
  });
};

/** −Σ_c w_c p_c ln softmax(logits)_c, of probabilities that smoothing moves towards 1 / C. */
const soft = (
  logits: Tensor,
  target: Tensor,
  { classes, labelSmoothing, weight }: { classes: number; labelSmoothing: number; weight: Tensor | null },
): Tensor => {
  const { shape } = logits;
  const smooth = labelSmoothing > 0 ? add(mul(target, 1 - labelSmoothing), labelSmoothing / shape[classes]!) : target;
  const products = mul(logSoftmax(logits, classes), smooth);
  const weighed = weight ? mul(products, reshape(weight, [-1, ...shape.slice(classes + 1).map(() => 1)])) : products;
  return neg(sum(weighed, { dim: classes }));
};

/** The logits with the classes last, as [N, C]. */
const asRows = (logits: Tensor, target: Tensor): Tensor => {
  const { shape, ndim } = logits;
  if (ndim === 1 && target.ndim === 0) return reshape(logits, [1, shape[0]!]);
  if (ndim < 2 || !sameShape(target.shape, [shape[0]!, ...shape.slice(2)])) return refuse(logits, target);
  if (ndim === 2) return logits;
  const last = permute(logits, [0, ...shape.slice(2).map((_, d) => d + 2), 1]);
  return reshape(last, [target.shape.reduce((n, size) => n * size, 1), shape[1]!]);
};
