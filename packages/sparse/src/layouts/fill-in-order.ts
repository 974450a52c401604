import type { LayoutRequest } from "./layout-rule.ts";

/** The mask of the `blocks` places that come first by some numbers, compared one after the other; equal ones go by position. */
export const fillInOrder = (
  { rows, cols, blocks }: Pick<LayoutRequest, "rows" | "cols" | "blocks">,
  rank: (row: number, col: number) => readonly number[],
): Uint8Array => {
  const ranks = Array.from({ length: rows * cols }, (_, at) => rank(Math.floor(at / cols), at % cols));
  const order = ranks.map((_, at) => at);
  order.sort((a, b) => {
    for (const [i, one] of ranks[a]!.entries()) if (one !== ranks[b]![i]) return one - ranks[b]![i]!;
    return a - b;
  });
  const mask = new Uint8Array(rows * cols);
  for (const at of order.slice(0, blocks)) mask[at] = 1;
  return mask;
};

/** How far a block lies from the diagonal of its grid, which is stretched to the corners: from 0 to 1. Whole numbers until the end, so that mirrored blocks tie. */
export const fromDiagonal = ({ rows, cols }: Pick<LayoutRequest, "rows" | "cols">, row: number, col: number): number =>
  Math.abs((2 * row + 1) * cols - (2 * col + 1) * rows) / (2 * rows * cols);

/** The blocks nearest to the diagonal, one for each row or column: together they leave none empty. */
export const diagonalMask = ({ rows, cols }: Pick<LayoutRequest, "rows" | "cols">): Uint8Array =>
  fillInOrder({ rows, cols, blocks: Math.max(rows, cols) }, (row, col) => [fromDiagonal({ rows, cols }, row, col)]);
