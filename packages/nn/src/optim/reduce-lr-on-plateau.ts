import { ArgumentError } from "@tessera/tensor";
import type { Optimizer } from "./optimizer.ts";
import { withDefaults, type SomeOf } from "./parameter-groups.ts";

export interface PlateauOptions {
  /** Whether the metric is better when it is lower, as a loss, or higher, as an accuracy. */
  readonly mode: "min" | "max";
  /** What the rates are multiplied by, below 1. */
  readonly factor: number;
  /** How many calls in a row may bring nothing better; the one after them lowers the rates. */
  readonly patience: number;
  /** How much better than the best a metric must be to count. */
  readonly threshold: number;
  /** Whether the threshold is a part of the best metric or a difference from it. */
  readonly thresholdMode: "rel" | "abs";
  /** How many calls after the rates were lowered do not count as bad. */
  readonly cooldown: number;
  /** No rate goes below it. */
  readonly minLr: number;
  /** A change of a rate that is not larger is left out. */
  readonly eps: number;
}

/** Where a `ReduceLROnPlateau` stands: plain numbers, for a checkpoint. The rates are in the optimiser's state. */
export interface PlateauState {
  /** `null` before the first metric. */
  readonly best: number | null;
  /** Calls since then that brought nothing better. */
  readonly bad: number;
  /** Calls that still do not count as bad. */
  readonly cooldown: number;
}

/**
 * Lowers the learning rate of every group when a metric has stopped improving. Call `step` with it after each evaluation. NaN is never
 * better.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html torch's ReduceLROnPlateau}
 *
 * @throws ArgumentError when an option is outside its domain.
 * @example
 * const schedule = new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 3 });
 * schedule.step(heldOutLoss);
 */
export class ReduceLROnPlateau {
  private readonly optimizer: Optimizer;
  private readonly options: PlateauOptions;
  private state: PlateauState = { best: null, bad: 0, cooldown: 0 };

  constructor(optimizer: Optimizer, options: SomeOf<PlateauOptions> = {}) {
    this.optimizer = optimizer;
    this.options = withDefaults<PlateauOptions>(
      {
        mode: "min",
        factor: 0.1,
        patience: 10,
        threshold: 1e-4,
        thresholdMode: "rel",
        cooldown: 0,
        minLr: 0,
        eps: 1e-8,
      },
      options,
    );
    const { mode, factor, patience, threshold, thresholdMode, cooldown, minLr, eps } = this.options;
    if (!(factor >= 0 && factor < 1))
      throw new ArgumentError(`ReduceLROnPlateau: expected a factor from 0 up to 1, got ${factor}`);
    if (![patience, threshold, cooldown, minLr, eps].every((value) => value >= 0))
      throw new ArgumentError(
        `ReduceLROnPlateau: expected patience, threshold, cooldown, minLr and eps of 0 or more, got ${patience}, ${threshold}, ${cooldown}, ${minLr} and ${eps}`,
      );
    if (!["min", "max"].includes(mode) || !["rel", "abs"].includes(thresholdMode))
      throw new ArgumentError(
        `ReduceLROnPlateau: expected mode "min" or "max" and thresholdMode "rel" or "abs", got ${mode} and ${thresholdMode}`,
      );
  }

  /** Takes a metric, and lowers the rates of the next step if it is time. */
  step(metric: number): void {
    const { factor, patience, cooldown, minLr, eps } = this.options;
    const better = this.#isBetter(metric);
    const best = better ? metric : this.state.best;
    const bad = better || this.state.cooldown > 0 ? 0 : this.state.bad + 1;
    this.state = { best, bad, cooldown: Math.max(0, this.state.cooldown - 1) };
    if (bad <= patience) return;
    this.state = { best, bad: 0, cooldown };
    for (const group of this.optimizer.groups) {
      const lower = Math.max(group.lr * factor, minLr);
      if (group.lr - lower > eps) group.lr = lower;
    }
  }

  /** The learning rate of the first group, as the next step will use it. */
  lr(): number {
    return this.optimizer.groups[0]!.lr;
  }

  stateDict(): PlateauState {
    return this.state;
  }

  /** Goes on where another one stood. @throws ArgumentError when the state is none; nothing is changed. */
  loadStateDict({ best, bad, cooldown }: PlateauState): void {
    const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0;
    if (!(best === null || typeof best === "number") || !isCount(bad) || !isCount(cooldown))
      throw new ArgumentError(
        `ReduceLROnPlateau: expected a best metric or null and counts from 0 up, got ${best}, ${bad} and ${cooldown}`,
      );
    this.state = { best, bad, cooldown };
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.options;
    const sign = mode === "min" ? -1 : 1;
    const best = this.state.best ?? -sign * Infinity;
    const bound = thresholdMode === "rel" ? best * (1 + sign * threshold) : best + sign * threshold;
    return mode === "min" ? metric < bound : metric > bound;
  }
}
