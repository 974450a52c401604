import { diagonalMask, fillInOrder, fromDiagonal } from "./fill-in-order.ts";
import type { LayoutRule } from "./layout-rule.ts";

/**
 * A flat butterfly: the diagonal, then the blocks at distance 1, 2, 4, … of a fast Fourier transform, [i, i ⊕ 2ᵏ], as far as the density goes, so
 * that a few layers join every input with every output. Grids that are no square of a power of two are stretched ones. What is left beyond a
 * whole butterfly, (1 + log₂ n)/n of a square, lies nearest to the diagonal.
 *
 * {@link https://arxiv.org/abs/2112.00029 Chen et al. 2022} (Pixelated Butterfly)
 */
export const butterfly = (): LayoutRule => ({
  name: "butterfly",
  mask: (request) => {
    const { rows, cols } = request;
    const n = 2 ** Math.floor(Math.log2(Math.min(rows, cols)));
    const first = diagonalMask(request);
    return fillInOrder(request, (row, col) => [
      first[row * cols + col] ? 0 : 1,
      strideOf(Math.floor((row * n) / rows) ^ Math.floor((col * n) / cols)),
      fromDiagonal(request, row, col),
    ]);
  },
});

/** The stride that joins two places, 0 for one place; what no single stride joins comes last. */
const strideOf = (difference: number): number => ((difference & (difference - 1)) === 0 ? difference : Infinity);
