import { bytesPerElement, type DType } from "./dtype.ts";
import { ArgumentError, ShapeError } from "./error.ts";
import { describe } from "./host-data.ts";

export type Shape = readonly number[];

/** What an op's shape rule sees. */
export interface TensorSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What a kernel sees: element strides and offset too. */
export interface Layout extends TensorSpec {
  readonly strides: readonly number[];
  readonly offset: number;
}

/** "[2, 3]"; of what is no list, what it is. */
export const showShape = (shape: Shape): string => (Array.isArray(shape) ? `[${shape.join(", ")}]` : describe(shape));

/** Number of elements; 1 for a 0-d tensor. */
export const numel = (shape: Shape): number => {
  let n = 1;
  for (const size of shape) n *= size;
  return n;
};

/** Bytes that a layout covers: a stretched dim counts once. */
export const bytesOf = ({ shape, strides, dtype }: Layout): number =>
  bytesPerElement[dtype] * numel(shape.map((size, d) => (strides[d] === 0 ? 1 : size)));

/** Row-major strides, in elements. */
export const contiguousStrides = (shape: Shape): number[] => {
  const strides = new Array<number>(shape.length);
  for (let d = shape.length - 1, step = 1; d >= 0; d--) {
    strides[d] = step;
    step *= shape[d]!;
  }
  return strides;
};

/** Whether the elements lie in row-major order without gaps. The stride of a dim of size 1 does not matter. */
export const isContiguous = ({ shape, strides }: Pick<Layout, "shape" | "strides">): boolean => {
  for (let d = shape.length - 1, step = 1; d >= 0; d--) {
    const size = shape[d]!;
    if (size === 0) return true;
    if (size !== 1 && strides[d] !== step) return false;
    step *= size;
  }
  return true;
};

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, d) => size === b[d]);

/** Throws unless every size is a whole number ≥ 0. */
export const checkShape = (op: string, shape: Shape): void => {
  if (!Array.isArray(shape))
    throw new ShapeError(
      `${op}: a list of sizes expected as the shape, got ${typeof shape === "number" ? `${shape as number}; write [${shape as number}]` : `${typeof shape}; write [2, 3], with options after it`}`,
    );
  for (const size of shape)
    if (!Number.isInteger(size) || size < 0)
      throw new ShapeError(`${op}: sizes are whole numbers from 0 up, got ${showShape(shape)}`);
};

/**
 * The common shape of several under NumPy's broadcasting rules: aligned at the right, a size of 1 stretches.
 *
 * @throws ShapeError when two sizes differ and neither is 1.
 */
export const broadcastShapes = (op: string, ...shapes: readonly Shape[]): number[] => {
  let rank = 0;
  for (const shape of shapes) rank = Math.max(rank, shape.length);
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const lead = rank - shape.length;
    for (let d = 0; d < shape.length; d++) {
      const size = shape[d]!;
      if (size === 1) continue;
      const seen = out[lead + d]!;
      if (seen !== 1 && seen !== size)
        throw new ShapeError(
          `${op}: shapes ${shapes.map(showShape).join(" and ")} do not broadcast (${seen} ≠ ${size} at dim ${lead + d - rank}); reshape or unsqueeze one side`,
        );
      out[lead + d] = size;
    }
  }
  return out;
};

/** The same elements seen at a larger broadcast shape: stretched dims get stride 0. */
export const broadcastStrides = (layout: Pick<Layout, "shape" | "strides">, shape: Shape): number[] => {
  const lead = shape.length - layout.shape.length;
  return shape.map((size, d) =>
    d < lead || (layout.shape[d - lead] === 1 && size !== 1) ? 0 : layout.strides[d - lead]!,
  );
};

/**
 * Strides that show a view in another shape of as many elements; `null` where its memory does not allow that. Neighbouring dims
 * that step evenly through memory count as one, and each of these must be cut into whole sizes of the new shape.
 */
