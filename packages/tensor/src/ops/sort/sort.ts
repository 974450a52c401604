import { ArgumentError, DTypeError } from "../../error.ts";
import { namedScope } from "../../named-scope.ts";
import { defineOp, run, type Signature } from "../../op.ts";
import { normalizeDim } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { readOptions, SORT, TOPK, type DimOptions } from "../dim-options.ts";
import { cast } from "../elementwise/elementwise.ts";
import { gather } from "../index/index.ts";
import { narrow, reshape, transpose, unsqueeze } from "../move/move.ts";
import { argsortCpu } from "./sort.cpu.ts";
import { argsortReference } from "./sort.reference.ts";
import { argsortWgsl } from "./sort.wgsl.ts";

/** How `sort` is called: along which dim, −1 unless said otherwise, and from the largest on. */
export interface SortOptions extends DimOptions {
  descending?: boolean | undefined;
  /** Equal elements keep their order whether or not it is set; it is here because PyTorch has it. */
  stable?: boolean | undefined;
}

/** How `topk` is called: along which dim, −1 unless said otherwise, and whether the largest are wanted, as they are unless said otherwise. */
export interface TopkOptions extends DimOptions {
  largest?: boolean | undefined;
  /** The chosen elements are in order whether or not it is set; it is here because PyTorch has it. */
  sorted?: boolean | undefined;
}

/** Along the last dim, of which there is one. */
export interface ArgsortSignature extends Signature {
  inputs: [x: Tensor];
  outputs: [y: Tensor];
  attrs: { descending: boolean };
}

export const argsortOp = defineOp<ArgsortSignature>({
  name: "argsort",
  family: "sorting",
  infer: ([x]) => {
    if (x.dtype === "bool") throw new DTypeError("argsort: expected float32 or int32, got bool; cast it first");
    return [{ shape: x.shape, dtype: "int32" }];
  },
  kernels: { reference: argsortReference, cpu: argsortCpu, webgpu: argsortWgsl },
});

/** Rows of x, with a dim where it has none, and where its elements lie in order along that dim. */
interface Order {
  readonly rows: Tensor;
  readonly at: number;
  readonly indices: Tensor;
}

const orderOf = (op: string, x: Tensor, dim: number, descending: boolean): Order => {
  const at = normalizeDim(op, dim, x.shape);
  const rows = x.ndim === 0 ? unsqueeze(x, 0) : x;
  const words = rows.dtype === "bool" ? cast(rows, "int32") : rows;
  const order = run(argsortOp, [transpose(words, at, -1)], { descending })[0];
  return { rows, at, indices: transpose(order, at, -1) };
};

const like = (y: Tensor, x: Tensor): Tensor => (x.ndim === 0 ? reshape(y, []) : y);

/**
 * The places that sort the elements along a dim, as int32. NaN is greater than all, and equal elements keep their order. Not differentiable.
 *
 * Shape: any → same. Rows of n elements take O(n log n); on webgpu, O(n (256 + log² n)).
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.argsort.html torch.argsort}
 *
 * @param options the dim alone, −1 unless said otherwise, or `dim`, `descending` and `stable`
 * @throws ShapeError when the dim is outside, ArgumentError when an option is unknown or no such thing.
 * @example
 * await argsort(tensor([3, 1, 2])).data(); // [1, 2, 0]
 */
export const argsort = (x: Tensor, options: number | SortOptions = {}): Tensor =>
  namedScope("argsort", () => {
    const { dim = -1, descending = false } = readOptions<SortOptions>("argsort", options, SORT);
    return like(orderOf("argsort", x, dim, descending).indices, x);
  });

/**
 * The elements along a dim in order, and where they were, as int32. NaN is greater than all, and equal elements keep their order. Gradients
 * go back to where the elements were.
 *
 * Shape: any → twice the same. Complexity as `argsort`. {@link https://docs.pytorch.org/docs/stable/generated/torch.sort.html torch.sort}
 *
 * @param options the dim alone, −1 unless said otherwise, or `dim`, `descending` and `stable`
 * @throws ShapeError when the dim is outside, ArgumentError when an option is unknown or no such thing.
 * @example
 * const [values, indices] = sort(tensor([3, 1, 2])); // [1, 2, 3] and [1, 2, 0]
 */
export const sort = (x: Tensor, options: number | SortOptions = {}): [values: Tensor, indices: Tensor] =>
  namedScope("sort", () => {
    const { dim = -1, descending = false } = readOptions<SortOptions>("sort", options, SORT);
    const { rows, at, indices } = orderOf("sort", x, dim, descending);
    return [like(gather(rows, at, indices), x), like(indices, x)];
  });

/**
 * The k largest elements along a dim, or the k smallest, in order, and where they are, as int32: NaN is greater than all, and of equal
 * elements the first come first. Gradients go back to where the elements were. It sorts everything: complexity as `argsort`.
 *
 * Shape: `[…, n, …]` → twice `[…, k, …]`; 0-d stays 0-d. {@link https://docs.pytorch.org/docs/stable/generated/torch.topk.html torch.topk}
 *
 * @param k at most n
 * @param options the dim alone, −1 unless said otherwise, or `dim`, `largest` and `sorted`
 * @throws ShapeError when the dim is outside, ArgumentError when k is no whole number from 0 to n, or an option is unknown or no such thing.
 * @example
 * const [values, indices] = topk(tensor([3, 1, 2]), 2); // [3, 2] and [0, 2]
 */
export const topk = (x: Tensor, k: number, options: number | TopkOptions = {}): [values: Tensor, indices: Tensor] =>
  namedScope("topk", () => {
    const { dim = -1, largest = true } = readOptions<TopkOptions>("topk", options, TOPK);
    const n = x.shape[normalizeDim("topk", dim, x.shape)] ?? 1;
    if (!Number.isInteger(k) || k < 0 || k > n)
      throw new ArgumentError(
        `topk: expected k to be a whole number from 0 to ${n}, the length of dim ${dim}, got ${k}`,
      );
    const { rows, at, indices } = orderOf("topk", x, dim, largest);
    if (x.ndim === 0) return [reshape(gather(rows, at, indices), []), reshape(indices, [])];
    const chosen = narrow(indices, at, 0, k);
    return [gather(rows, at, chosen), chosen];
  });
