import { narrow, permute, reshape, slice } from "@tessera/tensor";
import { run } from "@tessera/tensor/extend";
import type * as family from "@tessera/tensor/ops/move";
import { placeOp } from "@tessera/tensor/ops/move";
import { notDifferentiable, type VjpTable } from "../define-vjps.ts";

/** Gradients of the moves: each is another move. */
export const moveVjps: VjpTable<typeof family> = {
  copy: { vjp: ([dy]) => [dy] },
  reshape: { vjp: ([dy], { shapes: [shape] }) => [reshape(dy, shape)] },
  permute: {
    vjp: ([dy], { attrs: { dims } }) => [
      permute(
        dy,
        dims.map((_, d) => dims.indexOf(d)),
      ),
    ],
  },
  // The tape sums over what was stretched.
  expand: { vjp: ([dy]) => [dy] },
  slice: {
    vjp: ([dy], { attrs: { dim, start, step }, shapes: [shape] }) => [
      run(placeOp, [dy], {
        shape,
        starts: shape.map((_, d) => (d === dim ? start : 0)),
        steps: shape.map((_, d) => (d === dim ? step : 1)),
        value: 0,
      })[0],
    ],
  },
  stopGradient: notDifferentiable,
  place: {
    vjp: ([dy], { attrs: { starts, steps }, shapes: [shape] }) => {
      let dx = dy;
      for (const [d, start] of starts.entries()) {
        const end = start + (shape[d]! - 1) * steps[d]! + 1;
        dx = shape[d] === 0 ? narrow(dx, d, 0, 0) : slice(dx, d, { start, end, step: steps[d]! });
      }
      return [dx];
    },
  },
  cat: {
    vjp: ([dy], { attrs: { dim }, shapes, needs }) => {
      let start = 0;
      return shapes.map((shape, i) => {
        const from = start;
        start += shape[dim]!;
        return needs[i] ? narrow(dy, dim, from, shape[dim]!) : null;
      });
    },
  },
  fill: notDifferentiable,
};
