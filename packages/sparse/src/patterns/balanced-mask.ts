import { LayoutRandom } from "../layout-random.ts";

/**
 * A random mask of `blocks` ones in which rows differ by at most one, and so do columns: no unit of a layer is dead, and
 * the work of a product splits evenly.
 *
 * Rows come in random order, and each takes the columns that have the fewest blocks so far, ties broken at random. Columns
 * then never differ by more than one: those taken are the lowest, and they rise by one.
 *
 * @param blocks from max(rows, cols) to rows · cols
 * @returns `[rows, cols]` in row-major order, 1 where a block is
 */
export const balancedMask = (rows: number, cols: number, blocks: number, seed: number): Uint8Array => {
  const random = new LayoutRandom(seed);
  const mask = new Uint8Array(rows * cols);
  const counts = new Int32Array(cols);
  const minPerRow = Math.floor(blocks / rows);
  const more = blocks % rows;
  for (const [turn, row] of random.permutation(rows).entries()) {
    const lowestFirst = random.permutation(cols).sort((a, b) => counts[a]! - counts[b]!);
    for (const col of lowestFirst.slice(0, minPerRow + (turn < more ? 1 : 0))) {
      mask[row * cols + col] = 1;
      counts[col]!++;
    }
  }
  return mask;
};
