import { embedding, eq, gather, indexSelect, maskedFill, unsqueeze, type Tensor } from "@tessera/tensor";
import { run } from "@tessera/tensor/extend";
import type * as family from "@tessera/tensor/ops/index";
import { embeddingBackwardOp, indexAddOp, scatterAddOp } from "@tessera/tensor/ops/index";
import { notDifferentiable, rule, type VjpTable } from "../define-vjps.ts";

/** Gradients of choices: what was read is added to, what was added to is read. */
export const indexVjps: VjpTable<typeof family> = {
  embedding: rule({
    reads: ({ inputs: [indices] }) => ({ indices }),
    vjp: ([dy], { indices, shapes: [, [rows]], attrs: { paddingIdx }, takeSum }) => [
      null,
      run(embeddingBackwardOp, [dy, indices, takeSum(1)], { rows: rows!, paddingIdx })[0],
    ],
  }),
  embeddingBackward: rule({
    reads: ({ inputs: [, indices] }) => ({ indices }),
    vjp: ([dWeight], { indices, needs: [dy, , start], attrs: { paddingIdx } }) => {
      const rows = (): Tensor => embedding(indices, dWeight);
      const shown = (): Tensor =>
        paddingIdx === null ? rows() : maskedFill(rows(), unsqueeze(eq(indices, paddingIdx), -1), 0);
      return [dy ? shown() : null, null, start ? dWeight : null];
    },
  }),
  indexSelect: rule({
    reads: ({ inputs: [, index] }) => ({ index }),
    vjp: ([dy], { index, shapes: [shape], attrs: { dim } }) => [
      run(indexAddOp, [null, index, dy], { dim, shape })[0],
      null,
    ],
  }),
  indexAdd: rule({
    reads: ({ inputs: [, index] }) => ({ index }),
    vjp: ([dy], { index, needs: [x, , source], attrs: { dim } }) => [
      x ? dy : null,
      null,
      source ? indexSelect(dy, dim, index) : null,
    ],
  }),
  gather: rule({
    reads: ({ inputs: [, index] }) => ({ index }),
    vjp: ([dy], { index, shapes: [shape], attrs: { dim } }) => [
      run(scatterAddOp, [null, index, dy], { dim, shape })[0],
      null,
    ],
  }),
  scatterAdd: rule({
    reads: ({ inputs: [, index] }) => ({ index }),
    vjp: ([dy], { index, needs: [x, , source], attrs: { dim } }) => [
      x ? dy : null,
      null,
      source ? gather(dy, dim, index) : null,
    ],
  }),
  oneHot: notDifferentiable,
};
