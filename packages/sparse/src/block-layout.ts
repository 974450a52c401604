import { ArgumentError } from "@tessera/tensor";
import { checkCount, checkSeed, inspectCustom } from "@tessera/tensor/extend";
import { balancedMask } from "./patterns/balanced-mask.ts";
import { blockCount } from "./patterns/block-count.ts";

/** Where blocks lie, compressed by rows; PyTorch's names for its BSR layout. */
export interface BlockIndices {
  /** Rows of blocks, R. */
  readonly rows: number;
  /** Columns of blocks, C. */
  readonly cols: number;
  /** Rows and columns of one block: a multiple of 4 from 4 to 64. */
  readonly blockSize: number;
  /** Row r has the blocks from `crowIndices[r]` up to `crowIndices[r + 1]`. R + 1 numbers. */
  readonly crowIndices: ArrayLike<number>;
  /** The column of each block, rising within a row. */
  readonly colIndices: ArrayLike<number>;
}

/** What `BlockLayout.balanced` needs to know. */
export interface BalancedOptions {
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly blockSize: number;
  /** The share of blocks to have, from 0 to 1. */
  readonly density: number;
  readonly seed?: number | undefined;
}

/** Throws unless a block of this size exists. */
export const checkBlockSize = (op: string, blockSize: number): void => {
  if (!Number.isInteger(blockSize) || blockSize % 4 !== 0 || blockSize < 4 || blockSize > 64)
    throw new ArgumentError(`${op}: a block size is a multiple of 4 from 4 to 64, got ${blockSize}`);
};

/** Throws unless it is a share. */
export const checkDensity = (op: string, density: number): void => {
  if (!(density >= 0 && density <= 1)) throw new ArgumentError(`${op}: a density lies from 0 to 1, got ${density}`);
};

/**
 * Which blocks of a matrix are stored: immutable, on the host, without any values. It holds the index by rows, which the
 * forward product walks, and the same index by columns, which the input gradient walks.
 *
 * @example
 * const layout = BlockLayout.balanced({ outFeatures: 512, inFeatures: 128, blockSize: 32, density: 0.25, seed: 1 });
 * layout.density; // 0.25
 * console.log(String(layout)); // a mosaic
 */
export class BlockLayout implements BlockIndices {
  readonly rows: number;
  readonly cols: number;
  readonly blockSize: number;
  readonly crowIndices: Int32Array;
  readonly colIndices: Int32Array;
  /** Column c has the blocks from `ccolIndices[c]` up to `ccolIndices[c + 1]` of the two lists below. C + 1 numbers. */
  readonly ccolIndices: Int32Array;
  /** The row of each block, by columns. */
  readonly rowIndices: Int32Array;
  /** Where each block of the list by columns stands in the list by rows, which is the order of the values. */
  readonly blockPermutation: Int32Array;

  /** @throws ArgumentError when the indices do not describe a layout. */
  constructor({ rows, cols, blockSize, crowIndices, colIndices }: BlockIndices) {
    checkCount("BlockLayout", "rows", rows, 1);
    checkCount("BlockLayout", "cols", cols, 1);
    checkBlockSize("BlockLayout", blockSize);
    this.rows = rows;
    this.cols = cols;
    this.blockSize = blockSize;
    checkIndices({ rows, cols, blockSize, crowIndices, colIndices });
    this.crowIndices = Int32Array.from(crowIndices);
    this.colIndices = Int32Array.from(colIndices);
    ({
      ccolIndices: this.ccolIndices,
      rowIndices: this.rowIndices,
      blockPermutation: this.blockPermutation,
    } = transposedIndex(this));
  }

  /**
   * The layout of a mask of blocks, `[rows, cols]`: nested arrays or a flat one in row-major order. Empty rows and columns, and
   * no block at all, are allowed.
   *
   * @throws ArgumentError when the mask does not have that shape, or has values other than 0, 1, false and true.
   * @example
   * BlockLayout.fromMask([[1, 0], [0, 1]], 2, 2, 32).blocks; // 2
   */
  static fromMask(mask: BlockMask, rows: number, cols: number, blockSize: number): BlockLayout {
    checkCount("BlockLayout", "rows", rows, 1);
    checkCount("BlockLayout", "cols", cols, 1);
    const kept = flatMask(mask, rows, cols);
    const crowIndices = [0];
    const colIndices: number[] = [];
    for (let row = 0; row < rows; row++) {
      for (let col = 0; col < cols; col++) if (kept[row * cols + col]) colIndices.push(col);
      crowIndices.push(colIndices.length);
    }
    return new BlockLayout({ rows, cols, blockSize, crowIndices, colIndices });
  }

