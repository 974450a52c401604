import { ArgumentError } from "@tessera/tensor";
import { diagonalMask, fillInOrder, fromDiagonal } from "./fill-in-order.ts";
import type { LayoutRule } from "./layout-rule.ts";

/**
 * A band around the diagonal, and whole rows and columns of blocks at the beginning, through which everything sees everything in two
 * layers. One block for each row and column comes first, then what is global, then the band as wide as the density goes.
 *
 * {@link https://arxiv.org/abs/1904.10509 Child et al. 2019}, {@link https://arxiv.org/abs/2004.05150 Beltagy et al. 2020}
 *
 * @param options `globals`: how many rows, and how many columns, of blocks are whole; 1 unless said otherwise
 * @throws ArgumentError unless that is a whole number from 0 up.
 */
export const localGlobal = ({ globals = 1 }: { readonly globals?: number | undefined } = {}): LayoutRule => {
  if (!Number.isInteger(globals) || globals < 0)
    throw new ArgumentError(`localGlobal: expected a whole number of rows and columns from 0 up, got ${globals}`);
  return {
    name: "localGlobal",
    mask: (request) => {
      const { cols } = request;
      const first = diagonalMask(request);
      return fillInOrder(request, (row, col) => [
        first[row * cols + col] ? 0 : row < globals || col < globals ? 1 : 2,
        fromDiagonal(request, row, col),
      ]);
    },
  };
};
