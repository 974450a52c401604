import { ArgumentError, ShapeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { run } from "../op.ts";
import { normalizeDim } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { flip } from "./flip.ts";
import { sliceOp } from "./move/move.ts";

/** Where a slice starts and ends (−1 is the last element; out of range is cut, as in Python), and its step, which goes backwards below 0. */
export interface SliceRange {
  start?: number | undefined;
  end?: number | undefined;
  step?: number | undefined;
}

/**
 * Every `step`-th element of a dim from `start` up to `end`: x[:, start:end:step] in Python. A view; with a step below 0, which goes backwards from the
 * last element or from `start`, a view of a copy.
 *
 * @throws ArgumentError when the step is 0 or no whole number, ShapeError when the dim is outside.
 * @example
 * await slice(arange(6), 0, { start: 1, step: 2 }).data(); // [1, 3, 5]
 * await slice(arange(6), 0, { start: 4, end: 0, step: -2 }).data(); // [4, 2]
 */
export const slice = (x: Tensor, dim: number, { start, end, step = 1 }: SliceRange = {}): Tensor => {
  const at = normalizeDim("slice", dim, x.shape);
  if (!Number.isInteger(step) || step === 0)
    throw new ArgumentError(`slice: step is a whole number that is not 0, got ${step}`);
  const size = x.shape[at];
  if (size === undefined) throw new ShapeError("slice: a 0-d tensor has no dim to slice");
  if (step < 0) {
    // Index i of n is n − 1 − i from the back: −1 − i, where a negative one counts from the front then.
    const turned = (value: number | undefined) => (value === undefined ? undefined : -1 - value);
    return namedScope("slice", () => slice(flip(x, [at]), at, { start: turned(start), end: turned(end), step: -step }));
  }
  const clip = (value: number) => Math.min(Math.max(value < 0 ? value + size : value, 0), size);
  const from = clip(start ?? 0);
  const length = Math.max(Math.ceil((clip(end ?? size) - from) / step), 0);
  return run(sliceOp, [x], { dim: at, start: from, length, step })[0];
};
