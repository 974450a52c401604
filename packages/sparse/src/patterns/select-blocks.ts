import { ArgumentError } from "@tessera/tensor";
import { checkCount } from "@tessera/tensor/extend";
import { fillEmptyColumns } from "./fill-empty-columns.ts";
import { checkScores, ranked } from "./ranked.ts";

/** The grid, how many blocks to take, and whether every row takes the same number (±1). */
export interface Selection {
  readonly rows: number;
  readonly cols: number;
  /** At least max(rows, cols), so that no row and no column stays empty. */
  readonly blocks: number;
  readonly balanced?: boolean | undefined;
}

/**
 * The mask of the blocks to keep, by score: first the best block of each empty row and column, then the best of the rest.
 * Where `blocks` is too small for every best one, blocks that fill a row and a column at once go first. With `balanced`, each
 * row keeps its own best ones, as many as every other row (±1). Equal scores go by position.
 *
 * @param scores `[rows, cols]` in row-major order; higher is kept
 * @returns the same shape, 1 where a block is kept
 * @throws ArgumentError when a score is not a number, or `blocks` does not fit the grid.
 * @example
 * selectBlocks([5, 4, 3, 9], { rows: 2, cols: 2, blocks: 2 }); // [1, 0, 0, 1]
 */
export const selectBlocks = (
  scores: ArrayLike<number>,
  { rows, cols, blocks, balanced = false }: Selection,
): Uint8Array => {
  checkCount("selectBlocks", "rows", rows, 1);
  checkCount("selectBlocks", "cols", cols, 1);
  checkScores("selectBlocks", scores, rows, cols);
  if (!Number.isInteger(blocks) || blocks < Math.max(rows, cols) || blocks > rows * cols)
    throw new ArgumentError(
      `selectBlocks: blocks is a whole number from ${Math.max(rows, cols)} (one for each row and column) to ${rows * cols}, got ${blocks}`,
    );
  return balanced ? bestOfEachRow(scores, rows, cols, blocks) : bestOfAll(scores, rows, cols, blocks);
};

const bestOfAll = (scores: ArrayLike<number>, rows: number, cols: number, blocks: number): Uint8Array => {
  const order = ranked(scores);
  const mask = new Uint8Array(rows * cols);
  const rowFull = new Uint8Array(rows);
  const colFull = new Uint8Array(cols);
  let [emptyRows, emptyCols, left] = [rows, cols, blocks];
  for (const at of order) {
    const [row, col] = [Math.floor(at / cols), at % cols];
    const rowsAfter = emptyRows - (rowFull[row] ? 0 : 1);
    const colsAfter = emptyCols - (colFull[col] ? 0 : 1);
    if (rowsAfter === emptyRows && colsAfter === emptyCols) continue;
    // max(rowsAfter, colsAfter) blocks can fill what is still empty after this one; no fewer can.
    if (left - 1 < Math.max(rowsAfter, colsAfter)) continue;
    mask[at] = rowFull[row] = colFull[col] = 1;
    [emptyRows, emptyCols, left] = [rowsAfter, colsAfter, left - 1];
  }
  for (const at of order) {
    if (left === 0) break;
    if (mask[at]) continue;
    mask[at] = 1;
    left--;
  }
  return mask;
};

const bestOfEachRow = (scores: ArrayLike<number>, rows: number, cols: number, blocks: number): Uint8Array => {
  const mask = new Uint8Array(rows * cols);
  const minPerRow = Math.floor(blocks / rows);
  const byRow = Array.from({ length: rows }, (_, row) =>
    ranked(Array.from({ length: cols }, (_, col) => scores[row * cols + col]!)),
  );
  // The blocks left over go to the rows whose next block scores highest; with none left over no row has a next one to give.
  const next = byRow.map((order, row) => (minPerRow < cols ? scores[row * cols + order[minPerRow]!]! : 0));
  const generous = new Set(ranked(next).slice(0, blocks % rows));
  for (const [row, order] of byRow.entries())
    for (const col of order.slice(0, minPerRow + (generous.has(row) ? 1 : 0))) mask[row * cols + col] = 1;
  // There are at least as many blocks as columns, so one can always be spared.
  return fillEmptyColumns(mask, scores, { rows, cols });
};
