import { addmm, cast, gt, linear, matmul, mul, numel, reshape, sum, transpose, type Tensor } from "@tessera/tensor";
import { geluBackward } from "@tessera/tensor/ops/elementwise";
import type * as family from "@tessera/tensor/ops/matmul";
import type { Activation } from "@tessera/tensor/ops/matmul";
import { rule, type VjpTable } from "../define-vjps.ts";

/** The last two dims swapped. */
const flipped = (x: Tensor): Tensor => transpose(x, -2, -1);

/** All dims but the last joined into rows. */
const rows = (x: Tensor): Tensor => reshape(x, [numel(x.shape.slice(0, -1)), x.size(-1)]);

/** A B, plus what is already there. */
const product = (a: Tensor, b: Tensor, sum: Tensor | null): Tensor => (sum ? addmm(sum, a, b) : matmul(a, b));

/** The factor of each other's gradient, where one is wanted. */
const factors = (
  [a, b]: readonly [Tensor, Tensor, ...unknown[]],
  needs: readonly (boolean | null)[],
): { a: Tensor | null; b: Tensor | null } => ({ a: needs[1] ? a : null, b: needs[0] ? b : null });

interface LinearStep {
  readonly x: Tensor | null;
  readonly weight: Tensor | null;
  readonly needs: readonly (boolean | null)[];
  takeSum(this: void, input: number): Tensor | null;
}

/** Gradients of y = x Wᵀ + b: dx = dy W, dW = dyᵀ x, db = Σ dy. */
const linearGradients = (
  dy: Tensor,
  { x, weight, needs, takeSum }: LinearStep,
): [Tensor | null, Tensor | null, Tensor | null] => [
  // One vector is no matrix: nothing can be added to its product.
  weight && product(dy, weight, dy.ndim > 1 ? takeSum(0) : null),
  x && product(flipped(rows(dy)), rows(x), takeSum(1)),
  needs[2] ? sum(rows(dy), { dim: 0 }) : null,
];

/** dL/d pre for y = f(pre). */
const throughActivation = (dy: Tensor, pre: Tensor, activation: Activation): Tensor =>
  activation === "relu"
    ? mul(dy, cast(gt(pre, 0), "float32"))
    : geluBackward(dy, pre, activation === "gelu" ? "none" : "tanh");

/** Gradients of C = A B. */
const matmulGradients = (
  dc: Tensor,
  { a, b, shapes }: { a: Tensor | null; b: Tensor | null; shapes: readonly (readonly number[])[] },
): [Tensor | null, Tensor | null] => [
  b && matmul(dc, flipped(b)),
  // One B for a whole batch: the sum over the batch is part of the product.
  a && (shapes[1]!.length === 2 ? matmul(flipped(rows(a)), rows(dc)) : matmul(flipped(a), dc)),
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
  linear: rule({
    reads: ({ inputs: [x, weight], needs }) => ({ x: needs[1] ? x : null, weight: needs[0] ? weight : null }),
    vjp: ([dy], seen) => linearGradients(dy, seen),
  }),
  activatedLinear: rule({
    reads: ({ inputs: [x, weight], outputs: [, pre], needs }) => ({
      x: needs[1] ? x : null,
      weight: needs[0] ? weight : null,
      pre,
    }),
    recompute: {
      reads: ({ inputs: [x, weight, bias] }) => ({ x, weight, bias }),
      make: ({ x, weight, bias }) => ({ pre: linear(x, weight, bias) }),
    },
    vjp: ([dy], seen) => linearGradients(throughActivation(dy, seen.pre, seen.attrs.activation), seen),
  }),
};
