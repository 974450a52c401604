import { tensor } from "../create.ts";
import { ArgumentError, ShapeError } from "../error.ts";
import { storedNumber } from "../host-data.ts";
import { namedScope } from "../named-scope.ts";
import { run } from "../op.ts";
import { checkList, showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { indexSelect } from "./index/index.ts";
import { clone, narrow, placeOp } from "./move/move.ts";

/** What is put around a tensor: a value, its own elements mirrored at the ends, those at the ends, or those from the other end. */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/** What is put around: `value`, 0 unless said otherwise, in the mode "constant". */
export interface PadOptions {
  mode?: PadMode | undefined;
  value?: number | undefined;
}

/** Which element of n lies at place i, where i may be outside. */
const reached: { readonly [M in Exclude<PadMode, "constant">]: (i: number, n: number) => number } = {
  reflect: (i, n) => (i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i),
  replicate: (i, n) => Math.min(Math.max(i, 0), n - 1),
  circular: (i, n) => (i + n) % n,
};

/** How much of n elements a mode can put on one side. */
const reach: { readonly [M in keyof typeof reached]: (n: number) => number } = {
  reflect: (n) => n - 1,
  replicate: (n) => (n > 0 ? Infinity : 0),
  circular: (n) => n,
};

/**
 * `value` put around, or what the mode says: `padding` lists before and after for the last dim first, as torch does. Negative padding cuts.
 *
 * Shape: any → larger by the padding. {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html torch.nn.functional.pad}
 *
 * @param options the value alone, or `mode` and `value`
 * @throws ShapeError when more is cut or mirrored than there is, ArgumentError for another mode or padding, DTypeError when `x` is int32, which cannot
 * hold the value.
 * @example
 * await pad(tensor([1, 2, 3]), [1, 1]).data(); // [0, 1, 2, 3, 0]
 * await pad(tensor([1, 2, 3]), [2, 1], { mode: "reflect" }).data(); // [3, 2, 1, 2, 3, 2]
 */
export const pad = (x: Tensor, padding: readonly number[], options: number | PadOptions = {}): Tensor => {
  checkList("pad", "whole numbers", padding);
  const { mode = "constant", value = 0 } = typeof options === "object" ? options : { value: options };
  if (padding.length % 2 !== 0 || padding.length / 2 > x.ndim || !padding.every(Number.isInteger))
    throw new ArgumentError(
      `pad: expected up to ${x.ndim} pairs of whole numbers for shape ${showShape(x.shape)}, got ${showShape(padding)}`,
    );
  const before = x.shape.map((_, d) => padding[2 * (x.ndim - 1 - d)] ?? 0);
  const after = x.shape.map((_, d) => padding[2 * (x.ndim - 1 - d) + 1] ?? 0);
  if (mode !== "constant") return padWithin(x, before, after, mode);
  const fill = storedNumber("pad", value, x.dtype);
  return namedScope("pad", () => {
    let cut = x;
    for (const [d, size] of x.shape.entries()) {
      const start = Math.max(-before[d]!, 0);
      const end = size - Math.max(-after[d]!, 0);
      if (end < start)
        throw new ShapeError(`pad: ${showShape(padding)} cuts more of dim ${d} than ${showShape(x.shape)} has`);
      if (start > 0 || end < size) cut = narrow(cut, d, start, end - start);
    }
    const starts = before.map((n) => Math.max(n, 0));
    const shape = cut.shape.map((size, d) => size + starts[d]! + Math.max(after[d]!, 0));
    return run(placeOp, [cut], { shape, starts, steps: shape.map(() => 1), value: fill })[0];
  });
};

/** Padding by the tensor's own elements, a dim at a time. */
const padWithin = (
  x: Tensor,
  before: readonly number[],
  after: readonly number[],
  mode: Exclude<PadMode, "constant">,
): Tensor =>
  namedScope("pad", () => {
    if (!Object.hasOwn(reached, mode))
      throw new ArgumentError(`pad: expected constant, reflect, replicate or circular as mode, got ${String(mode)}`);
    let y = x;
    for (const [d, n] of x.shape.entries()) {
      const [low, high] = [before[d]!, after[d]!];
      if (low === 0 && high === 0) continue;
      if (Math.max(low, high) > reach[mode](n) || n + low + high < 0)
        throw new ShapeError(`pad: ${low} and ${high} are more than dim ${d} of ${showShape(x.shape)} has for ${mode}`);
      const places = Int32Array.from({ length: n + low + high }, (_, i) => reached[mode](i - low, n));
      y = indexSelect(y, d, tensor(places, [places.length], { device: x.device }));
    }
    return y === x ? clone(x) : y;
  });
