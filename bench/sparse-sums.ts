import type { BlockLayout } from "@tessera/sparse";
import { dot, type Expected } from "./check.ts";

/** The three products of a layer's training step: forward, input gradient, weight gradient. */
export const SPARSE_PRODUCTS = ["y = x Wᵀ", "dx = dy W", "dW = dyᵀ x"] as const;
export type SparseProduct = (typeof SPARSE_PRODUCTS)[number];

/** A layer with its tokens, on the host. */
export interface SparseProblem {
  readonly layout: BlockLayout;
  readonly tokens: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly x: Float32Array;
  readonly dy: Float32Array;
  /** The dense weight, 0 where no block is stored. */
  readonly masked: ArrayLike<number>;
}

/** What each entry of the three products is, by float64 sums over the masked weight. */
export const sparseSums = ({
  layout,
  tokens,
  inputs,
  outputs,
  x,
  dy,
  masked,
}: SparseProblem): { readonly [P in SparseProduct]: (at: number) => Expected } => {
  const { blockSize: b } = layout;
  const rowOfBlock = Array.from({ length: layout.blocks }, () => 0);
  layout.forEachBlock((row, _, block) => (rowOfBlock[block] = row));
  return {
    "y = x Wᵀ": (at) => {
      const [token, output] = [Math.floor(at / outputs), at % outputs];
      return dot(
        inputs,
        (p) => x[token * inputs + p]!,
        (p) => masked[output * inputs + p]!,
      );
    },
    "dx = dy W": (at) => {
      const [token, input] = [Math.floor(at / inputs), at % inputs];
      return dot(
        outputs,
        (p) => dy[token * outputs + p]!,
        (p) => masked[p * inputs + input]!,
      );
    },
    "dW = dyᵀ x": (at) => {
      const block = Math.floor(at / (b * b));
      const output = rowOfBlock[block]! * b + (Math.floor(at / b) % b);
      const input = layout.colIndices[block]! * b + (at % b);
      return dot(
        tokens,
        (p) => dy[p * outputs + output]!,
        (p) => x[p * inputs + input]!,
      );
    },
  };
};
