import { addmm, linear, matmul, transpose, type Tensor } from "@tessera/tensor";
import type { LayerAttrs } from "@tessera/tensor/extend";
import type * as family from "@tessera/tensor/ops/matmul";
import { rule, type VjpTable } from "../define-vjps.ts";
import { linearGradients, rowsOf, type LinearProducts } from "../linear-gradients.ts";

/** The last two dims swapped. */
const flipped = (x: Tensor): Tensor => transpose(x, -2, -1);

/** A B, plus what is already there. */
const product = (a: Tensor, b: Tensor, sum: Tensor | null): Tensor => (sum ? addmm(sum, a, b) : matmul(a, b));

/** The factor of each other's gradient, where one is wanted. */
const factors = (
  [a, b]: readonly [Tensor, Tensor, ...unknown[]],
  needs: readonly (boolean | null)[],
): { a: Tensor | null; b: Tensor | null } => ({ a: needs[1] ? a : null, b: needs[0] ? b : null });

/** The products of a layer with a dense weight. */
const products: LinearProducts<[], LayerAttrs> = {
  forward: (x, weight, bias) => linear(x, weight, bias),
  // One vector is no matrix: nothing can be added to its product.
  inputGradient: (dy, weight, _, takeSum) => product(dy, weight, dy.ndim > 1 ? takeSum() : null),
  weightGradient: (dy, x, _, takeSum) => product(flipped(rowsOf(dy)), rowsOf(x), takeSum()),
};

/** Gradients of C = A B. */
const matmulGradients = (
  dc: Tensor,
  { a, b, shapes }: { a: Tensor | null; b: Tensor | null; shapes: readonly (readonly number[])[] },
): [Tensor | null, Tensor | null] => [
  b && matmul(dc, flipped(b)),
  // One B for a whole batch: the sum over the batch is part of the product.
  a && (shapes[1]!.length === 2 ? matmul(flipped(rowsOf(a)), rowsOf(dc)) : matmul(flipped(a), dc)),
];

/** Gradients of the matrix products. */
export const matmulVjps: VjpTable<typeof family> = {
  // dA = dC Bᵀ, dB = Aᵀ dC; the tape sums over dims that were broadcast
  matmul: rule({
    reads: ({ inputs, needs }) => factors(inputs, needs),
    vjp: ([dc], seen) => matmulGradients(dc, seen),
  }),
  // C = input + A B
  addmm: rule({
    reads: ({ inputs, needs }) => factors(inputs, needs),
    vjp: ([dc], seen) => [...matmulGradients(dc, seen), dc],
  }),
  linear: linearGradients(products),
};
