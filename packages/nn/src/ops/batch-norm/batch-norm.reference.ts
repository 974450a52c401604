import type { Data, ReferenceKernel } from "@tessera/tensor/extend";
import type { BatchNormBackwardSignature, BatchNormSignature, RunningStatisticsSignature } from "./batch-norm.ts";

/** Visits the elements of a channel. */
const forEachOf = ({ layout: { shape } }: Data, channel: number, visit: (at: number) => void): void => {
  const [batch, channels, places] = shape as [number, number, number];
  for (let n = 0; n < batch; n++) for (let i = 0; i < places; i++) visit((n * channels + channel) * places + i);
};

/** Σ f over a channel. */
const sumOf = (x: Data, channel: number, f: (at: number) => number): number => {
  let total = 0;
  forEachOf(x, channel, (at) => {
    total += f(at);
  });
  return total;
};

/** y = (x − μ) / √(σ² + eps) · weight + bias. */
export const batchNormReference: ReferenceKernel<BatchNormSignature> = (
  [x, weight, bias, fixedMean, fixedVariance],
  [y, mean, variance, shift],
  { eps },
) => {
  const [batch, channels, places] = x.layout.shape as [number, number, number];
  const count = batch * places;
  for (let c = 0; c < channels; c++) {
    const first = fixedMean ? 0 : (x.values[c * places] ?? 0);
    const shifted = fixedMean ? fixedMean.values[c]! : sumOf(x, c, (at) => x.values[at]! - first) / count;
    const spread = fixedVariance
      ? fixedVariance.values[c]!
      : sumOf(x, c, (at) => (x.values[at]! - first - shifted) ** 2) / count;
    const scale = (weight?.values[c] ?? 1) / Math.sqrt(spread + eps);
    forEachOf(x, c, (at) => {
      y.values[at] = (x.values[at]! - first - shifted) * scale + (bias?.values[c] ?? 0);
    });
    if (mean) mean.values[c] = first + shifted;
    if (variance) variance.values[c] = spread;
    if (shift) shift.values[c] = shifted;
  }
};

/**
 * With x̂ the normalised x: dWeight = Σ dy x̂, dBias = Σ dy, dx = weight / √(σ² + eps) · (dy − mean dy − x̂ mean(dy x̂)); for fixed statistics
 * without the means.
 */
export const batchNormBackwardReference: ReferenceKernel<BatchNormBackwardSignature> = (
  [dy, x, weight, mean, variance, shift],
  [dx, dWeight, dBias],
  { eps },
) => {
  const [batch, channels, places] = x.layout.shape as [number, number, number];
  for (let c = 0; c < channels; c++) {
    const first = shift ? (x.values[c * places] ?? 0) : 0;
    const shifted = (shift ?? mean)!.values[c]!;
    const scale = 1 / Math.sqrt(variance.values[c]! + eps);
    const hat = (at: number): number => (x.values[at]! - first - shifted) * scale;
    const sum = sumOf(x, c, (at) => dy.values[at]!);
    const dot = sumOf(x, c, (at) => dy.values[at]! * hat(at));
    const count = shift ? batch * places : Infinity;
    forEachOf(x, c, (at) => {
      dx.values[at] = scale * (weight?.values[c] ?? 1) * (dy.values[at]! - sum / count - (hat(at) * dot) / count);
    });
    dWeight.values[c] = dot;
    dBias.values[c] = sum;
  }
};

export const runningStatisticsReference: ReferenceKernel<RunningStatisticsSignature> = (
  [mean, variance, runningMean, runningVariance, batches],
  [newMean, newVariance, newBatches],
  { momentum, samples },
) => {
  const count = batches.values[0]! + 1;
  const share = momentum ?? 1 / count;
  for (const [c, before] of runningMean.values.entries()) {
    newMean.values[c] = before + (mean.values[c]! - before) * share;
    const spread = (variance.values[c]! * samples) / (samples - 1);
    newVariance.values[c] = runningVariance.values[c]! + (spread - runningVariance.values[c]!) * share;
  }
  newBatches.values[0] = count;
};
