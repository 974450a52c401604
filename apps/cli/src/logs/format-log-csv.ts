import type { LogEntry } from "@tessera/models/training";
import { formatCsv } from "./format-csv.ts";
import { scalarsOf } from "./log-entries.ts";

/** Writes a log as CSV: a line for each step that has a number, a column for each number, densities of single layers left out. */
export const formatLogCsv = (entries: readonly LogEntry[]): string => {
  const scalars = scalarsOf(entries).filter(({ tag }) => !tag.startsWith("sparsity/density/"));
  const tags = [...new Set(scalars.map(({ tag }) => tag))];
  const rows = new Map<number, Map<string, number>>();
  for (const { step, tag, value } of scalars) {
    if (!rows.has(step)) rows.set(step, new Map());
    rows.get(step)!.set(tag, value);
  }
  return formatCsv(
    ["step", ...tags],
    [...rows].toSorted(([a], [b]) => a - b).map(([step, row]) => [step, ...tags.map((tag) => row.get(tag))]),
  );
};
