import { full, tensor, zeros } from "../create.ts";
import { ArgumentError, DTypeError, ShapeError } from "../error.ts";
import { defaultGenerator } from "../generator.ts";
import { namedScope } from "../named-scope.ts";
import { broadcastShapes, checkCount, sameShape, showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkFloat } from "./check-float.ts";
import { checkSameDType } from "./elementwise/rows.ts";
import {
  add,
  div,
  ge,
  gt,
  le,
  log1p,
  logicalAnd,
  logicalNot,
  minimum,
  mul,
  neg,
  sub,
  where,
} from "./elementwise/elementwise.ts";
import { gather, indexAdd, indexSelect } from "./index/index.ts";
import { clone, expand, narrow, reshape } from "./move/move.ts";
import { rand, type RandomOptions } from "./random/random.ts";
import { cumsum } from "./reduce/reduce.ts";
import { topk } from "./sort/sort.ts";

/** On which side of equal elements a value is put. */
export interface SearchsortedOptions {
  /** After them; before them unless said otherwise. */
  right?: boolean | undefined;
}

/**
 * Where each value would be put into a sorted row so that it stays sorted, as int32: the number of elements before it, found by bisection. NaN comes
 * last. Not differentiable.
 *
 * Shape: sorted `[n]` and values of any shape, or sorted `[…, n]` and values `[…, m]` → as values.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.searchsorted.html torch.searchsorted}
 *
 * @throws ShapeError when the leading dims differ, DTypeError when the dtypes do.
 * @example
 * await searchsorted(tensor([1, 3, 5]), tensor([3, 4])).data(); // [1, 2]
 */
export const searchsorted = (sorted: Tensor, values: Tensor, { right = false }: SearchsortedOptions = {}): Tensor =>
  namedScope("searchsorted", () => {
    checkSameDType("searchsorted", sorted.dtype, values.dtype);
    if (sorted.ndim === 0 || (sorted.ndim > 1 && !sameShape(sorted.shape.slice(0, -1), values.shape.slice(0, -1))))
      throw new ShapeError(
        `searchsorted: expected sorted [n], or the leading dims of both alike, got ${showShape(sorted.shape)} and ${showShape(values.shape)}`,
      );
    const wanted = sorted.ndim === 1 ? reshape(values, [-1]) : values;
    const n = sorted.size(-1);
    const { device } = sorted;
    let place = zeros(wanted.shape, { dtype: "int32", device });
    if (n === 0 || wanted.numel() === 0) return reshape(place, values.shape);
    for (let step = 2 ** Math.floor(Math.log2(n)); step >= 1; step /= 2) {
      const next = add(place, step);
      const before = gather(sorted, -1, sub(minimum(next, n), 1));
      // Written so that a NaN among the values comes after all.
      const passes = logicalNot(right ? gt(before, wanted) : ge(before, wanted));
      place = where(logicalAnd(le(next, n), passes), next, place);
    }
    return reshape(place, values.shape);
  });

/** Whether a class may be drawn more than once, and from which stream. */
export interface MultinomialOptions {
  replacement?: boolean | undefined;
  generator?: RandomOptions["generator"];
}

/**
 * Classes drawn with probabilities in proportion to weights, as int32: the same draws on every device, but where float32 rounds sums apart.
 * Weights need not sum to 1, are 0 or more, and not all 0 in a row.
 *
 * With replacement by bisection of the running sums; without, the largest weights divided by exponential numbers
 * ({@link https://doi.org/10.1016/j.ipl.2005.11.003 Efraimidis and Spirakis 2006}), in the order in which they are drawn.
 *
 * Shape: weights `[n]` or `[rows, n]` → `[count]` or `[rows, count]`.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.multinomial.html torch.multinomial}
 *
 * @throws ArgumentError when the count is no whole number from 1 on, or more than n without replacement, ShapeError for other shapes, DTypeError unless
 * the weights are float32.
 * @example
 * await multinomial(tensor([0, 10, 3, 0]), 4, { replacement: true }).data(); // such as [1, 2, 1, 1]
 */
export const multinomial = (
  weights: Tensor,
  count: number,
  { replacement = false, generator = defaultGenerator }: MultinomialOptions = {},
): Tensor =>
  namedScope("multinomial", () => {
    checkFloat("multinomial", weights);
    checkCount("multinomial", "the count", count, 1);
    const { shape, device } = weights;
    const n = shape.at(-1) ?? 0;
    if (shape.length < 1 || shape.length > 2 || n === 0)
      throw new ShapeError(`multinomial: expected weights [n] or [rows, n] with n above 0, got ${showShape(shape)}`);
    if (!replacement && count > n)
      throw new ArgumentError(`multinomial: at most ${n} draws without replacement expected, got ${count}`);
    if (!replacement) {
      // −ln(1 − u) of a uniform u in [0, 1) is exponential, and 0 for none: an exponential number of 0 wins, but not with weight 0.
      const exponential = neg(log1p(neg(rand(shape, { generator, device }))));
      return topk(where(gt(weights, 0), div(weights, exponential), full([], -1, { device })), count)[1];
    }
    const sums = cumsum(weights, -1);
    const total = narrow(sums, -1, n - 1, 1);
    // Below the total, however the product rounds: a class of weight 0 at the end is not drawn.
    const below = mul(total, 1 - 2 ** -23);
    const drawn = minimum(mul(rand([...shape.slice(0, -1), count], { generator, device }), total), below);
    return searchsorted(sums, drawn, { right: true });
  });

