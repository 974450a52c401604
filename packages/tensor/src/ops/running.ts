import { ArgumentError } from "../error.ts";
import { normalizeDim } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { readOptions, RUNNING, type DimOptions } from "./dim-options.ts";
import { narrow, reshape, unsqueeze } from "./move/move.ts";
import { pad } from "./pad.ts";

/** How `cumsum` and `cumprod` are called. */
export interface RunningOptions extends DimOptions {
  dim: number;
  /** Each element's result leaves out the element itself: the first is that of nothing. */
  exclusive?: boolean | undefined;
  /** From the last element to the first. */
  reverse?: boolean | undefined;
}

/** The options of `op`, with the dim counted from the front. */
export const runningOptions = (
  op: string,
  x: Tensor,
  given: number | RunningOptions,
): { readonly at: number; readonly exclusive: boolean; readonly reverse: boolean } => {
  const { dim, exclusive = false, reverse = false } = readOptions<Partial<RunningOptions>>(op, given, RUNNING);
  if (dim === undefined) throw new ArgumentError(`${op}: expected a dim, got none; say along which one, as { dim: 0 }`);
  return { at: normalizeDim(op, dim, x.shape), exclusive, reverse };
};

/** x moved by one along a dim, against the order in which it is run through, with `neutral` in the place that becomes free. */
export const shifted = (x: Tensor, at: number, reverse: boolean, neutral: number): Tensor => {
  if (x.ndim === 0) return reshape(shifted(unsqueeze(x, 0), 0, reverse, neutral), []);
  const n = x.shape[at]!;
  if (n === 0) return x;
  const kept = narrow(x, at, reverse ? 1 : 0, n - 1);
  const around = x.shape.map((_, d) => (d === at ? (reverse ? [0, 1] : [1, 0]) : [0, 0]));
  return pad(kept, around.reverse().flat(), neutral);
};
