import type { Module, Optimizer, Schedule, TrainingCallback } from "@tessera/nn";
import type { Generator, Tensor } from "@tessera/tensor";
import type { Folder } from "../hub/file-store.ts";
import type { BatchSource } from "./batch-source.ts";
import type { Metrics } from "./checkpoint.ts";
import { checkTeacher, type Teacher } from "./teacher.ts";
import { TrainingError } from "./training-error.ts";

/** A model that gives its own loss. */
export type TrainableModel<Inputs> = Module & { forward(inputs: Inputs): Tensor | { readonly loss?: Tensor } };

export interface TrainerOptions<Inputs> {
  model: TrainableModel<Inputs>;
  optimizer: Optimizer;
  /** Moves the learning rate after every step. */
  schedule?: Schedule;
  batches: BatchSource<Inputs>;
  /** Optimiser steps of the whole training. */
  steps: number;
  /** Batches whose gradients are averaged in one step, each weighing by its labels. Default 1. */
  gradientAccumulationSteps?: number;
  /** Limits the norm of all gradients together. Default: no limit. */
  maxGradNorm?: number;
  /** Runs in evaluation mode; its numbers go into the log and the result. */
  evaluate?: () => Promise<Metrics>;
  /** Steps between evaluations; there is one after the last step too. Default: only that one. */
  evalSteps?: number;
  /**
   * What happens beside the steps: they are called in this order, and their state is saved and resumed with the training. `earlyStopping`,
   * `keepBest`, and those of `@tessera/sparse`: `gradualPruning`, `movementPruning`, `sparseEvolution`, `rigl`.
   */
  callbacks?: readonly TrainingCallback[];
  /** A model that teaches this one by its outputs. See `distillationLoss`. */
  teacher?: Teacher<Inputs>;
  /** Where the checkpoint and `log.jsonl` are kept. Without it nothing is saved. */
  folder?: Folder;
  /** Steps between checkpoints; there is one at the end too. */
  saveSteps?: number;
  /** Seconds between checkpoints. It changes nothing else. */
  saveSeconds?: number;
  /** Steps between reports. Default 10. */
  loggingSteps?: number;
  onProgress?: (progress: TrainingProgress) => void;
  /** Hears of what does not stop the training, such as a resumption that cannot be exact. Default: `console.warn`. */
  onWarning?: (message: string) => void;
  /** Generators beside the default one that the model draws from, by a name for the checkpoint. */
  generators?: Readonly<Record<string, Generator>>;
}

/** How a training goes, every `loggingSteps` steps. */
export interface TrainingProgress {
  step: number;
  steps: number;
  /** The mean over the steps since the last report. */
  loss: number;
  /** As this step used it. */
  lr: number;
  /** Before clipping. */
  gradNorm: number;
  tokensPerSecond: number;
  /** Time spent on steps, of earlier processes too. */
  seconds: number;
  /** How long the remaining steps will take. */
  etaSeconds: number;
}

export interface TrainOptions {
  /** Goes on from the checkpoint in the folder; without one it begins. Default false. */
  resume?: boolean;
  /** Begins although the folder has a checkpoint, which the first save replaces. Default false. */
  overwrite?: boolean;
  /** When it is raised, the training saves and stops after the step it is at. */
  signal?: AbortSignal;
}

export interface TrainingResult {
  status: "finished" | "stopped";
  /** Why a callback ended a training before its last step; such a training is finished. */
  stopReason: string | null;
  /** Steps that were taken. */
  step: number;
  /** The loss of the last report. */
  loss: number | null;
  /** The last evaluation. */
  metrics: Metrics | null;
  seconds: number;
  tokens: number;
}

/** @throws TrainingError when an option is outside its domain */
export const checkOptions = <Inputs>({ steps, ...options }: TrainerOptions<Inputs>): void => {
  const refuse = (name: string, expected: string, got: unknown): never => {
    throw new TrainingError(`Trainer: expected ${name} to be ${expected}, got ${String(got)}`, 0);
  };
  if (!(Number.isSafeInteger(steps) && steps >= 0)) refuse("steps", "a whole number ≥ 0", steps);
  for (const name of ["gradientAccumulationSteps", "evalSteps", "saveSteps", "loggingSteps"] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1)) refuse(name, "a whole number ≥ 1", value);
  }
  const names = (options.callbacks ?? []).map(({ name }) => name);
  if (new Set(names).size < names.length) refuse("callbacks", "of different names", names.join(", "));
  if (options.teacher) checkTeacher(options.teacher, refuse);
  for (const name of ["maxGradNorm", "saveSeconds"] as const) {
    const value = options[name];
    if (value !== undefined && !(value > 0)) refuse(name, "above 0", value);
  }
};
