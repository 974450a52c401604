import { openFolder, type FileStore } from "@tessera/models";
import { linearWarmup, type TrainingCallback } from "@tessera/nn";
import {
  Trainer,
  TrainingLog,
  type BatchSource,
  type LogEntry,
  type Metrics,
  type Teacher,
  type TrainableModel,
  type TrainingResult,
} from "@tessera/models/training";
import type { LossPoint } from "../report/render-loss-chart.ts";
import type { FolderLock } from "../run-folder/folder-lock.ts";
import { Interrupted } from "../terminal/command-error.ts";
import { formatCount, formatDuration } from "../terminal/format.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { checkCheckpoint } from "./check-checkpoint.ts";
import { createOptimizer, type OptimizerSettings } from "./create-optimizer.ts";
import { optimization } from "./recipes.ts";

/** Where a training reports its progress, and the signal that stops it. */
export interface Supervision {
  terminal: Terminal;
  stop: AbortSignal;
  /** Of the folder that is written to. */
  lock?: Pick<FolderLock, "assertOwned">;
}

export interface TrainModelOptions<Inputs> extends Supervision, OptimizerSettings, TrainingExtras<Inputs> {
  title: string;
  model: TrainableModel<Inputs>;
  batches: BatchSource<Inputs>;
  steps: number;
  /** Where checkpoint and log are kept. A training that is there is resumed. Without it nothing is kept. */
  folder?: string;
}

/** What goes on beside the steps of a training. */
export interface TrainingExtras<Inputs> {
  callbacks?: readonly TrainingCallback[];
  teacher?: Teacher<Inputs>;
  evaluate?: () => Promise<Metrics>;
  evalSteps?: number;
}

/** Between two checkpoints: a kill loses at most this much work. Saving takes about a tenth of a second. */
const SAVE_SECONDS = 10;
/** A loss curve shows no more points than this. */
const MAX_LOG_POINTS = 300;

/** Steps between lines of the log. */
export const loggingStepsOf = (steps: number): number => Math.max(1, Math.floor(steps / MAX_LOG_POINTS));

/** Writes into a folder only as long as it is this process's. */
const guardFolder = (folder: FileStore, lock: Pick<FolderLock, "assertOwned">): FileStore => ({
  name: folder.name,
  list: () => folder.list(),
  exists: (file) => folder.exists(file),
  read: (file) => folder.read(file),
  write: async (files) => {
    lock.assertOwned();
    await folder.write(files);
  },
  append: async (file, bytes) => {
    lock.assertOwned();
    await folder.append(file, bytes);
  },
});

/**
 * Trains by the recipe of the demo, and resumes from the checkpoint in `folder` if there is one. Interruptions do not change the
 * final weights.
 *
 * @throws {Interrupted} when it is stopped; everything is saved
 * @throws {CommandError} if the checkpoint is damaged, or the folder is another process's by now
 */
export const trainModel = async <Inputs>({
  title,
  model,
  batches,
  steps,
  folder,
  terminal,
  stop,
  lock,
  callbacks = [],
  teacher,
  evaluate,
  evalSteps,
  ...settings
}: TrainModelOptions<Inputs>): Promise<TrainingResult> => {
  if (folder !== undefined) await checkCheckpoint(folder, steps);
  const store = folder === undefined ? undefined : await openFolder(folder);
  const { warmup, maxGradNorm } = optimization;
  const optimizer = createOptimizer(model, settings);
  const bar = terminal.startProgress(title, steps);
  try {
    const trainer = new Trainer<Inputs>({
      model,
      optimizer,
      schedule: linearWarmup(optimizer, { warmupSteps: Math.round(warmup * steps), totalSteps: steps }),
      batches,
      steps,
      maxGradNorm,
      ...(store === undefined ? {} : { folder: lock ? guardFolder(store, lock) : store, saveSeconds: SAVE_SECONDS }),
      callbacks,
      ...(teacher === undefined ? {} : { teacher }),
      ...(evaluate === undefined ? {} : { evaluate }),
      ...(evalSteps === undefined ? {} : { evalSteps }),
      loggingSteps: loggingStepsOf(steps),
      onProgress: ({ step, loss, tokensPerSecond, etaSeconds }) =>
        bar.update(
          step,
          `loss ${loss.toFixed(3)}  ${formatCount(tokensPerSecond)} tokens/s  ${formatDuration(etaSeconds)} left`,
        ),
      onWarning: (message) => terminal.printLine(terminal.color.yellow(message)),
    });
    const result = await trainer.train({ resume: true, signal: stop });
    if (result.status === "stopped") {
      throw new Interrupted(`stopped at step ${result.step} of ${steps}${folder === undefined ? "" : " and saved"}`);
    }
    return result;
  } finally {
    bar.stop();
    for (const callback of callbacks) callback.dispose?.();
    optimizer.dispose();
  }
};

/** Reads the log of a training. */
export const readLog = async (folder: string): Promise<LogEntry[]> =>
  new TrainingLog(await openFolder(folder)).entries();

/** Reads the losses from the log of a training. */
export const readLosses = async (folder: string): Promise<LossPoint[]> => {
  const entries = await readLog(folder);
  return entries.flatMap(({ event, step, loss }) =>
    event === "train" && typeof loss === "number" ? [{ step, loss }] : [],
  );
};
