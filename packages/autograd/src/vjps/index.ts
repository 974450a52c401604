import { embedding, eq, gather, indexSelect, maskedFill, run, unsqueeze } from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/index";
import { embeddingBackwardOp, indexAddOp, scatterAddOp } from "@tessera/tensor/ops/index";
import { notDifferentiable, type VjpTable } from "../define-vjps.ts";

/** Gradients of choices: what was read is added to, what was added to is read. */
export const indexVjps: VjpTable<typeof family> = {
  embedding: {
    saves: "inputs",
    vjp: ([dy], { inputs: [indices], shapes: [, [rows]], attrs: { paddingIdx } }) => [
      null,
      run(embeddingBackwardOp, [dy, indices], { rows: rows!, paddingIdx })[0],
    ],
  },
  embeddingBackward: {
    saves: "inputs",
    vjp: ([dy], { inputs: [, indices], attrs: { paddingIdx } }) => {
      const rows = embedding(indices, dy);
      return [paddingIdx === null ? rows : maskedFill(rows, unsqueeze(eq(indices, paddingIdx), -1), 0), null];
    },
  },
  indexSelect: {
    saves: "inputs",
    vjp: ([dy], { inputs: [, index], shapes: [shape], attrs: { dim } }) => [
      run(indexAddOp, [null, index, dy], { dim, shape })[0],
      null,
    ],
  },
  indexAdd: {
    saves: "inputs",
    vjp: ([dy], { inputs: [x, index], needs: [, , source], attrs: { dim } }) => [
      x && dy,
      null,
      source ? indexSelect(dy, dim, index) : null,
    ],
  },
  gather: {
    saves: "inputs",
    vjp: ([dy], { inputs: [, index], shapes: [shape], attrs: { dim } }) => [
      run(scatterAddOp, [null, index, dy], { dim, shape })[0],
      null,
    ],
  },
  scatterAdd: {
    saves: "inputs",
    vjp: ([dy], { inputs: [x, index], needs: [, , source], attrs: { dim } }) => [
      x && dy,
      null,
      source ? gather(dy, dim, index) : null,
    ],
  },
  oneHot: notDifferentiable,
};
