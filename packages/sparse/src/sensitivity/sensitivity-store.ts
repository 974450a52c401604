import type { SensitivityRow } from "./sensitivity-row.ts";

/**
 * Where rows are kept as they are measured: a file, a database, memory. A row of a cell that has one takes its place (times are added so), which an
 * append-only store gets by reading the last one.
 */
export interface SensitivityStore {
  rows(): Promise<readonly SensitivityRow[]> | readonly SensitivityRow[];
  /** What is thrown here ends the sweep: measuring what cannot be kept is of no use. */
  add(row: SensitivityRow): Promise<void> | void;
}

/**
 * A store in memory, for a page or a test.
 *
 * @example
 * const store = memoryStore();
 * await sensitivity({ …, store });
 * store.rows(); // what was measured
 */
export const memoryStore = (
  rows: Iterable<SensitivityRow> = [],
): { rows(): SensitivityRow[]; add(row: SensitivityRow): void } => {
  const kept = new Map([...rows].map((row) => [row.cell, row]));
  return { rows: () => [...kept.values()], add: (row) => void kept.set(row.cell, row) };
};
