import { cast, div, eq, expand, mul, reshape, sum, where, type Tensor } from "@tessera/tensor";
import { run } from "@tessera/tensor/extend";
import type * as family from "@tessera/tensor/ops/reduce";
import { cumsumOp, type ReduceAttrs } from "@tessera/tensor/ops/reduce";
import { notDifferentiable, rule, type VjpTable } from "../define-vjps.ts";

/** A reduced tensor with its dims put back as size 1. */
const unreduce = (y: Tensor, shape: readonly number[], { dims }: ReduceAttrs): Tensor =>
  reshape(
    y,
    shape.map((size, d) => (dims.includes(d) ? 1 : size)),
  );

/** Equal extremes share the gradient, as in torch; the others are not chosen, and get 0 even of ∞. Beside a NaN all get NaN. */
const toExtremes = (dy: Tensor, x: Tensor, y: Tensor, attrs: ReduceAttrs): Tensor => {
  const wins = eq(x, unreduce(y, x.shape, attrs));
  const count = cast(sum(wins, { dim: attrs.dims.length > 0 ? attrs.dims : null, keepdim: true }), "float32");
  // 0, or NaN where nothing equals the extreme.
  const lost = div(mul(count, 0), count);
  return where(wins, div(unreduce(dy, x.shape, attrs), count), lost);
};

/** Gradients of the reductions: y = reduce(x). */
export const reduceVjps: VjpTable<typeof family> = {
  sum: { vjp: ([dy], { attrs, shapes: [shape] }) => [expand(unreduce(dy, shape, attrs), shape)] },
  amax: rule({
    reads: ({ inputs: [x], outputs: [y] }) => ({ x, y }),
    vjp: ([dy], { x, y, attrs }) => [toExtremes(dy, x, y, attrs)],
  }),
  amin: rule({
    reads: ({ inputs: [x], outputs: [y] }) => ({ x, y }),
    vjp: ([dy], { x, y, attrs }) => [toExtremes(dy, x, y, attrs)],
  }),
  argmax: notDifferentiable,
  // dx_k = Σ_{j ≥ k} dy_j: a running sum from the other end, for a difference of sums would cancel.
  cumsum: {
    vjp: ([dy], { attrs: { dim, reverse } }) => [run(cumsumOp, [dy], { dim, reverse: !reverse })[0]],
  },
};
