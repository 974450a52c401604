import { ArgumentError } from "@tessera/tensor";
import { checkDensity } from "../block-layout.ts";

/** Densities at both ends, and the steps between which it falls. */
export interface CubicDensityOptions {
  /** Before `start`; 1 unless said otherwise. */
  readonly from?: number | undefined;
  /** From `end` on. */
  readonly to: number;
  /** The first step below `from`… */
  readonly start?: number | undefined;
  /** …and the one that reaches `to`. */
  readonly end: number;
  /** Steps between changes. */
  readonly every?: number | undefined;
}

/**
 * Density by step: d(t) = to + (from − to) · (1 − (t − start) / (end − start))³. Many blocks go early, when there are many to
 * spare, and few late.
 *
 * {@link https://arxiv.org/abs/1710.01878 Zhu and Gupta 2017}
 *
 * @throws ArgumentError when a density is outside [0, 1], or the end does not come after the start.
 * @example
 * const density = cubicDensity({ to: 0.25, end: 1000, every: 100 });
 * density(0); // 1
 * density(500); // 0.34375
 * density(1000); // 0.25
 */
export const cubicDensity = ({
  from = 1,
  to,
  start = 0,
  end,
  every = 1,
}: CubicDensityOptions): ((step: number) => number) => {
  checkDensity("cubicDensity", from);
  checkDensity("cubicDensity", to);
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end <= start)
    throw new ArgumentError(`cubicDensity: start and end are steps, the end after the start, got ${start} and ${end}`);
  if (!Number.isInteger(every) || every < 1)
    throw new ArgumentError(`cubicDensity: every is a number of steps from 1 up, got ${every}`);
  return (step) => {
    if (step >= end) return to;
    const done = Math.floor(Math.max(step - start, 0) / every) * every;
    return to + (from - to) * (1 - done / (end - start)) ** 3;
  };
};
