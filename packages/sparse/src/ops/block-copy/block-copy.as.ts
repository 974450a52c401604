/**
 * Between a dense matrix and its stored blocks.
 *
 *   values[n][i, j] = dense[row(n)·b + i, col(n)·b + j]       dense [outputs, inputs], values [blocks, b, b], both contiguous
 *
 * A task copies one row of blocks, b rows of the matrix; row r has the blocks crow[r] ≤ n < crow[r + 1]. crow is where `blockIndex` begins, and
 * col `colIndices` numbers further on. Blocks at the lower and right edges may stick out: what lies outside is 0 in the values, and not
 * written in the matrix. No arithmetic: bits stay.
 */

/** dense [outputs, inputs] to values. */
export function gather_blocks_f32(
  task: i32, dense: usize, blockIndex: usize, values: usize, colIndices: i32, outputs: i32, inputs: i32, b: i32,
): void {
  const rowOfBlocks = blockIndex + (<usize>task << 2);
  const col = blockIndex + (<usize>colIndices << 2);
  const end = load<i32>(rowOfBlocks, 4);
  const height = min(b, outputs - task * b);
  const line = <usize>b << 2;
  for (let n = load<i32>(rowOfBlocks); n < end; n++) {
    const column = load<i32>(col + (<usize>n << 2)) * b;
    const width = <usize>min(b, inputs - column) << 2;
    let to = values + <usize>n * <usize>b * line;
    let from = dense + ((<usize>(task * b) * <usize>inputs + <usize>column) << 2);
    for (let i = 0; i < height; i++) {
      memory.copy(to, from, width);
      memory.fill(to + width, 0, line - width);
      to += line;
      from += <usize>inputs << 2;
    }
    memory.fill(to, 0, <usize>(b - height) * line);
  }
}

/** values to dense [outputs, inputs], 0 where no block is. */
export function scatter_blocks_f32(
  task: i32, values: usize, blockIndex: usize, dense: usize, colIndices: i32, outputs: i32, inputs: i32, b: i32,
): void {
  const rowOfBlocks = blockIndex + (<usize>task << 2);
  const col = blockIndex + (<usize>colIndices << 2);
  const end = load<i32>(rowOfBlocks, 4);
  const height = min(b, outputs - task * b);
  const line = <usize>b << 2;
  const row = dense + ((<usize>(task * b) * <usize>inputs) << 2);
  memory.fill(row, 0, (<usize>height * <usize>inputs) << 2);
  for (let n = load<i32>(rowOfBlocks); n < end; n++) {
    const column = load<i32>(col + (<usize>n << 2)) * b;
    const width = <usize>min(b, inputs - column) << 2;
    let from = values + <usize>n * <usize>b * line;
    let to = row + (<usize>column << 2);
    for (let i = 0; i < height; i++) {
      memory.copy(to, from, width);
      from += line;
      to += <usize>inputs << 2;
    }
  }
}