export const reshapedStrides = (view: Pick<Layout, "shape" | "strides">, shape: Shape): number[] | null => {
  if (isContiguous(view)) return contiguousStrides(shape);
  const strides = new Array<number>(shape.length).fill(1);
  let to = shape.length - 1;
  for (let d = view.shape.length - 1; d >= 0; d--) {
    if (view.shape[d] === 1) continue;
    const innermost = view.strides[d]!;
    let size = view.shape[d]!;
    while (d > 0 && (view.shape[d - 1] === 1 || view.strides[d - 1] === size * innermost)) size *= view.shape[--d]!;
    for (let filled = 1; filled < size || (to >= 0 && shape[to] === 1); to--) {
      if (to < 0 || size % (filled * shape[to]!) !== 0) return null;
      strides[to] = filled * innermost;
      filled *= shape[to]!;
    }
  }
  return strides;
};

/** @throws ArgumentError unless it is a list, which the types say and JavaScript does not. */
export const checkList = (op: string, what: string, list: unknown): void => {
  if (!Array.isArray(list))
    throw new ArgumentError(`${op}: a list of ${what} expected, got ${describe(list)}; write it as in [2, 3]`);
};

/** @throws ArgumentError where what should be a tensor has no shape. */
const checkHasShape = (op: string, shape: unknown): void => {
  if (!Array.isArray(shape))
    throw new ArgumentError(`${op}: a tensor expected, got something without a shape; make one with tensor(…)`);
};

/**
 * A dim counted from the front. Negative dims count from the back; a 0-d tensor has dims −1 and 0, like torch's.
 *
 * @throws ShapeError when it is outside.
 */
export const normalizeDim = (op: string, dim: number, shape: Shape, extra = 0): number => {
  checkHasShape(op, shape);
  const rank = Math.max(shape.length + extra, 1);
  if (!Number.isInteger(dim) || dim < -rank || dim >= rank)
    throw new ShapeError(`${op}: dim ${String(dim)} is outside [${-rank}, ${rank}) for shape ${showShape(shape)}`);
  return dim < 0 ? dim + rank : dim;
};

/** One dim, several, or `null` for all of them. */
export type Dims = number | readonly number[] | null;

/** Dims from the front, sorted, without repeats; all of them for `null` and, as in torch, for an empty list. */
export const normalizeDims = (op: string, dims: Dims, shape: Shape): number[] => {
  checkHasShape(op, shape);
  if (typeof dims !== "number" && dims !== null) checkList(op, "dims", dims);
  if (dims === null || (typeof dims !== "number" && dims.length === 0)) return shape.map((_, d) => d);
  const list = (typeof dims === "number" ? [dims] : dims).map((dim) => normalizeDim(op, dim, shape));
  list.sort((a, b) => a - b);
  for (let i = 1; i < list.length; i++)
    if (list[i] === list[i - 1])
      throw new ShapeError(
        `${op}: dim ${list[i]} is named twice in ${showShape(typeof dims === "number" ? [dims] : dims)}`,
      );
  return shape.length === 0 ? [] : list;
};

/**
 * Fills in a single −1 so that the element count stays the same.
 *
 * @throws ShapeError when the counts cannot agree.
 */
export const resolveReshape = (op: string, from: Shape, to: Shape): number[] => {
  checkHasShape(op, from);
  checkList(op, "sizes", to);
  const total = numel(from);
  const known = to.reduce((n, size) => (size === -1 ? n : n * size), 1);
  const holes = to.filter((size) => size === -1).length;
  const refuse = (why: string): never => {
    throw new ShapeError(`${op}: ${showShape(from)} has ${total} elements, ${showShape(to)} ${why}`);
  };
  if (to.some((size) => !Number.isInteger(size) || size < -1)) refuse("is not a list of sizes");
  if (holes > 1) refuse("leaves more than one size open");
  if (holes === 0) return known === total ? [...to] : refuse(`has ${known}`);
  if (known === 0 || total % known !== 0) refuse(`cannot divide them`);
  return to.map((size) => (size === -1 ? total / known : size));
};

/** Throws unless `value` is a whole number ≥ `min`. */
export const checkCount = (op: string, name: string, value: number, min = 0): void => {
  if (!Number.isInteger(value) || value < min)
    throw new ArgumentError(`${op}: ${name} is a whole number from ${min} up, got ${value}`);
};
