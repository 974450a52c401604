import { ArgumentError } from "@tessera/tensor";
import type { Optimizer } from "./optimizer.ts";
import { Schedule } from "./schedule.ts";

/**
 * The rate times `factor` for the first `totalIters` steps, then the rate itself. `{ factor: 1 }` changes nothing: a part of
 * `sequentialLR`.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html torch's ConstantLR}
 *
 * @throws ArgumentError unless `factor` is from 0 to 1 and `totalIters` 0 or more.
 * @example
 * const schedule = constantLR(optimizer, { factor: 0.1, totalIters: 100 });
 */
export const constantLR = (
  optimizer: Optimizer,
  {
    factor = 1 / 3,
    totalIters = 5,
  }: { readonly factor?: number | undefined; readonly totalIters?: number | undefined } = {},
): Schedule => {
  if (!(factor >= 0 && factor <= 1 && totalIters >= 0))
    throw new ArgumentError(
      `constantLR: expected a factor from 0 to 1 and totalIters of 0 or more, got ${factor} and ${totalIters}`,
    );
  return new Schedule(optimizer, (step) => (step < totalIters ? factor : 1));
};

/** What `oneCycleLR` takes, by torch's names. */
export interface OneCycleOptions {
  /** Steps of the cycle. */
  readonly totalSteps: number;
  /** The part of the steps in which the rate rises. */
  readonly pctStart?: number | undefined;
  /** Whether it moves along a cosine or a straight line. */
  readonly annealStrategy?: "cos" | "linear" | undefined;
  /** The rate starts at this part of the highest: 1/divFactor. */
  readonly divFactor?: number | undefined;
  /** It ends at this part of where it started: 1/finalDivFactor. */
  readonly finalDivFactor?: number | undefined;
  /** Whether it falls to where it started as fast as it rose, and then to its end. */
  readonly threePhase?: boolean | undefined;
}

/**
 * One cycle: up from a low rate to the highest, which is the optimiser's own, and down to a much lower one, where it stays. Torch's
 * `max_lr` is the `lr` of each group here. Momentum is not cycled.
 *
 * Source: {@link https://arxiv.org/abs/1708.07120 Smith and Topin 2018} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html torch's OneCycleLR}.
 *
 * @throws ArgumentError when an option is outside its domain.
 * @example
 * const schedule = oneCycleLR(optimizer, { totalSteps: 1000 });
 */
export const oneCycleLR = (
  optimizer: Optimizer,
  {
    totalSteps,
    pctStart = 0.3,
    annealStrategy = "cos",
    divFactor = 25,
    finalDivFactor = 1e4,
    threePhase = false,
  }: OneCycleOptions,
): Schedule => {
  if (!(Number.isInteger(totalSteps) && totalSteps > 0 && pctStart >= 0 && pctStart <= 1))
    throw new ArgumentError(
      `oneCycleLR: expected totalSteps to be a whole number above 0 and pctStart from 0 to 1, got ${totalSteps} and ${pctStart}`,
    );
  if (!(divFactor > 0 && finalDivFactor > 0 && ["cos", "linear"].includes(annealStrategy)))
    throw new ArgumentError(
      `oneCycleLR: expected divFactor and finalDivFactor above 0 and annealStrategy "cos" or "linear", got ${divFactor}, ${finalDivFactor} and ${annealStrategy}`,
    );
  const start = 1 / divFactor;
  const last = start / finalDivFactor;
  const rise = pctStart * totalSteps - 1;
  // Each phase by the step at its end and the factor there.
  const ends: readonly (readonly [step: number, factor: number])[] = threePhase
    ? [
        [rise, 1],
        [2 * rise, start],
        [totalSteps - 1, last],
      ]
    : [
        [rise, 1],
        [totalSteps - 1, last],
      ];
  return new Schedule(optimizer, (step) => {
    let [from, begin] = [start, 0];
    for (const [end, to] of ends) {
      if (step <= end) {
        const part = end > begin ? (step - begin) / (end - begin) : 1;
        return annealStrategy === "cos"
          ? to + ((from - to) / 2) * (1 + Math.cos(Math.PI * part))
          : from + (to - from) * part;
      }
      [from, begin] = [to, end];
    }
    return last;
  });
};

/**
 * Schedules one after the other: from step `milestones[i]` on it is `schedules[i + 1]`, from its own start. They are schedules of the
 * same optimiser, and only this one is stepped.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html torch's SequentialLR}
 *
 * @throws ArgumentError unless there is one milestone less than schedules, and they rise.
 * @example
 * const warm = constantLR(optimizer, { factor: 0.1, totalIters: 100 });
 * const schedule = sequentialLR(optimizer, [warm, oneCycleLR(optimizer, { totalSteps: 900 })], [100]);
 */
export const sequentialLR = (
  optimizer: Optimizer,
  schedules: readonly Schedule[],
  milestones: readonly number[],
): Schedule => {
  const rises = milestones.every((step, i) => Number.isInteger(step) && step > (milestones[i - 1] ?? 0));
  if (schedules.length === 0 || milestones.length !== schedules.length - 1 || !rises)
    throw new ArgumentError(
      `sequentialLR: expected rising whole milestones, one less than the ${schedules.length} schedules, got ${milestones.join(", ") || "none"}`,
    );
  return new Schedule(optimizer, (step) => {
    const at = milestones.filter((milestone) => milestone <= step).length;
    return schedules[at]!.factor(step - (milestones[at - 1] ?? 0));
  });
};
