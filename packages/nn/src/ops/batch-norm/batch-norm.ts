import { defineVjps, notDifferentiable, onceDifferentiable, rule } from "@tessera/autograd";
import {
  add,
  ArgumentError,
  DTypeError,
  mul,
  neg,
  numel,
  reshape,
  rsqrt,
  ShapeError,
  type Tensor,
} from "@tessera/tensor";
import { defineOp, namedScope, run, sameShape, showShape, type TensorSpec } from "@tessera/tensor/extend";
import { batchNormBackwardCpu, batchNormCpu, runningStatisticsCpu } from "./batch-norm.cpu.ts";
import { batchNormBackwardReference, batchNormReference, runningStatisticsReference } from "./batch-norm.reference.ts";
import { batchNormBackwardWgsl } from "./batch-norm-backward.wgsl.ts";
import { batchNormWgsl, runningStatisticsWgsl } from "./batch-norm.wgsl.ts";

/** `eps` is added to the variance. */
export interface BatchNormAttrs {
  readonly eps: number;
}
/**
 * x is [batch, channels, places]. With `fixedMean` and `fixedVariance` those are what normalises, and no statistics come out. `variance` divides by
 * the number of elements; `shift` is the mean minus the channel's first element, and only the backward reads it.
 */
export interface BatchNormSignature {
  inputs: [
    x: Tensor,
    weight: Tensor | null,
    bias: Tensor | null,
    fixedMean: Tensor | null,
    fixedVariance: Tensor | null,
  ];
  outputs: [y: Tensor, mean: Tensor | null, variance: Tensor | null, shift: Tensor | null];
  attrs: BatchNormAttrs;
}
/** `shift` of a batch's statistics, or `mean` where it was fixed. */
export interface BatchNormBackwardSignature {
  inputs: [dy: Tensor, x: Tensor, weight: Tensor | null, mean: Tensor | null, variance: Tensor, shift: Tensor | null];
  outputs: [dx: Tensor, dWeight: Tensor, dBias: Tensor];
  attrs: BatchNormAttrs;
}
/** `momentum`: the share of the new batch; `null`: that of all batches is equal. `samples`: elements of a channel in the batch. */
export interface RunningStatisticsSignature {
  inputs: [mean: Tensor, variance: Tensor, runningMean: Tensor, runningVariance: Tensor, batches: Tensor];
  outputs: [runningMean: Tensor, runningVariance: Tensor, batches: Tensor];
  attrs: { readonly momentum: number | null; readonly samples: number };
}

const floats = (shape: readonly number[]): TensorSpec => ({ shape, dtype: "float32" });

const checkInputs = (op: string, x: TensorSpec, others: { readonly [name: string]: TensorSpec | null }): void => {
  if (x.shape.length !== 3)
    throw new ShapeError(`${op}: expected x [batch, channels, places], got ${showShape(x.shape)}; reshape it`);
  const channels = [x.shape[1]!];
  for (const [name, input] of Object.entries({ x, ...others })) {
    if (!input) continue;
    if (input.dtype !== "float32")
      throw new DTypeError(`${op}: expected float32, got ${input.dtype} for ${name}; cast(x, "float32") first?`);
    if (name !== "x" && !sameShape(input.shape, channels))
      throw new ShapeError(`${op}: expected ${name} ${showShape(channels)}, got ${showShape(input.shape)}`);
  }
};

export const batchNormOp = defineOp<BatchNormSignature>({
  name: "batchNorm",
  family: "norms",
  infer: ([x, weight, bias, fixedMean, fixedVariance]) => {
    checkInputs("batchNorm", x, { weight, bias, mean: fixedMean, variance: fixedVariance });
    if ((fixedMean === null) !== (fixedVariance === null))
      throw new ArgumentError("batchNorm: expected a mean and a variance, or neither, got one of them");
    const statistics = fixedMean ? null : floats([x.shape[1]!]);
    return [floats(x.shape), statistics, statistics, statistics];
  },
  extras: 1,
  kernels: { reference: batchNormReference, cpu: batchNormCpu, webgpu: batchNormWgsl },
});

/** All three gradients, from one pass for the sums and one for dx. Without a weight or a bias, its gradient is made and not used. */
export const batchNormBackwardOp = defineOp<BatchNormBackwardSignature>({
  name: "batchNormBackward",
  family: "norms",
  infer: ([, x]) => [floats(x.shape), floats([x.shape[1]!]), floats([x.shape[1]!])],
  kernels: { reference: batchNormBackwardReference, cpu: batchNormBackwardCpu, webgpu: batchNormBackwardWgsl },
});

/** running + (batch − running) · share, with the variance that divides by samples − 1; and one batch more. */
export const runningStatisticsOp = defineOp<RunningStatisticsSignature>({
  name: "runningStatistics",
  family: "norms",
  infer: ([mean, variance, runningMean, runningVariance, batches]) => {
    for (const one of [variance, runningMean, runningVariance])
      if (one.dtype !== "float32" || !sameShape(one.shape, mean.shape))
        throw new ShapeError(
          `runningStatistics: expected float32 ${showShape(mean.shape)}, got ${one.dtype} ${showShape(one.shape)}`,
        );
    if (batches.dtype !== "int32" || batches.shape.length !== 0)
      throw new ShapeError(
        `runningStatistics: expected batches as int32 [], got ${batches.dtype} ${showShape(batches.shape)}`,
      );
    return [floats(mean.shape), floats(mean.shape), { shape: [], dtype: "int32" }];
  },
  kernels: { reference: runningStatisticsReference, cpu: runningStatisticsCpu, webgpu: runningStatisticsWgsl },
});

