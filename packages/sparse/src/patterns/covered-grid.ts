import type { BlockLayout } from "../block-layout.ts";

/**
 * The blocks of a layer while some are dropped: no row and no column that had one loses its last.
 *
 * How few blocks can do that is a matter of pairs. A set of blocks of which no two share a row or column is a matching; as many blocks as there are
 * rows and columns, less the largest matching, cover them all, and no fewer do (Gallai). So a largest matching is kept up while blocks go.
 */
export class CoveredGrid {
  /** 1 where a block is, rows × columns. */
  readonly mask: Uint8Array;
  private readonly rows: number;
  private readonly cols: number;
  private readonly inRow: Int32Array;
  private readonly inCol: Int32Array;
  /** The column that a row is paired with, and the row that a column is; −1 for none. */
  private readonly colOf: Int32Array;
  private readonly rowOf: Int32Array;

  constructor(layout: BlockLayout) {
    const { rows, cols, crowIndices, ccolIndices } = layout;
    this.rows = rows;
    this.cols = cols;
    this.inRow = Int32Array.from({ length: rows }, (_, row) => crowIndices[row + 1]! - crowIndices[row]!);
    this.inCol = Int32Array.from({ length: cols }, (_, col) => ccolIndices[col + 1]! - ccolIndices[col]!);
    this.mask = layout.mask();
    this.colOf = new Int32Array(rows).fill(-1);
    this.rowOf = new Int32Array(cols).fill(-1);
    for (let row = 0; row < rows; row++) this.pair(row, new Uint8Array(cols));
  }

  /** The smallest number of blocks that leaves no row and no column empty, of those that had some. */
  get minBlocks(): number {
    const filled = (counts: Int32Array): number => counts.reduce((sum, count) => sum + Number(count > 0), 0);
    const pairs = this.colOf.reduce((sum, col) => sum + Number(col >= 0), 0);
    return filled(this.inRow) + filled(this.inCol) - pairs;
  }

  /**
   * Drops a block, unless it is the last of its row or column, or `minBlocks` would rise though it may not.
   *
   * @returns by how much `minBlocks` rose, or `null` when the block stays
   */
  drop(at: number, mayRise: boolean): 0 | 1 | null {
    const [row, col] = [Math.floor(at / this.cols), at % this.cols];
    if (this.inRow[row] === 1 || this.inCol[col] === 1) return null;
    this.mask[at] = 0;
    let rose: 0 | 1 = 0;
    if (this.colOf[row] === col) {
      this.colOf[row] = this.rowOf[col] = -1;
      if (!this.pairAnyRow()) {
        if (!mayRise) {
          this.mask[at] = 1;
          [this.colOf[row], this.rowOf[col]] = [col, row];
          return null;
        }
        rose = 1;
      }
    }
    this.inRow[row]!--;
    this.inCol[col]!--;
    return rose;
  }

  private pairAnyRow(): boolean {
    for (let row = 0; row < this.rows; row++)
      if (this.colOf[row]! < 0 && this.pair(row, new Uint8Array(this.cols))) return true;
    return false;
  }

  /** Finds a column for a row, where others move to other columns if need be: an augmenting path. */
  private pair(row: number, seen: Uint8Array): boolean {
    for (let col = 0; col < this.cols; col++) {
      if (!this.mask[row * this.cols + col] || seen[col]) continue;
      seen[col] = 1;
      if (this.rowOf[col]! >= 0 && !this.pair(this.rowOf[col]!, seen)) continue;
      this.rowOf[col] = row;
      this.colOf[row] = col;
      return true;
    }
    return false;
  }
}
