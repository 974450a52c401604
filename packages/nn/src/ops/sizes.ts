import { ArgumentError, ShapeError, unsqueeze, type Tensor } from "@tessera/tensor";
import { checkCount, showShape } from "@tessera/tensor/extend";
import type { Pair } from "./windows/windows.ts";

/** One number for rows and columns, or one for each. */
export type Size2d = number | readonly [rows: number, columns: number];

/** Both numbers of a size. @throws ArgumentError unless they are whole numbers from `min` up. */
export const pairOf = (op: string, name: string, size: Size2d, min: number): Pair => {
  const pair: readonly number[] = typeof size === "number" ? [size, size] : size;
  if (pair.length !== 2) throw new ArgumentError(`${op}: ${name} is a number or two of them, got ${pair.length}`);
  for (const value of pair) checkCount(op, name, value, min);
  return pair as Pair;
};

/** A size along one dim, as that of a plane with one row; what rows need is `rows`. */
export const columnsOf = (size: number | undefined, rows: number): Pair | undefined =>
  size === undefined ? undefined : [rows, size];

/** `x` with a batch, where it has one or not. @throws ShapeError unless it has `dims` dims after the batch, or all of them. */
export const batched = (op: string, x: Tensor, dims: readonly string[]): Tensor => {
  if (x.ndim === dims.length) return unsqueeze(x, 0);
  if (x.ndim === dims.length + 1) return x;
  throw new ShapeError(
    `${op}: expected [batch, ${dims.join(", ")}] or [${dims.join(", ")}], got ${showShape(x.shape)}; reshape it`,
  );
};
