/** The grid of a mask, and between which columns a block may move; all, unless said otherwise. */
export interface ColumnFill {
  readonly rows: number;
  readonly cols: number;
  readonly sameGroup?: ((from: number, to: number) => boolean) | undefined;
}

/**
 * Gives each empty column of a mask one block, in the row that loses least by it: a block of a column that has several moves there, so rows
 * keep their numbers. A column that no block may move to stays empty. Changes the mask, and returns it.
 */
export const fillEmptyColumns = (
  mask: Uint8Array,
  scores: ArrayLike<number>,
  { rows, cols, sameGroup = () => true }: ColumnFill,
): Uint8Array => {
  const counts = new Int32Array(cols);
  for (let at = 0; at < mask.length; at++) counts[at % cols]! += mask[at]!;
  for (let col = 0; col < cols; col++) {
    if (counts[col] !== 0) continue;
    let best = { row: -1, from: -1, loss: Infinity };
    for (let row = 0; row < rows; row++)
      for (let from = 0; from < cols; from++) {
        if (!mask[row * cols + from] || counts[from]! < 2 || !sameGroup(from, col)) continue;
        const loss = scores[row * cols + from]! - scores[row * cols + col]!;
        // The difference of two infinities is no number: any block is as good as another then.
        if (best.row < 0 || loss < best.loss) best = { row, from, loss: Number.isNaN(loss) ? 0 : loss };
      }
    if (best.row < 0) continue;
    mask[best.row * cols + best.from] = 0;
    mask[best.row * cols + col] = 1;
    counts[best.from]!--;
    counts[col]!++;
  }
  return mask;
};
