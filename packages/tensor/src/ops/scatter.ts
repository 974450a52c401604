import { ones, zeros } from "../create.ts";
import { ArgumentError, ShapeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { normalizeDim, showShape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { operand } from "./elementwise/apply.ts";
import { checkFloat } from "./check-float.ts";
import { add, cast, div, eq, gt, maskedFill, maximum, minimum, mul, ne, where } from "./elementwise/elementwise.ts";
import { gather, scatterAdd } from "./index/index.ts";
import { cat, clone, expand, narrow, reshape, unsqueeze } from "./move/move.ts";
import { argsort } from "./sort/sort.ts";

/** What becomes of several elements for one place, and of the one that is there. */
export type ScatterReduction = "sum" | "prod" | "mean" | "amax" | "amin";

/** How `scatterReduce` joins elements, and whether those that are there count beside the new ones, as they do unless said otherwise. */
export interface ScatterReduceOptions {
  reduce: ScatterReduction;
  includeSelf?: boolean | undefined;
}

/** Elements sorted by the place that they go to, equal places in the order of the source. */
interface Sorted {
  readonly at: number;
  readonly index: Tensor;
  readonly source: Tensor;
}

/** The corner of the source that the index covers, a number for each index, 0-d tensors as vectors of one. */
const sorted = (op: string, dim: number, index: Tensor, source: Tensor): Sorted => {
  if (source.ndim !== index.ndim || index.shape.some((size, d) => size > source.shape[d]!))
    throw new ShapeError(
      `${op}: expected a source at least as large as the index ${showShape(index.shape)}, got ${showShape(source.shape)}`,
    );
  let used = source;
  for (const [d, size] of index.shape.entries()) used = narrow(used, d, 0, size);
  const order = argsort(index, dim);
  return { at: dim, index: gather(index, dim, order), source: gather(used, dim, order) };
};

/** For each element whether the one `step` before it goes to the same place; false for the first ones. */
const joins = ({ at, index }: Sorted, step: number): Tensor => {
  const n = index.shape[at]!;
  const same = eq(narrow(index, at, step, n - step), narrow(index, at, 0, n - step));
  return cat(
    [
      zeros(
        index.shape.map((size, d) => (d === at ? step : size)),
        { dtype: "bool", device: index.device },
      ),
      same,
    ],
    at,
  );
};

/** Whether an element is the last one for its place. */
const isLast = ({ at, index }: Sorted): Tensor => {
  const n = index.shape[at]!;
  const changes = ne(narrow(index, at, 1, n - 1), narrow(index, at, 0, n - 1));
  const end = ones(
    index.shape.map((size, d) => (d === at ? 1 : size)),
    { dtype: "bool", device: index.device },
  );
  return cat([changes, end], at);
};

/** x with the last source of each place in it, `join`ed with the element that was there if that is given. */
const put = (x: Tensor, all: Sorted, join: ((there: Tensor, come: Tensor) => Tensor) | null): Tensor => {
  const last = isLast(all);
  const counted = x.dtype === "bool" ? "int32" : x.dtype;
  const nothing = zeros([], { dtype: counted, device: x.device });
  const empty = zeros(x.shape, { dtype: counted, device: x.device });
  const come = scatterAdd(empty, all.at, all.index, where(last, cast(all.source, counted), nothing));
  const hit = gt(
    scatterAdd(zeros(x.shape, { dtype: "int32", device: x.device }), all.at, all.index, cast(last, "int32")),
    0,
  );
  const one = cast(come, x.dtype);
  return where(hit, join ? join(x, one) : one, x);
};

/** f of the arguments, of which none is 0-d. */
const withDims = (x: Tensor, index: Tensor, source: Tensor, f: (...of: [Tensor, Tensor, Tensor]) => Tensor): Tensor =>
  x.ndim > 0
    ? f(x, index, source)
    : reshape(f(unsqueeze(x, 0), reshape(index, [index.numel()]), reshape(source, [source.numel()])), []);

const checkIndex = (op: string, x: Tensor, dim: number, index: Tensor): number => {
  const at = normalizeDim(op, dim, x.shape);
  if (x.ndim > 0 && (index.ndim !== x.ndim || index.shape.some((size, d) => d !== at && size > x.shape[d]!)))
    throw new ShapeError(
      `${op}: expected an index of ${x.ndim} dims within ${showShape(x.shape)} except at dim ${at}, got ${showShape(index.shape)}`,
    );
  return at;
};

/**
 * A copy of x with elements put into it along a dim, each at an index of its own: y[…, index[…, k, …], …] = source[…, k, …]. Of several for one
 * place the last one stays, on every device; torch leaves that open. The gradient goes to the elements that stayed.
 *
 * Shape: x any, index int32 with as many dims, nowhere larger except at the dim, source at least as large, or a number → as x.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.scatter.html torch.scatter}
 *
 * @throws IndexError when an index is outside; negative ones are. ShapeError when the shapes do not fit, DTypeError when the dtypes differ.
 * @example
 * await scatter(zeros([4]), 0, tensor(new Int32Array([2, 0])), tensor([5, 7])).data(); // [7, 0, 5, 0]
 */
export const scatter = (x: Tensor, dim: number, index: Tensor, source: Tensor | number): Tensor =>
  namedScope("scatter", () => {
    const at = checkIndex("scatter", x, dim, index);
    const given = source instanceof Tensor ? source : expand(operand("scatter", source, x), index.shape);
    return withDims(x, index, given, (to, places, from) =>
      places.numel() === 0 ? clone(to) : put(to, sorted("scatter", at, places, from), null),
    );
  });

/** Of two elements for one place. */
const joined: { readonly [R in ScatterReduction]: (a: Tensor, b: Tensor) => Tensor } = {
  sum: (a) => a,
  mean: (a) => a,
  prod: mul,
  amax: maximum,
  amin: minimum,
};

/**
 * A copy of x with elements joined to it along a dim, each at an index of its own: their sum, product, mean, largest or smallest, together with
 * the element that is there unless `includeSelf` is false. Places without an index keep theirs. The gradient is that of the reduction; equal
 * extremes share it, not always evenly.
 *
 * Shape: as `scatter`. {@link https://docs.pytorch.org/docs/stable/generated/torch.scatter_reduce.html torch.scatter_reduce}
 *
 * @throws IndexError when an index is outside; negative ones are. ShapeError when the shapes do not fit, DTypeError when the dtypes differ,
 * ArgumentError for another reduction.
 * @example
 * const index = tensor(new Int32Array([0, 0, 2]));
 * await scatterReduce(tensor([1, 2, 3]), 0, index, tensor([5, 7, 1]), { reduce: "amax" }).data(); // [7, 2, 3]
 */
export const scatterReduce = (
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  { reduce, includeSelf = true }: ScatterReduceOptions,
): Tensor =>
  namedScope("scatterReduce", () => {
    if (!Object.hasOwn(joined, reduce))
      throw new ArgumentError(`scatterReduce: expected ${Object.keys(joined).join(", ")} as reduce, got ${reduce}`);
    const at = checkIndex("scatterReduce", x, dim, index);
    if (reduce === "mean") checkFloat("scatterReduce", x);
    return withDims(x, index, source, (to, places, from) => {
      if (places.numel() === 0) return clone(to);
      if (reduce === "sum" || reduce === "mean")
        return added(to, { at, places, from, includeSelf, isMean: reduce === "mean" });
      const all = sorted("scatterReduce", at, places, from);
      return put(to, running(all, joined[reduce]), includeSelf ? joined[reduce] : null);
    });
  });

/** Each element joined with all before it that go to the same place (Hillis and Steele, 1986). */
const running = (all: Sorted, join: (a: Tensor, b: Tensor) => Tensor): Sorted => {
  const { at, index } = all;
  const n = index.shape[at]!;
  let y = all.source;
  for (let step = 1; step < n; step *= 2) {
    const before = cat([narrow(y, at, 0, step), narrow(y, at, 0, n - step)], at);
    y = where(joins(all, step), join(before, y), y);
  }
  return { ...all, source: y };
};

/** The sum or mean for each place. */
const added = (
  x: Tensor,
  {
    at,
    places,
    from,
    includeSelf,
    isMean,
  }: { at: number; places: Tensor; from: Tensor; includeSelf: boolean; isMean: boolean },
): Tensor => {
  const { device } = x;
  const count = scatterAdd(
    zeros(x.shape, { dtype: "int32", device }),
    at,
    places,
    ones(places.shape, { dtype: "int32", device }),
  );
  const start = includeSelf ? x : maskedFill(x, gt(count, 0), 0);
  const total = scatterAdd(start, at, places, from);
  return isMean ? div(total, cast(includeSelf ? add(count, 1) : maximum(count, 1), "float32")) : total;
};
