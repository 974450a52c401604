import { ArgumentError } from "@tessera/tensor";
import type { Optimizer } from "./optimizer.ts";

/** Where a schedule stands: plain numbers, for a checkpoint. */
export interface ScheduleState {
  /** How many times `step()` was called. */
  readonly step: number;
  /** The learning rate of each group that the factor multiplies. */
  readonly baseRates: readonly number[];
}

/**
 * Sets the learning rate of every group to its rate at the start times a factor of the number of steps taken. The optimiser reads
 * the rate at each launch, so changing it costs nothing.
 *
 * The first schedule of an optimiser notes each group's rate as its `initialLr`, and every later one starts from there, wherever
 * the rate stands by then. It is part of the optimiser's state. To start from another rate, set `initialLr` beside `lr`.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html torch's LambdaLR}
 *
 * @example
 * const schedule = new Schedule(optimizer, (step) => 0.99 ** step);
 * optimizer.step(grads);
 * schedule.step();
 */
export class Schedule {
  /** What the rates are multiplied by after so many steps. */
  readonly factor: (step: number) => number;
  private readonly optimizer: Optimizer;
  private baseRates: readonly number[];
  private count = 0;

  constructor(optimizer: Optimizer, factor: (step: number) => number) {
    this.optimizer = optimizer;
    this.factor = factor;
    this.baseRates = optimizer.groups.map((group) => (group.initialLr ??= group.lr));
    this.apply();
  }

  /** Sets the rates of the next step; call it after the optimiser's. */
  step(): void {
    this.count++;
    this.apply();
  }

  /** The learning rate of the first group, as the next step will use it. */
  lr(): number {
    return this.optimizer.groups[0]!.lr;
  }

  stateDict(): ScheduleState {
    return { step: this.count, baseRates: [...this.baseRates] };
  }

  /** Goes on where another schedule stood. @throws ArgumentError when the number of groups differs; nothing is changed. */
  loadStateDict({ step, baseRates }: ScheduleState): void {
    const { length } = this.optimizer.groups;
    if (!Number.isInteger(step) || step < 0 || baseRates.length !== length || !baseRates.every(Number.isFinite))
      throw new ArgumentError(
        `schedule: expected a step from 0 up and ${length} base rates, got step ${step} and rates ${baseRates.join(", ") || "none"}`,
      );
    this.count = step;
    this.baseRates = [...baseRates];
    this.apply();
  }

  private apply(): void {
    const factor = this.factor(this.count);
    for (const [i, group] of this.optimizer.groups.entries()) group.lr = this.baseRates[i]! * factor;
  }
}

/** Lengths of a schedule, in optimiser steps. */
export interface WarmupOptions {
  /** Steps over which the rate rises from 0. */
  readonly warmupSteps: number;
  /** Steps of the whole training. */
  readonly totalSteps: number;
}

const checkSteps = (
  name: string,
  { warmupSteps, totalSteps = Infinity }: { warmupSteps: number; totalSteps?: number },
): void => {
  if (!(warmupSteps >= 0 && totalSteps >= 0))
    throw new ArgumentError(`${name}: warmupSteps and totalSteps are 0 or more, got ${warmupSteps} and ${totalSteps}`);
};

/**
 * Up from 0 over the warm-up, then down to 0 in a straight line: t/w for t < w, else (n − t)/(n − w), not below 0.
 *
 * {@link https://huggingface.co/docs/transformers/main_classes/optimizer_schedules transformers' get_linear_schedule_with_warmup}
 *
 * @example
 * const schedule = linearWarmup(optimizer, { warmupSteps: 100, totalSteps: 1000 });
 */
export const linearWarmup = (optimizer: Optimizer, { warmupSteps, totalSteps }: WarmupOptions): Schedule => {
  checkSteps("linearWarmup", { warmupSteps, totalSteps });
  return new Schedule(optimizer, (step) =>
    step < warmupSteps
      ? step / Math.max(1, warmupSteps)
      : Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps)),
  );
};

/**
 * Up from 0 over the warm-up, then down along a cosine: ½(1 + cos(2πc·(t − w)/(n − w))), not below 0, for c `cycles`; a half
 * of one ends at 0, or at `minLrRate` times the rate m: the factor f becomes m + (1 − m)f.
 *
 * {@link https://huggingface.co/docs/transformers/main_classes/optimizer_schedules transformers' get_cosine_schedule_with_warmup and get_cosine_with_min_lr_schedule_with_warmup}
 *
 * @throws ArgumentError when lengths are below 0, or `minLrRate` is outside 0 to 1.
 * @example
 * const schedule = cosineWarmup(optimizer, { warmupSteps: 100, totalSteps: 1000, minLrRate: 0.1 });
 */
export const cosineWarmup = (
  optimizer: Optimizer,
  {
    warmupSteps,
    totalSteps,
    cycles = 0.5,
    minLrRate = 0,
  }: WarmupOptions & { readonly cycles?: number | undefined; readonly minLrRate?: number | undefined },
): Schedule => {
  checkSteps("cosineWarmup", { warmupSteps, totalSteps });
  if (!(minLrRate >= 0 && minLrRate <= 1))
    throw new ArgumentError(`cosineWarmup: expected a minLrRate from 0 to 1, got ${minLrRate}`);
  return new Schedule(optimizer, (step) => {
    if (step < warmupSteps) return step / Math.max(1, warmupSteps);
    const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
    const factor = 0.5 * (1 + Math.cos(2 * Math.PI * cycles * progress));
    return Math.max(0, minLrRate + (1 - minLrRate) * factor);
  });
};

/**
 * Up from 0 over the warm-up, then constant.
 *
 * {@link https://huggingface.co/docs/transformers/main_classes/optimizer_schedules transformers' get_constant_schedule_with_warmup}
 */
export const constantWarmup = (optimizer: Optimizer, { warmupSteps }: { readonly warmupSteps: number }): Schedule => {
  checkSteps("constantWarmup", { warmupSteps });
  return new Schedule(optimizer, (step) => (step < warmupSteps ? step / Math.max(1, warmupSteps) : 1));
};

/**
 * Up from 0 over the warm-up, then down as 1/√t: √(s/(t − w + s)), for s `timescale`, which is the warm-up unless given, or 10,000
 * without one. With s = w it is √(w/t).
 *
 * {@link https://huggingface.co/docs/transformers/main_classes/optimizer_schedules transformers' get_inverse_sqrt_schedule}
 *
 * @throws ArgumentError when the warm-up is below 0, or the timescale not above it.
 * @example
 * const schedule = inverseSqrtWarmup(optimizer, { warmupSteps: 4000 });
 */
export const inverseSqrtWarmup = (
  optimizer: Optimizer,
  {
    warmupSteps,
    timescale = warmupSteps || 10_000,
  }: { readonly warmupSteps: number; readonly timescale?: number | undefined },
): Schedule => {
  checkSteps("inverseSqrtWarmup", { warmupSteps });
  if (!(timescale > 0)) throw new ArgumentError(`inverseSqrtWarmup: expected a timescale above 0, got ${timescale}`);
  return new Schedule(optimizer, (step) =>
    step < warmupSteps ? step / Math.max(1, warmupSteps) : Math.sqrt(timescale / (step - warmupSteps + timescale)),
  );
};
