import {
  activeRecorders,
  addmm,
  cast,
  geluBackward,
  gt,
  linear,
  matmul,
  mul,
  numel,
  reshape,
  sum,
  transpose,
  type Tensor,
} from "@tessera/tensor";
import type * as family from "@tessera/tensor/ops/matmul";
import type { Activation } from "@tessera/tensor/ops/matmul";
import type { VjpTable } from "../define-vjps.ts";

/** The last two dims swapped. */
const flipped = (x: Tensor): Tensor => transpose(x, -2, -1);

/** All dims but the last joined into rows. */
const rows = (x: Tensor): Tensor => reshape(x, [numel(x.shape.slice(0, -1)), x.size(-1)]);

/** A B, plus what is already there. */
const product = (a: Tensor, b: Tensor, sum: Tensor | null): Tensor => (sum ? addmm(sum, a, b) : matmul(a, b));

interface Wanted {
  readonly needs: readonly (boolean | null)[];
  takeSum(this: void, input: number): Tensor | null;
}

/** Gradients of y = x Wᵀ + b: dx = dy W, dW = dyᵀ x, db = Σ dy. */
const linearGradients = (
  dy: Tensor,
  [x, weight]: readonly [Tensor, Tensor, Tensor | null],
  { needs, takeSum }: Wanted,
): [Tensor | null, Tensor | null, Tensor | null] => [
  // One vector is no matrix: nothing can be added to its product.
  needs[0] ? product(dy, weight, x.ndim > 1 ? takeSum(0) : null) : null,
  needs[1] ? product(flipped(rows(dy)), rows(x), takeSum(1)) : null,
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
  a: Tensor,
  b: Tensor,
  needs: readonly (boolean | null)[],
): [Tensor | null, Tensor | null] => [
  needs[0] ? matmul(dc, flipped(b)) : null,
  // One B for a whole batch: the sum over the batch is part of the product.
  needs[1] ? (b.ndim === 2 ? matmul(flipped(rows(a)), rows(dc)) : matmul(flipped(a), dc)) : null,
];

/** Gradients of the matrix products. */
export const matmulVjps: VjpTable<typeof family> = {
  // dA = dC Bᵀ, dB = Aᵀ dC; the tape sums over dims that were broadcast
  matmul: { saves: "inputs", vjp: ([dc], { inputs: [a, b], needs }) => matmulGradients(dc, a, b, needs) },
  // C = input + A B
  addmm: {
    saves: "inputs",
    unread: { inputs: [2] },
    vjp: ([dc], { inputs: [a, b], needs }) => [...matmulGradients(dc, a, b, needs), dc],
  },
  linear: {
    saves: "inputs",
    unread: { inputs: [2] },
    vjp: ([dy], saved) => linearGradients(dy, saved.inputs, saved),
  },
  activatedLinear: {
    saves: "both",
    unread: { outputs: [0] },
    vjp: ([dy], seen) => {
      const {
        inputs,
        outputs: [, saved],
        attrs: { activation },
      } = seen;
      // Second derivatives pass through the pre-activation, so an outer tape must see where it comes from.
      const taped = activeRecorders().some((recorder) => recorder.wants(inputs));
      const pre = taped ? linear(...inputs) : saved;
      return linearGradients(throughActivation(dy, pre, activation), inputs, seen);
    },
  },
};