  /** A layout with every block. */
  static dense(rows: number, cols: number, blockSize: number): BlockLayout {
    checkCount("BlockLayout", "rows", rows, 1);
    checkCount("BlockLayout", "cols", cols, 1);
    return BlockLayout.fromMask(new Uint8Array(rows * cols).fill(1), rows, cols, blockSize);
  }

  /**
   * A random layout in which every row and column has a block, and rows (columns too) differ by at most one block. It has
   * max(R, C, round(density · R · C)) blocks: look at `density` for what came of it.
   *
   * @throws ArgumentError when a size, the density or the seed is outside its domain.
   */
  static balanced({ outFeatures, inFeatures, blockSize, density, seed = 0 }: BalancedOptions): BlockLayout {
    const { rows, cols } = blockGrid("BlockLayout.balanced", [outFeatures, inFeatures], blockSize);
    checkDensity("BlockLayout.balanced", density);
    checkSeed("BlockLayout.balanced", seed);
    return BlockLayout.fromMask(balancedMask(rows, cols, blockCount(rows, cols, density), seed), rows, cols, blockSize);
  }

  /** How many blocks are stored. */
  get blocks(): number {
    return this.colIndices.length;
  }

  /** The share of blocks that is stored. */
  get density(): number {
    return this.blocks / (this.rows * this.cols);
  }

  /** Multiply-adds of one product (forward, input gradient or weight gradient) with `tokens` tokens: blocks · b² · tokens. */
  multiplyAdds(tokens: number): number {
    return this.blocks * this.blockSize ** 2 * tokens;
  }

  /** Rows of blocks without any: their outputs are the bias alone. */
  deadRows(): number[] {
    return emptyRanges(this.crowIndices);
  }

  /** Columns of blocks without any: these inputs are not looked at. */
  deadColumns(): number[] {
    return emptyRanges(this.ccolIndices);
  }

  /** 1 where a block is, `[rows, cols]` in row-major order. */
  mask(): Uint8Array {
    const mask = new Uint8Array(this.rows * this.cols);
    this.forEachBlock((row, col) => {
      mask[row * this.cols + col] = 1;
    });
    return mask;
  }

  /** Visits the blocks in the order of the values. */
  forEachBlock(visit: (row: number, col: number, block: number) => void): void {
    for (let row = 0; row < this.rows; row++)
      for (let block = this.crowIndices[row]!; block < this.crowIndices[row + 1]!; block++)
        visit(row, this.colIndices[block]!, block);
  }

  /** Whether the same blocks of the same grid are stored. */
  equals(other: BlockLayout): boolean {
    return (
      this.rows === other.rows &&
      this.cols === other.cols &&
      this.blockSize === other.blockSize &&
      this.blocks === other.blocks &&
      this.crowIndices.every((start, row) => start === other.crowIndices[row]) &&
      this.colIndices.every((col, block) => col === other.colIndices[block])
    );
  }

  /** One line of numbers, and a mosaic: each character is two blocks, one above the other. */
  toString(): string {
    const { rows, cols, blockSize, blocks } = this;
    const title = `BlockLayout: ${rows} × ${cols} blocks of ${blockSize} × ${blockSize}, ${blocks} stored, density ${showDensity(this.density)}`;
    const mask = this.mask();
    const lines: string[] = [];
    for (let row = 0; row < rows; row += 2)
      lines.push(
        Array.from(
          { length: cols },
          (_, col) => "·▀▄█"[mask[row * cols + col]! + 2 * (mask[(row + 1) * cols + col] ?? 0)],
        ).join(""),
      );
    return [title, ...lines].join("\n");
  }

  [inspectCustom](): string {
    return this.toString();
  }
}

/** A mask of blocks: nested arrays `[rows][cols]`, or a flat array in row-major order. */
export type BlockMask = Uint8Array | readonly (readonly (number | boolean)[])[];

/** A density, rounded for display. */
export const showDensity = (density: number): string => `${Number(density.toFixed(4))}`;

