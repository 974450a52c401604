import { cast, cumsum, div, eq, expand, mul, reshape, sub, sum, type Tensor } from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/reduce";
import type { ReduceAttrs } from "@tessera/tensor/ops/reduce";
import { notDifferentiable, rule, type VjpTable } from "../define-vjps.ts";

/** A reduced tensor with its dims put back as size 1. */
const unreduce = (y: Tensor, shape: readonly number[], { dims }: ReduceAttrs): Tensor =>
  reshape(
    y,
    shape.map((size, d) => (dims.includes(d) ? 1 : size)),
  );

/** Equal extremes share the gradient, as in torch. */
const toExtremes = (dy: Tensor, x: Tensor, y: Tensor, attrs: ReduceAttrs): Tensor => {
  const wins = cast(eq(x, unreduce(y, x.shape, attrs)), "float32");
  const share = div(
    unreduce(dy, x.shape, attrs),
    sum(wins, { dim: attrs.dims.length > 0 ? attrs.dims : null, keepdim: true }),
  );
  return mul(wins, share);
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
  // dx_k = Σ_{j ≥ k} dy_j = total − Σ_{j ≤ k} dy_j + dy_k
  cumsum: {
    vjp: ([dy], { attrs: { dim } }) => {
      if (dy.ndim === 0) return [dy];
      return [sub(dy, sub(cumsum(dy, dim), sum(dy, { dim, keepdim: true })))];
    },
  },
};
