import { namedScope } from "../named-scope.ts";
import { normalizeDim } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { argmin } from "./argmin.ts";
import { CHOICE, readOptions, type ArgmaxOptions } from "./dim-options.ts";
import { gather } from "./index/index.ts";
import { reshape, squeeze, unsqueeze } from "./move/move.ts";
import { argmax } from "./reduce/reduce.ts";

type Choice = [values: Tensor, indices: Tensor];

const chosen = (op: string, choose: typeof argmax, x: Tensor, given: number | ArgmaxOptions): Choice =>
  namedScope(op, () => {
    const { dim = -1, keepdim = false } = readOptions<ArgmaxOptions>(op, given, CHOICE);
    const at = normalizeDim(op, dim, x.shape);
    const rows = x.ndim === 0 ? unsqueeze(x, 0) : x;
    const indices = choose(rows, at, { keepdim: true });
    const values = gather(rows, at, indices);
    if (x.ndim === 0) return [reshape(values, []), reshape(indices, [])];
    return keepdim ? [values, indices] : [squeeze(values, at), squeeze(indices, at)];
  });

/**
 * The largest elements along a dim, and where they are, as int32: the first of equal ones, and NaN before all. The gradient goes to the
 * element that was chosen; over several dims, or without the places, use `amax`. float32 or int32.
 *
 * Shape: `[…, n, …]` → twice `[…, …]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.max.html torch.max}
 *
 * @param options the dim alone, or `dim`, −1 unless said otherwise, and `keepdim`
 * @throws ShapeError when the dim is outside, or empty, ArgumentError when an option is unknown or no such thing.
 * @example
 * const [values, indices] = max(tensor([[1, 2], [4, 3]]), 1); // [2, 4] and [1, 0]
 */
export const max = (x: Tensor, options: number | ArgmaxOptions = {}): Choice => chosen("max", argmax, x, options);

/** The smallest elements along a dim, and where they are. As `max`. {@link https://docs.pytorch.org/docs/stable/generated/torch.min.html torch.min} */
export const min = (x: Tensor, options: number | ArgmaxOptions = {}): Choice => chosen("min", argmin, x, options);
