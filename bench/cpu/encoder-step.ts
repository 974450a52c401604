import { memory, reference, resetPeakMemory } from "@tessera/tensor";
import { checkClose, CheckError } from "../check.ts";
import type { Training } from "../rivals/rival.ts";
import type { Setting } from "../setting.ts";
import { digits, makeTable, type Column, type Table } from "../table.ts";
import { race, speedUp } from "../timing.ts";
import { encoderFlops, encoderProblem, type EncoderSizes } from "./encoder-problem.ts";
import { tesseraEncoder } from "./tessera-encoder.ts";

const SIZES: EncoderSizes = { layers: 2, hidden: 128, heads: 4, feedForward: 512, batch: 16, tokens: 64 };
const QUICK: EncoderSizes = { layers: 2, hidden: 32, heads: 4, feedForward: 64, batch: 2, tokens: 16 };

/** Steps whose losses are compared before anything is timed. */
const CHECKED_STEPS = 4;
/** Losses of float32 trainings with other orders of summation. */
const LOSS_TOLERANCE = 1e-4;

interface Record {
  readonly name: string;
  readonly version: string;
  readonly medianMs: number;
  readonly bestMs: number;
  readonly noisy: boolean;
  /** How many times faster we are. */
  readonly ratio: { readonly median: number; readonly best: number };
  /** Of tensors, at most; `null` where a library does not say. */
  readonly peakBytes: number | null;
}

/** A whole training step of a small encoder, forward, backward and Adam, beside the rivals with the same arithmetic. */
export const encoderStep = async (setting: Setting): Promise<Table> => {
  const { threads, quick, rivals, pace, peak, say } = setting;
  const sizes = quick ? QUICK : SIZES;
  say("training step of the encoder");
  await checkAgainstFloat64(sizes);
  const problem = encoderProblem(sizes);

  resetPeakMemory();
  const ours = tesseraEncoder(problem);
  const losses = await lossesOf(ours);
  const peakBytes = memory()["cpu"]?.peakBytes ?? 0;
  const trainings: { name: string; version: string; training: Training }[] = [
    { name: "tessera", version: "", training: ours },
  ];
  for (const rival of rivals) {
    if (!rival.encoder) continue;
    try {
      const training = await rival.encoder(problem);
      for (const [step, loss] of (await lossesOf(training)).entries())
        checkClose(`${rival.name}: loss ${step + 1} of the same training`, loss, losses[step]!, LOSS_TOLERANCE);
      trainings.push({ name: rival.name, version: rival.version, training });
    } catch (error) {
      say(`${rival.name} is left out of the training step: ${(error as Error).message}`);
    }
  }
  const timings = await race(
    trainings.map(({ name, training }) => ({ name, run: () => training.step() })),
    pace,
  );
  for (const { training } of trainings) await training.dispose();

  const records = trainings.map(({ name, version }): Record => {
    const timing = timings[name]!;
    return {
      name,
      version,
      medianMs: 1000 * timing.median,
      bestMs: 1000 * timing.best,
      noisy: timing.noisy,
      ratio: speedUp(timings["tessera"]!, timing),
      peakBytes: name === "tessera" ? peakBytes : null,
    };
  });
  const { layers, hidden, heads, feedForward, batch, tokens } = sizes;
  const flops = 3 * encoderFlops(sizes);
  return makeTable(
    `Training step of an encoder, ${threads} ${threads === 1 ? "thread" : "threads"}: ${layers} pre-LN layers, hidden ${hidden}, ${heads} heads, feed-forward ${feedForward}, batch ${batch} × ${tokens}, MSE, Adam`,
    records,
    columns,
    [
      `The products of a step are ${digits(flops / 1e9)} GFLOP: at the measured peak they alone take ${digits((1000 * flops) / peak.flops)} ms.`,
      "×: how many times faster we are, by the median of samples of the same round (by the best windows). ~: a noisy cell.",
      `All train the same weights on the same batch; the first ${CHECKED_STEPS} losses agree within ${LOSS_TOLERANCE}.`,
    ],
  );
};

const lossesOf = async (training: Training): Promise<number[]> => {
  const losses: number[] = [];
  for (let step = 0; step < CHECKED_STEPS; step++) losses.push(await training.step());
  if (!(losses.at(-1)! < losses[0]!))
    throw new CheckError(`encoder: expected a loss that falls, got ${losses.join(", ")}`);
  return losses;
};

/** The same steps on the reference device, whose sums are float64, at a size that it manages in a second. */
const checkAgainstFloat64 = async (sizes: EncoderSizes): Promise<void> => {
  const problem = encoderProblem({ ...sizes, batch: 1, tokens: 16 });
  const [ours, expected] = [tesseraEncoder(problem), tesseraEncoder(problem, reference)];
  const [got, want] = [await lossesOf(ours), await lossesOf(expected)];
  for (const [step, loss] of got.entries()) checkClose(`encoder: loss ${step + 1}`, loss, want[step]!, LOSS_TOLERANCE);
  await ours.dispose();
  await expected.dispose();
};

const columns: readonly Column<Record>[] = [
  { label: "library", cell: ({ name, version }) => `${name} ${version}`.trim() },
  {
    label: "step ms, median (best)",
    cell: ({ medianMs, bestMs, noisy }) => `${noisy ? "~" : ""}${digits(medianMs)} (${digits(bestMs)})`,
  },
  {
    label: "×",
    cell: ({ name, ratio }) => (name === "tessera" ? "" : `${ratio.median.toFixed(2)} (${ratio.best.toFixed(2)})`),
  },
  { label: "peak MB of tensors", cell: ({ peakBytes }) => (peakBytes === null ? "–" : (peakBytes / 1e6).toFixed(1)) },
];
