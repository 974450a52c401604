import { fillInOrder, fromDiagonal } from "./fill-in-order.ts";
import type { LayoutRule } from "./layout-rule.ts";

/** The blocks nearest to the diagonal, which runs from corner to corner: each output sees the inputs around its own place. */
export const banded = (): LayoutRule => ({
  name: "banded",
  mask: (request) => fillInOrder(request, (row, col) => [fromDiagonal(request, row, col)]),
});
