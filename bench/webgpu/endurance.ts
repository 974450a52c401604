import { memory } from "@tessera/tensor";
import { makeTable, percent, type Table } from "../table.ts";
import { checkFirstLoss } from "./check-training.ts";
import type { GpuSetting } from "./gpu-setting.ts";
import { modelSizes, trialSizes } from "./model-sizes.ts";
import { denseVariant, robertaTraining } from "./roberta-training.ts";

/** Steps between two readings of the loss, which is awaited only when the next one is due. */
const READ_EVERY = 10;

interface Mark {
  readonly step: number;
  readonly liveBytes: number;
  readonly tensors: number;
  readonly deviceBytes: number;
  readonly heapBytes: number;
  readonly loss: number;
}

/** Ten thousand steps of one training: memory must stay as it is, and steps as fast as they were. */
export const endurance = async ({ gpu, quick, say }: GpuSetting): Promise<Table[]> => {
  const sizes = quick ? trialSizes : modelSizes[0]!;
  const [steps, marksAt, warmUp, window] = quick
    ? ([200, [20, 100, 200], 20, 50] as const)
    : ([10_000, [100, 1000, 10_000], 100, 1000] as const);
  const training = robertaTraining(sizes, denseVariant);
  await checkFirstLoss(`${sizes.name}, endurance`, training, sizes.vocabulary);
  const marks: Mark[] = [];
  /** When so many steps had run on the device. */
  const clock = new Map<number, number>();
  const timesAt = new Set([warmUp, warmUp + window, steps - window, steps]);
  let loss: Promise<number> = Promise.resolve(NaN);
  for (let step = 1; step <= steps; step++) {
    if (step % READ_EVERY === 0) {
      await loss;
      loss = training.step("loss");
    } else training.step();
    const mark = (marksAt as readonly number[]).includes(step);
    if (!mark && !timesAt.has(step)) continue;
    await gpu.sync();
    clock.set(step, performance.now());
    if (!mark) continue;
    say(`endurance: step ${step}`);
    const { bytes, tensors } = memory()[gpu.name]!;
    marks.push({
      step,
      liveBytes: bytes,
      tensors,
      deviceBytes: gpu.deviceBytes.live,
      heapBytes: process.memoryUsage().heapUsed,
      loss: await loss,
    });
  }
  training.dispose();
  const mean = (from: number, to: number): number => (clock.get(to)! - clock.get(from)!) / (to - from);
  const [first, last] = [mean(warmUp, warmUp + window), mean(steps - window, steps)];
  const [one, , end] = marks as [Mark, Mark, Mark];
  const flat = one.liveBytes === end.liveBytes && one.deviceBytes === end.deviceBytes;
  return [
    makeTable(
      `${steps.toLocaleString("en-US")} steps of the ${sizes.name} model`,
      marks,
      [
        { label: "step", cell: ({ step }) => step.toLocaleString("en-US") },
        { label: "live MB", cell: ({ liveBytes }) => (liveBytes / 1e6).toFixed(3) },
        { label: "tensors", cell: ({ tensors }) => `${tensors}` },
        { label: "device MB", cell: ({ deviceBytes }) => (deviceBytes / 1e6).toFixed(3) },
        { label: "JS heap MB", cell: ({ heapBytes }) => (heapBytes / 1e6).toFixed(1) },
        { label: "loss", cell: (mark) => mark.loss.toFixed(3) },
      ],
      [
        `Bytes on the device are ${flat ? "the same to the byte" : "NOT the same"} after ${one.step} steps and at the end.`,
        `A step took ${first.toFixed(3)} ms in the first ${window} after ${warmUp}, ${last.toFixed(3)} ms in the last ${window}: ${percent(last / first)} of it.`,
        `The loss is read every ${READ_EVERY} steps and awaited ${READ_EVERY} steps later. JS heap: with what has not been collected.`,
      ],
    ),
  ];
};
