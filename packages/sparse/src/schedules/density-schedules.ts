import { ArgumentError } from "@tessera/tensor";
import { checkDensity } from "../block-layout.ts";
import { cubicDensity, type CubicDensityOptions } from "./cubic-density.ts";

/** The options of every schedule of densities. */
export type DensityOptions = CubicDensityOptions;

/**
 * Density by step: all at once, at `start`.
 *
 * @throws ArgumentError when a density is outside [0, 1], or `start` is no step.
 * @example
 * const density = oneShotDensity({ to: 0.25, start: 100 });
 * density(99); // 1
 * density(100); // 0.25
 */
export const oneShotDensity = ({
  from = 1,
  to,
  start = 0,
}: Omit<DensityOptions, "end" | "every">): ((step: number) => number) => {
  checkDensity("oneShotDensity", from);
  checkDensity("oneShotDensity", to);
  if (!Number.isInteger(start) || start < 0)
    throw new ArgumentError(`oneShotDensity: start is a step from 0 up, got ${start}`);
  return (step) => (step < start ? from : to);
};

/**
 * Density by step: d(t) = from + (to − from) · (t − start) / (end − start).
 *
 * @throws ArgumentError when a density is outside [0, 1], or the end does not come after the start.
 */
export const linearDensity = (options: DensityOptions): ((step: number) => number) => {
  const { from = 1, to, start = 0, end, every = 1 } = options;
  // The same domain.
  cubicDensity(options);
  return (step) => {
    if (step >= end) return to;
    const done = Math.floor(Math.max(step - start, 0) / every) * every;
    return from + ((to - from) * done) / (end - start);
  };
};

/** Schedules of densities, by the names that the callbacks of sparse training and the command line take. */
export const densitySchedules = { oneShot: oneShotDensity, linear: linearDensity, cubic: cubicDensity } as const;

export type DensityScheduleName = keyof typeof densitySchedules;

/** How a schedule lies in a training. */
export interface PlacedSchedule {
  readonly schedule: DensityScheduleName;
  readonly from: number;
  readonly to: number;
  /** Steps before the first change. */
  readonly warmup: number;
  /** Steps after the last one. */
  readonly recovery: number;
  readonly every: number;
  /** Of the whole training. */
  readonly steps: number;
}

/** The schedule between warm-up and recovery. @throws ArgumentError when no steps are left for it, or there is none of that name. */
export const placedSchedule = (
  op: string,
  { schedule, warmup, recovery, steps, ...densities }: PlacedSchedule,
): ((step: number) => number) => {
  if (!Object.hasOwn(densitySchedules, schedule))
    throw new ArgumentError(
      `${op}: expected the schedule ${Object.keys(densitySchedules).join(" or ")}, got "${String(schedule)}"`,
    );
  const [start, end] = [warmup, steps - recovery];
  if (!Number.isInteger(warmup) || !Number.isInteger(recovery) || warmup < 0 || recovery < 0 || end < start)
    throw new ArgumentError(
      `${op}: expected steps of warm-up and recovery that fit into ${steps} steps, got ${warmup} and ${recovery}`,
    );
  // A schedule of no length changes all at once.
  return schedule === "oneShot" || end === start
    ? oneShotDensity({ ...densities, start })
    : densitySchedules[schedule]({ ...densities, start, end });
};
