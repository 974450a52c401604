import type { Module } from "@tessera/nn";
import { patchByPatterns, type Allocation, type Evaluation, type WholeModel } from "@tessera/sparse";
import { collectFor } from "../training/collect-for.ts";
import { checkLoss } from "../training/check-finite.ts";
import type { AnySubject } from "./create-subject.ts";

const REPEATS = 7;

const mean = (values: ArrayLike<number>, weights: ArrayLike<number> | undefined): number => {
  let [total, weight] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const w = weights?.[i] ?? 1;
    total += w * values[i]!;
    weight += w;
  }
  return total / weight;
};

const meansOf = (found: Evaluation): { loss: number; accuracy: number | null } =>
  "losses" in found
    ? { loss: mean(found.losses, found.weights), accuracy: found.correct ? mean(found.correct, found.weights) : null }
    : { loss: found.loss, accuracy: found.accuracy ?? null };

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;

/** Milliseconds of a step of a model, the median of some after one that warms up. */
const timeStep = async (subject: AnySubject, model: Module): Promise<number> => {
  const runs = subject.time(model);
  try {
    const times: number[] = [];
    for (let i = 0; i <= REPEATS; i++) {
      const begun = performance.now();
      await runs.step!();
      if (i > 0) times.push(performance.now() - begun);
    }
    return median(times);
  } finally {
    runs.dispose?.();
  }
};

/** Patches a copy of the model by an allocation. The caller disposes of it. */
const loadAllocated = async (subject: AnySubject, allocation: Pick<Allocation, "patterns">): Promise<Module> => {
  const model = await subject.load();
  try {
    if (allocation.patterns.length === 0) return model;
    const forwarding = model as Module & { forward(inputs: unknown): unknown };
    const statistics = await collectFor(forwarding, allocation.patterns, () => subject.calibration());
    await patchByPatterns(model, allocation, statistics);
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
};

export interface AllocationTraining {
  readonly steps: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Whether the time of a step is taken too. */
  readonly times: boolean;
}

/** Patches a model by an allocation, trains it as the sweep did, and measures what was expected. */
export const measureAllocation = async (
  subject: AnySubject,
  allocation: Allocation,
  { steps, seed, signal, times }: AllocationTraining,
): Promise<WholeModel> => {
  const model = await loadAllocated(subject, allocation);
  try {
    const stepMs = times ? await timeStep(subject, model) : null;
    // The step that was timed has changed the weights.
    const trained = times ? await loadAllocated(subject, allocation) : model;
    try {
      if (steps > 0) {
        trained.train();
        await subject.recover(trained, { steps, seed, signal });
      }
      const { loss, accuracy } = meansOf(await subject.evaluate(trained));
      checkLoss({ loss });
      return { loss, accuracy, parameters: trained.numParameters(), stepMs };
    } finally {
      if (trained !== model) trained.dispose();
    }
  } finally {
    model.dispose();
  }
};
