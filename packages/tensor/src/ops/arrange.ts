import { arange, tensor, zeros } from "../create.ts";
import { ArgumentError, ShapeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { checkCount, normalizeDim, showShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { diagonal } from "./diagonal.ts";
import { add, eq, where } from "./elementwise/elementwise.ts";
import { indexSelect } from "./index/index.ts";
import { clone, expand, flatten, reshape, unsqueeze } from "./move/move.ts";

/**
 * One dim as several, whose sizes have its product; one of them may be −1. A view where strides allow.
 *
 * Shape: `[…, n, …]` → `[…, …sizes, …]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.unflatten.html torch.unflatten}
 *
 * @throws ShapeError when the dim is outside, or the sizes do not multiply to it.
 * @example
 * unflatten(zeros([2, 12]), 1, [3, -1]).shape; // [2, 3, 4]
 */
export const unflatten = (x: Tensor, dim: number, sizes: Shape): Tensor =>
  namedScope("unflatten", () => {
    const at = normalizeDim("unflatten", dim, x.shape);
    const size = x.shape[at] ?? 1;
    const known = sizes.reduce((n, one) => (one === -1 ? n : n * one), 1);
    const open = sizes.filter((one) => one === -1).length;
    const rest = known === 0 ? 0 : size / known;
    const isRight = sizes.every((one) => Number.isInteger(one) && one >= -1) && sizes.length > 0;
    if (!isRight || open > 1 || !Number.isInteger(rest) || (open === 0 && known !== size))
      throw new ShapeError(
        `unflatten: expected sizes that multiply to ${size}, dim ${at} of ${showShape(x.shape)}, got ${showShape(sizes)}`,
      );
    const filled = sizes.map((one) => (one === -1 ? rest : one));
    return reshape(x, [...x.shape.slice(0, at), ...filled, ...x.shape.slice(at + 1)]);
  });

/** `expand` by torch's other name. {@link https://docs.pytorch.org/docs/stable/generated/torch.broadcast_to.html torch.broadcast_to} */
export const broadcastTo = (x: Tensor, shape: Shape): Tensor => namedScope("broadcastTo", () => expand(x, shape));

/** Along which dim: without one, along all elements in a row. */
export interface RepeatInterleaveOptions {
  dim?: number | undefined;
}

/**
 * Each element along a dim repeated beside itself: as often as `repeats` says, or each as often as its number there. Repeats that a tensor holds
 * are read first, as `Array.from(await repeats.data())`.
 *
 * Shape: `[…, n, …]` → `[…, n · repeats, …]`, or their sum.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.repeat_interleave.html torch.repeat_interleave}
 *
 * @throws ArgumentError when a repeat is no whole number from 0 on, ShapeError when the dim is outside, or there is not one repeat for each element.
 * @example
 * await repeatInterleave(tensor([1, 2]), 2).data(); // [1, 1, 2, 2]
 * await repeatInterleave(tensor([1, 2]), [3, 1]).data(); // [1, 1, 1, 2]
 */
export const repeatInterleave = (
  x: Tensor,
  repeats: number | readonly number[],
  { dim }: RepeatInterleaveOptions = {},
): Tensor =>
  namedScope("repeatInterleave", () => {
    const rows = dim === undefined || x.ndim === 0 ? flatten(x) : x;
    const at = normalizeDim("repeatInterleave", dim ?? 0, rows.shape);
    const n = rows.shape[at]!;
    for (const one of typeof repeats === "number" ? [repeats] : repeats)
      checkCount("repeatInterleave", "a repeat", one);
    if (typeof repeats === "number") {
      const spread = unsqueeze(rows, at + 1);
      const times = expand(spread, [...spread.shape.slice(0, at + 1), repeats, ...spread.shape.slice(at + 2)]);
      return clone(
        reshape(
          times,
          rows.shape.map((size, d) => (d === at ? size * repeats : size)),
        ),
      );
    }
    if (repeats.length !== n)
      throw new ShapeError(
        `repeatInterleave: expected ${n} repeats for dim ${at} of ${showShape(rows.shape)}, got ${repeats.length}`,
      );
    const places = Int32Array.from(repeats.flatMap((times, i) => new Array<number>(times).fill(i)));
    return indexSelect(rows, at, tensor(places, [places.length], { device: x.device }));
  });

/**
 * Of a vector the matrix with it on a diagonal and zeros elsewhere, of a matrix that diagonal; `offset` places to the right of the main one.
 *
 * Shape: `[n]` → `[n + |offset|, n + |offset|]`; `[n, m]` → `[k]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.diag.html torch.diag}
 *
 * @throws ShapeError when x has neither one dim nor two, ArgumentError when the offset is no whole number.
 * @example
 * await diag(tensor([1, 2])).data(); // [1, 0, 0, 2]
 */
export const diag = (x: Tensor, offset = 0): Tensor =>
  namedScope("diag", () => {
    if (!Number.isInteger(offset)) throw new ArgumentError(`diag: a whole number expected as offset, got ${offset}`);
    if (x.ndim === 2) return diagonal(x, offset);
    if (x.ndim !== 1) throw new ShapeError(`diag: expected a vector or a matrix, got ${showShape(x.shape)}`);
    const { device, dtype } = x;
    const n = x.shape[0]!;
    const size = n + Math.abs(offset);
    if (n === 0) return zeros([size, size], { device, dtype });
    // Row i of the matrix has element i − max(−offset, 0) of the vector, in column i + offset.
    const row = arange(0, size, { device });
    const first = Math.max(-offset, 0);
    const places = tensor(
      Int32Array.from({ length: size }, (_, i) => Math.min(Math.max(i - first, 0), n - 1)),
      [size],
      { device },
    );
    const hit = eq(unsqueeze(add(row, offset), 1), row);
    return where(hit, unsqueeze(indexSelect(x, 0, places), 1), zeros([], { device, dtype }));
  });

/** Whether the first tensor runs down the rows, as it does unless said otherwise, or along the columns. */
export interface MeshgridOptions {
  indexing?: "ij" | "xy" | undefined;
}

/**
 * For each vector the tensor of its elements over the grid of all of them, as views.
 *
 * Shape: `[n]`, `[m]`, … → `[n, m, …]` each; for "xy" `[m, n, …]`.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.meshgrid.html torch.meshgrid}
 *
 * @throws ShapeError when a tensor has several dims, ArgumentError when there is none, or for another indexing.
 * @example
 * const [rows, columns] = meshgrid([arange(2), arange(3)]); // [[0, 0, 0], [1, 1, 1]] and [[0, 1, 2], [0, 1, 2]]
 */
export const meshgrid = (tensors: readonly Tensor[], { indexing = "ij" }: MeshgridOptions = {}): Tensor[] =>
  namedScope("meshgrid", () => {
    if (tensors.length === 0) throw new ArgumentError("meshgrid: at least one vector expected, got none");
    if (indexing !== "ij" && indexing !== "xy")
      throw new ArgumentError(`meshgrid: "ij" or "xy" expected as indexing, got ${JSON.stringify(indexing)}`);
    for (const x of tensors)
      if (x.ndim > 1) throw new ShapeError(`meshgrid: vectors expected, got ${showShape(x.shape)}`);
    /** Which dim of the grid a tensor runs along. */
    const place = (i: number): number => (indexing === "xy" && i < 2 && tensors.length > 1 ? 1 - i : i);
    const shape = new Array<number>(tensors.length);
    for (const [i, x] of tensors.entries()) shape[place(i)] = x.numel();
    return tensors.map((x, i) =>
      expand(
        reshape(
          x,
          shape.map((size, d) => (d === place(i) ? size : 1)),
        ),
        shape,
      ),
    );
  });
