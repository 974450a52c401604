import { openFolder } from "@tessera/models";
import { AdamW, linearWarmup } from "@tessera/nn";
import {
  Trainer,
  TrainingLog,
  weightDecayGroups,
  type BatchSource,
  type TrainableModel,
  type TrainingResult,
} from "@tessera/models/training";
import type { LossPoint } from "../report/loss-chart.ts";
import { Interrupted } from "../terminal/command-error.ts";
import { formatCount, formatDuration } from "../terminal/format.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { optimization } from "./recipes.ts";

/** What a training tells, and how it is told to stop. */
export interface Supervision {
  terminal: Terminal;
  stop: AbortSignal;
}

export interface TrainModelOptions<Inputs> extends Supervision {
  title: string;
  model: TrainableModel<Inputs>;
  batches: BatchSource<Inputs>;
  steps: number;
  lr: number;
  /** Where checkpoint and log are kept; a training that was begun there goes on. Without it nothing is kept. */
  folder?: string;
}

/** Losing more work than this to a kill would be a pity; saving takes a tenth of a second. */
const SAVE_SECONDS = 10;
/** Points of a loss curve: more cannot be seen. */
const LOG_POINTS = 300;

/**
 * Trains by the recipe of the demo, going on from the checkpoint in `folder` if there is one. However often it is interrupted,
 * the weights at the end are the same.
 *
 * @throws {Interrupted} when it was stopped; everything is saved
 */
export const trainModel = async <Inputs>({
  title,
  model,
  batches,
  steps,
  lr,
  folder,
  terminal,
  stop,
}: TrainModelOptions<Inputs>): Promise<TrainingResult> => {
  const { betas, weightDecay, warmup, maxGradNorm } = optimization;
  const optimizer = new AdamW(weightDecayGroups(model, { weightDecay }), { lr, betas });
  const bar = terminal.progress(title, steps);
  try {
    const trainer = new Trainer<Inputs>({
      model,
      optimizer,
      schedule: linearWarmup(optimizer, { warmupSteps: Math.round(warmup * steps), totalSteps: steps }),
      batches,
      steps,
      maxGradNorm,
      ...(folder === undefined ? {} : { folder, saveSeconds: SAVE_SECONDS }),
      loggingSteps: Math.max(1, Math.floor(steps / LOG_POINTS)),
      onProgress: ({ step, loss, tokensPerSecond, etaSeconds }) =>
        bar.update(
          step,
          `loss ${loss.toFixed(3)}  ${formatCount(tokensPerSecond)} tokens/s  ${formatDuration(etaSeconds)} left`,
        ),
      onWarning: (message) => terminal.line(terminal.color.yellow(message)),
    });
    const result = await trainer.train({ resume: true, signal: stop });
    if (result.status === "stopped") {
      throw new Interrupted(`stopped at step ${result.step} of ${steps}${folder === undefined ? "" : " and saved"}`);
    }
    return result;
  } finally {
    bar.stop();
    optimizer.dispose();
  }
};

/** The losses that a training wrote down. */
export const readLosses = async (folder: string): Promise<LossPoint[]> => {
  const entries = await new TrainingLog(await openFolder(folder)).entries();
  return entries.flatMap(({ event, step, loss }) =>
    event === "train" && typeof loss === "number" ? [{ step, loss }] : [],
  );
};