/**
 * Sums over segments: row s is the sum of the rows of x whose id is s; 0 where there is none.
 *
 * Shape: x `[n, …]`, ids int32 `[n]` → `[count, …]`. {@link https://www.tensorflow.org/api_docs/python/tf/math/unsorted_segment_sum tf.math.unsorted_segment_sum}
 *
 * @throws IndexError when an id is outside [0, count). ShapeError when the shapes do not fit, DTypeError unless x is float32 or int32.
 * @example
 * await segmentSum(tensor([1, 2, 4]), tensor(new Int32Array([1, 0, 1])), 3).data(); // [2, 5, 0]
 */
export const segmentSum = (x: Tensor, ids: Tensor, count: number): Tensor =>
  namedScope("segmentSum", () => {
    checkCount("segmentSum", "the count", count);
    if (x.ndim === 0) throw new ShapeError("segmentSum: expected rows of x, got a 0-d tensor");
    return indexAdd(zeros([count, ...x.shape.slice(1)], { dtype: x.dtype, device: x.device }), 0, ids, x);
  });

/** What each number weighs, and how many numbers are counted at least. */
export interface BincountOptions {
  weights?: Tensor | undefined;
  minlength?: number | undefined;
}

/**
 * How often each number occurs, as int32, or the sum of its weights. How long the result is depends on the data, so it comes later, and outside of
 * gradients: in `grad`, add weights by `indexAdd`.
 *
 * Shape: int32 `[n]` → `[max(largest + 1, minlength)]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.bincount.html torch.bincount}
 *
 * @throws IndexError when a number is negative, ShapeError for other shapes, DTypeError unless x is int32.
 * @example
 * await (await bincount(tensor(new Int32Array([0, 2, 2])))).data(); // Int32Array [1, 0, 2]
 */
export const bincount = async (x: Tensor, { weights, minlength = 0 }: BincountOptions = {}): Promise<Tensor> => {
  checkCount("bincount", "minlength", minlength);
  if (x.dtype !== "int32") throw new DTypeError(`bincount: expected int32, got ${x.dtype}; cast(x, "int32") first?`);
  if (x.ndim !== 1 || (weights && !sameShape(weights.shape, x.shape)))
    throw new ShapeError(
      `bincount: expected a vector and weights of its shape, got ${showShape(x.shape)}${weights ? ` and ${showShape(weights.shape)}` : ""}`,
    );
  const { device } = x;
  let length = minlength;
  for (const value of await x.data()) length = Math.max(length, Number(value) + 1);
  return namedScope("bincount", () =>
    indexAdd(
      zeros([length], { dtype: weights?.dtype ?? "int32", device }),
      0,
      x,
      weights ?? full(x.shape, 1, { dtype: "int32", device }),
    ),
  );
};

/**
 * The places of all elements that are not 0, in order, as int32; NaN is not 0. How many depends on the data, so they come later.
 *
 * Shape: any of n dims → `[count, n]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.nonzero.html torch.nonzero}
 *
 * @example
 * await (await nonzero(tensor([[0, 5], [3, 0]]))).data(); // Int32Array [0, 1, 1, 0]
 */
export const nonzero = async (x: Tensor): Promise<Tensor> => {
  const { shape, device } = x;
  const places: number[] = [];
  const values = await x.data();
  for (let i = 0; i < values.length; i++) {
    if (values[i] === 0) continue;
    let rest = i;
    const place = new Array<number>(shape.length);
    for (let d = shape.length - 1; d >= 0; d--) {
      place[d] = rest % shape[d]!;
      rest = (rest - place[d]!) / shape[d]!;
    }
    places.push(...place);
  }
  const count = shape.length === 0 ? Number(values[0] !== 0) : places.length / shape.length;
  return tensor(Int32Array.from(places), [count, shape.length], { device });
};

/**
 * The elements where a mask holds, in a row; both broadcast. How many depends on the mask, so they come later, and outside of gradients: in `grad`,
 * take the places first (`nonzero`), and gather by them.
 *
 * Shape: any two that broadcast → `[count]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.masked_select.html torch.masked_select}
 *
 * @throws DTypeError unless the mask is bool, ShapeError when the shapes do not broadcast.
 * @example
 * const x = tensor([1, -2, 3]);
 * await (await maskedSelect(x, gt(x, 0))).data(); // [1, 3]
 */
export const maskedSelect = async (x: Tensor, mask: Tensor): Promise<Tensor> => {
  if (mask.dtype !== "bool")
    throw new DTypeError(`maskedSelect: the mask is bool, got ${mask.dtype}; compare first, as in gt(x, 0)`);
  const shape = broadcastShapes("maskedSelect", x.shape, mask.shape);
  const wide = namedScope("maskedSelect", () => clone(expand(mask, shape)));
  const chosen = await wide.data();
  wide.dispose();
  const places: number[] = [];
  for (let i = 0; i < chosen.length; i++) if (chosen[i] !== 0) places.push(i);
  return namedScope("maskedSelect", () =>
    indexSelect(
      reshape(expand(x, shape), [-1]),
      0,
      tensor(Int32Array.from(places), [places.length], { device: x.device }),
    ),
  );
};
