import {
  ArgumentError,
  keep,
  ones,
  Parameter,
  ShapeError,
  tensor,
  zeros,
  type DeviceLike,
  type Tensor,
} from "@tessera/tensor";
import { showShape, withRecorder } from "@tessera/tensor/extend";
import { Module } from "../module.ts";
import { batchNormWithStatistics, runningStatistics } from "../ops/batch-norm/batch-norm.ts";
import { checkSizes } from "./check-sizes.ts";

export interface BatchNormLayerOptions {
  /** Added to the variance; 1e-5 unless said otherwise. */
  readonly eps?: number | undefined;
  /** The share of a new batch in the running statistics; `null`: those are the mean over all batches. 0.1 unless said otherwise. */
  readonly momentum?: number | null | undefined;
  /** Whether there are a weight and a bias to learn. */
  readonly affine?: boolean | undefined;
  /** Whether running statistics are kept, and taken in evaluation; without them a batch is always normalised by its own. */
  readonly trackRunningStats?: boolean | undefined;
  readonly device?: DeviceLike | undefined;
}

/** What batch norms share; what differs is the shape of their inputs. */
abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  weight: Parameter | null; // [features]
  bias: Parameter | null; // [features]
  // Named as in torch's checkpoints.
  running_mean: Tensor | null = null; // [features]
  running_var: Tensor | null = null; // [features]
  num_batches_tracked: Tensor | null = null; // int32 []

  constructor(
    numFeatures: number,
    { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true, device }: BatchNormLayerOptions = {},
  ) {
    super();
    checkSizes(this.constructor.name, { numFeatures });
    if (momentum !== null && !(momentum >= 0 && momentum <= 1))
      throw new ArgumentError(`${this.constructor.name}: momentum is a number from 0 to 1, or null, got ${momentum}`);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? new Parameter(ones([numFeatures], { device })) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures], { device })) : null;
    if (!trackRunningStats) return;
    this.running_mean = this.buffer(zeros([numFeatures], { device }));
    this.running_var = this.buffer(ones([numFeatures], { device }));
    this.num_batches_tracked = this.buffer(tensor(new Int32Array(1), [], { device }));
  }

  /** The numbers of dims that inputs may have, and how they are called. */
  protected abstract readonly inputs: { readonly ranks: readonly number[]; readonly shape: string };

  forward(x: Tensor): Tensor {
    const { inputs, numFeatures, weight, bias, eps, running_mean: mean, running_var: variance } = this;
    if (!inputs.ranks.includes(x.ndim) || x.size(1) !== numFeatures)
      throw new ShapeError(
        `${this.constructor.name}: expected ${inputs.shape.replace("features", `${numFeatures}`)}, got ${showShape(x.shape)}`,
      );
    const own = this.training || !mean;
    const [y, batchMean, batchVariance] = batchNormWithStatistics(x, {
      weight,
      bias,
      eps,
      ...(own ? {} : { mean, variance }),
    });
    if (this.training && mean && batchMean && batchVariance)
      this.#track({ mean: batchMean, variance: batchVariance }, x.numel() / numFeatures);
    return y;
  }

  /** Running statistics are new tensors: a gradient that reads the old ones still finds them. */
  #track(batch: { readonly mean: Tensor; readonly variance: Tensor }, samples: number): void {
    const before = {
      mean: this.running_mean!,
      variance: this.running_var!,
      batches: this.num_batches_tracked!,
    };
    const { momentum } = this;
    const [mean, variance, batches] = withRecorder(null, () =>
      keep(runningStatistics(batch, before, { momentum, samples })),
    );
    this.running_mean = this.buffer(mean);
    this.running_var = this.buffer(variance);
    this.num_batches_tracked = this.buffer(batches);
    for (const old of Object.values(before)) old.dispose();
  }

  /** A weight of a norm is a scale around one: pulled to zero, it would silence the layer. */
  override get decays(): boolean {
    return false;
  }

  override extraRepr(): string {
    const { numFeatures, eps, momentum, weight, running_mean } = this;
    return `${numFeatures}, eps=${eps}, momentum=${momentum}, affine=${weight !== null}, trackRunningStats=${running_mean !== null}`;
  }
}

/**
 * Every channel of images brought to mean 0 and variance 1, then scaled and shifted: `batchNorm`. In training over the batch and all
 * places, whose mean and variance go into running statistics, `running + (batch − running) · momentum`; in evaluation by those. The
 * buffers are called as torch's, `running_mean`, `running_var` (which divides by n − 1) and `num_batches_tracked`.
 *
 * A forward pass that is run twice, as `checkpoint` does, counts its batch twice.
 *
 * Shape: `[batch, features, height, width]` → same. See {@link https://arxiv.org/abs/1502.03167 Ioffe and Szegedy 2015} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html torch.nn.BatchNorm2d}.
 *
 * @throws ShapeError when x has other features, or in training only one element of each.
 * @example
 * const norm = new BatchNorm2d(16);
 * norm.forward(randn([8, 16, 32, 32]));
 * norm.eval().forward(randn([1, 16, 32, 32])).shape; // [1, 16, 32, 32]
 */
export class BatchNorm2d extends BatchNorm {
  protected override readonly inputs = { ranks: [4], shape: "[batch, features, height, width]" };
}

/**
 * `BatchNorm2d` for vectors, or for sequences of them.
 *
 * Shape: `[batch, features]` or `[batch, features, length]` → same.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html torch.nn.BatchNorm1d}
 *
 * @throws ShapeError when x has other features, or in training only one element of each.
 * @example
 * new BatchNorm1d(64).forward(randn([32, 64])).shape; // [32, 64]
 */
export class BatchNorm1d extends BatchNorm {
  protected override readonly inputs = { ranks: [2, 3], shape: "[batch, features] or [batch, features, length]" };
}
