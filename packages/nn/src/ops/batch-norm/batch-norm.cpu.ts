import { input, output, scratch, type CpuStep, type Layout, type Planner, type Slot } from "@tessera/tensor/extend";
import { kernels } from "../../generated/kernels.ts";
import type { BatchNormBackwardSignature, BatchNormSignature, RunningStatisticsSignature } from "./batch-norm.ts";

/** Elements that one task sums or maps, and parts of a channel: few enough to be summed anew by each task. */
const TASK = 32768;
const MAX_PARTS = 64;
/** Channels of a task that takes four at a time: whole cache lines. */
const LINE = 16;

const optional = (layout: Layout | null, slot: Slot): Slot | null => layout && slot;

/** How x is cut into tasks: parts of the batch for each of a number of channels. */
const cut = ({ shape, strides }: Layout) => {
  const [batch, channels, places] = shape as [number, number, number];
  const [nStep, cStep, pStep] = strides as [number, number, number];
  // Channels that lie side by side, with one place: four at a time.
  const columns = places === 1 && cStep === 1 && channels > 1;
  const width = columns ? Math.min(channels, Math.max(LINE, Math.floor(TASK / Math.max(batch, 1) / LINE) * LINE)) : 1;
  const perPart = Math.max(1, Math.floor(TASK / Math.max(places * width, 1)), Math.ceil(batch / MAX_PARTS));
  const parts = Math.max(1, Math.ceil(batch / perPart));
  const perTask = columns ? width : Math.max(1, Math.floor(TASK / Math.max(Math.min(perPart, batch) * places, 1)));
  const sizes = { channels, parts, batch, perPart, perTask, nStep };
  return {
    rows: { ...sizes, places, cStep, pStep },
    columns: columns ? sizes : null,
    launch: { tasks: parts * Math.ceil(channels / perTask) },
    scratchBytes: [parts * 2 * channels * 8],
  };
};

export const batchNormCpu: Planner<BatchNormSignature, CpuStep> = {
  strided: [0],
  plan: ({ inputs: [x, weight, bias, fixed], outputs: [, , , shift], attrs: { eps } }) => {
    const { rows, columns, launch, scratchBytes } = cut(x);
    const affine = { weight: optional(weight, input(1)), bias: optional(bias, input(2)) };
    const statistics = fixed
      ? { partials: null, mean: input(3), variance: input(4), shift: null }
      : { partials: scratch(0), mean: output(1), variance: output(2), shift: optional(shift, output(3)) };
    const args = { x: input(0), y: output(0), ...affine, ...statistics, eps };
    const last = columns
      ? kernels.batchNormColumnsF32({ ...args, ...columns }, launch)
      : kernels.batchNormF32({ ...args, ...rows }, launch);
    if (fixed) return { steps: [last] };
    const sums = { x: input(0), partials: scratch(0) };
    const first = columns
      ? kernels.batchSumsColumnsF32({ ...sums, ...columns }, launch)
      : kernels.batchSumsF32({ ...sums, ...rows }, launch);
    return { steps: [first, last], scratchBytes };
  },
};

export const batchNormBackwardCpu: Planner<BatchNormBackwardSignature, CpuStep> = {
  strided: [1],
  plan: ({ inputs: [, x, weight, , , shift], attrs: { eps } }) => {
    const { rows, columns, launch, scratchBytes } = cut(x);
    const centred = Number(shift !== null);
    const sums = { dy: input(0), x: input(1), shift: input(shift ? 5 : 3), partials: scratch(0), centred };
    const results = { dx: output(0), dWeight: output(1), dBias: output(2) };
    const args = { ...sums, ...results, weight: optional(weight, input(2)), variance: input(4), eps };
    const steps = columns
      ? [
          kernels.batchBackwardSumsColumnsF32({ ...sums, ...columns }, launch),
          kernels.batchNormBackwardColumnsF32({ ...args, ...columns }, launch),
        ]
      : [
          kernels.batchBackwardSumsF32({ ...sums, ...rows }, launch),
          kernels.batchNormBackwardF32({ ...args, ...rows }, launch),
        ];
    return { steps, scratchBytes };
  },
};

export const runningStatisticsCpu: Planner<RunningStatisticsSignature, CpuStep> = {
  plan: ({ inputs: [{ shape }], attrs: { momentum, samples } }) => {
    const batch = { mean: input(0), variance: input(1) };
    const before = { runningMean: input(2), runningVariance: input(3), batches: input(4) };
    const after = { newMean: output(0), newVariance: output(1), newBatches: output(2) };
    const shares = { momentum: momentum ?? -1, bessel: samples / (samples - 1) };
    return {
      steps: [
        kernels.runningStatisticsF32({ ...batch, ...before, ...after, channels: shape[0]!, ...shares }, { tasks: 1 }),
      ],
    };
  },
};
