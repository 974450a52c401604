/**
 * How many blocks a layer keeps: max(R, C, round(density · R · C)), so that no row and no column need be empty. On a small
 * grid that floor lies above the density asked for; whoever prints a density prints the realised one.
 */
export const blockCount = (rows: number, cols: number, density: number): number =>
  Math.max(rows, cols, Math.round(density * rows * cols));