/** The grid that covers a matrix; blocks at the edges may stick out. @throws ArgumentError when a size is outside its domain. */
export const blockGrid = (
  op: string,
  [outFeatures, inFeatures]: readonly [number, number],
  blockSize: number,
): { rows: number; cols: number } => {
  checkCount(op, "outFeatures", outFeatures, 1);
  checkCount(op, "inFeatures", inFeatures, 1);
  checkBlockSize(op, blockSize);
  return { rows: Math.ceil(outFeatures / blockSize), cols: Math.ceil(inFeatures / blockSize) };
};

/** Where each block of the next layout is in the values of this one; −1 for those that it does not have. */
export const sourcesOf = (layout: BlockLayout, next: BlockLayout): Int32Array => {
  const places = new Map<number, number>();
  layout.forEachBlock((row, col, block) => places.set(row * layout.cols + col, block));
  const sources = new Int32Array(next.blocks);
  next.forEachBlock((row, col, block) => {
    sources[block] = places.get(row * next.cols + col) ?? -1;
  });
  return sources;
};

const flatMask = (mask: BlockMask, rows: number, cols: number): Uint8Array => {
  const refuse = (what: string): never => {
    throw new ArgumentError(
      `BlockLayout.fromMask: expected a mask of ${rows} rows and ${cols} columns of 0 and 1, got ${what}`,
    );
  };
  const flat = new Uint8Array(rows * cols);
  const take = (value: number | boolean, at: number): void => {
    if (value !== 0 && value !== 1 && typeof value !== "boolean") refuse(`the value ${value}`);
    flat[at] = Number(value);
  };
  if (mask instanceof Uint8Array) {
    if (mask.length !== rows * cols) refuse(`${mask.length} values`);
    mask.forEach(take);
  } else {
    if (mask.length !== rows) refuse(`${mask.length} rows`);
    for (const [row, line] of mask.entries()) {
      if (line.length !== cols) refuse(`${line.length} columns in row ${row}`);
      for (const [col, value] of line.entries()) take(value, row * cols + col);
    }
  }
  return flat;
};

const checkIndices = ({ rows, cols, crowIndices, colIndices }: BlockIndices): void => {
  const refuse = (what: string): never => {
    throw new ArgumentError(`BlockLayout: ${what}`);
  };
  const blocks = colIndices.length;
  if (crowIndices.length !== rows + 1)
    refuse(`crowIndices has rows + 1 = ${rows + 1} numbers, got ${crowIndices.length}`);
  if (crowIndices[0] !== 0) refuse(`crowIndices starts at 0, got ${crowIndices[0]}`);
  if (crowIndices[rows] !== blocks)
    refuse(`crowIndices ends at the number of blocks, ${blocks}, got ${crowIndices[rows]}`);
  for (let row = 0; row < rows; row++) {
    const [start, end] = [crowIndices[row]!, crowIndices[row + 1]!];
    if (!Number.isInteger(end) || end < start || end > blocks)
      refuse(`crowIndices never falls and stays within ${blocks}, got ${start} then ${end} at row ${row}`);
    for (let block = start; block < end; block++) {
      const col = colIndices[block]!;
      if (!Number.isInteger(col) || col < 0 || col >= cols)
        refuse(`block columns lie from 0 to ${cols - 1}, got ${col} in row ${row}`);
      if (block > start && col <= colIndices[block - 1]!)
        refuse(
          `block columns rise within a row, got ${colIndices[block - 1]} then ${col} in row ${row}; sort them, and store no block twice`,
        );
    }
  }
};

/** Counting sort by column: within a column, rows rise. */
const transposedIndex = ({ rows, cols, crowIndices, colIndices }: BlockLayout) => {
  const ccolIndices = new Int32Array(cols + 1);
  for (const col of colIndices) ccolIndices[col + 1]!++;
  for (let col = 0; col < cols; col++) ccolIndices[col + 1]! += ccolIndices[col]!;
  const next = ccolIndices.slice();
  const rowIndices = new Int32Array(colIndices.length);
  const blockPermutation = new Int32Array(colIndices.length);
  for (let row = 0; row < rows; row++)
    for (let block = crowIndices[row]!; block < crowIndices[row + 1]!; block++) {
      const at = next[colIndices[block]!]!++;
      rowIndices[at] = row;
      blockPermutation[at] = block;
    }
  return { ccolIndices, rowIndices, blockPermutation };
};

const emptyRanges = (starts: Int32Array): number[] => {
  const empty: number[] = [];
  for (let i = 0; i + 1 < starts.length; i++) if (starts[i] === starts[i + 1]) empty.push(i);
  return empty;
};