interface Sums {
  readonly weight: Tensor | null;
  readonly variance: Tensor;
  readonly dWeight: Tensor;
  readonly dBias: Tensor;
}

/** Gradients of a fixed mean and variance: with r = 1 / √(σ² + eps), −r weight dBias and −½ r² weight dWeight. */
const fixedGradients = ({ weight, variance, dWeight, dBias }: Sums, { eps }: BatchNormAttrs): [Tensor, Tensor] => {
  const r = rsqrt(add(variance, eps));
  const scale = weight ? mul(r, weight) : r;
  return [neg(mul(scale, dBias)), mul(mul(mul(scale, r), dWeight), -0.5)];
};

defineVjps(
  { batchNormOp, batchNormBackwardOp, runningStatisticsOp },
  {
    batchNorm: rule({
      reads: ({ inputs: [x, weight, , fixedMean, fixedVariance], outputs: [, , variance, shift] }) => ({
        x,
        weight,
        mean: fixedMean,
        variance: fixedVariance ?? variance,
        shift: fixedMean ? null : shift,
      }),
      vjp: ([dy], { x, weight, mean, variance, shift, attrs, needs }) => {
        const [dx, dWeight, dBias] = run(batchNormBackwardOp, [dy, x, weight, mean, variance, shift], attrs);
        const fixed = needs[3] || needs[4] ? fixedGradients({ weight, variance, dWeight, dBias }, attrs) : [null, null];
        return [dx, needs[1] ? dWeight : null, needs[2] ? dBias : null, fixed[0], fixed[1]];
      },
    }),
    batchNormBackward: onceDifferentiable,
    runningStatistics: notDifferentiable,
  },
);

export interface BatchNormOptions {
  /** Scale of each channel. Shape: `[channels]`. */
  readonly weight?: Tensor | null | undefined;
  /** Shift of each channel. Shape: `[channels]`. */
  readonly bias?: Tensor | null | undefined;
  /** The mean to normalise with, in place of the batch's. Shape: `[channels]`. */
  readonly mean?: Tensor | null | undefined;
  /** The variance to normalise with, in place of the batch's. Shape: `[channels]`. */
  readonly variance?: Tensor | null | undefined;
  /** Keeps a constant channel from dividing by 0; 1e-5 unless said otherwise. */
  readonly eps?: number | undefined;
}

/** `batchNorm` with the mean of the batch and its variance, divided by the number of elements: none where they were given. No gradient flows from them. */
export const batchNormWithStatistics = (
  x: Tensor,
  { weight = null, bias = null, mean = null, variance = null, eps = 1e-5 }: BatchNormOptions = {},
): [y: Tensor, mean: Tensor | null, variance: Tensor | null] => {
  if (x.ndim < 2)
    throw new ShapeError(`batchNorm: expected x [batch, channels, …], got ${showShape(x.shape)}; unsqueeze it`);
  if (!(eps >= 0)) throw new ArgumentError(`batchNorm: eps is a number from 0 up, got ${eps}`);
  return namedScope("batchNorm", () => {
    const [batch, channels, ...places] = x.shape as [number, number, ...number[]];
    if (!mean && batch * numel(places) < 2)
      throw new ShapeError(
        `batchNorm: expected at least two elements of each channel for statistics, got ${showShape(x.shape)}; take a larger batch, or evaluate with fixed ones`,
      );
    const flat = reshape(x, [batch, channels, numel(places)]);
    const [y, batchMean, batchVariance] = run(batchNormOp, [flat, weight, bias, mean, variance], { eps });
    return [reshape(y, x.shape), batchMean, batchVariance];
  });
};

/**
 * Each channel brought to mean 0 and variance 1 over the batch and all places, then scaled and shifted:
 * `y = (x − μ) / √(σ² + eps) · weight + bias`, with σ² = mean (x − μ)². One pass over x makes the statistics, one normalises. Given a mean and a
 * variance, those are taken, as in evaluation.
 *
 * Shape: `[batch, channels, …]` → same. float32 only. See {@link https://arxiv.org/abs/1502.03167 Ioffe and Szegedy 2015} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html torch.nn.functional.batch_norm}, which also keeps
 * running statistics: here a layer does.
 *
 * @throws ShapeError when x has no channels, or less than two elements in each, or weight, bias, mean or variance are not of them.
 * @example
 * await batchNorm(tensor([[1], [3]])).data(); // [-1, 1]
 */
export const batchNorm = (x: Tensor, options: BatchNormOptions = {}): Tensor =>
  namedScope("batchNorm", () => batchNormWithStatistics(x, options)[0]);

/** A state of running statistics. */
export interface RunningStatistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly batches: Tensor;
}

/**
 * Running statistics after one more batch: `running + (batch − running) · momentum`, where the batch's variance divides by samples − 1. With a
 * momentum of `null`, the mean over all batches. Makes new tensors.
 *
 * Shape: mean, variance `[channels]`; batches int32 [].
 *
 * @example
 * const [mean, variance, batches] = runningStatistics(batch, running, { momentum: 0.1, samples: 64 });
 */
export const runningStatistics = (
  batch: Pick<RunningStatistics, "mean" | "variance">,
  running: RunningStatistics,
  { momentum, samples }: { readonly momentum: number | null; readonly samples: number },
): [mean: Tensor, variance: Tensor, batches: Tensor] =>
  run(runningStatisticsOp, [batch.mean, batch.variance, running.mean, running.variance, running.batches], {
    momentum,
    samples,
  });
