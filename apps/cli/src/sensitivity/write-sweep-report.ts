import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CommandError } from "../terminal/command-error.ts";
import { ROWS_FILE } from "./row-store.ts";

/** Writes the report of the rows in a folder into `out`: a page, pictures, a table. @returns the page's path, and what it draws */
export const writeSweepReport = async (
  folder: string,
  out: string,
  options: { command: string; left?: readonly { group: string; reason: string }[] },
): Promise<{ page: string; lines: readonly string[]; titles: string[] }> => {
  const { writeReport } = await import("../report/write-report.ts");
  const { createSweepReport } = await import("../sweep-report/sweep-report.ts");
  const { parseSweepRows } = await import("../sweep-report/sweep-row.ts");
  const source = join(folder, ROWS_FILE);
  const rows = parseSweepRows(await readFile(source), source);
  if (rows.length === 0) throw new CommandError(`${source}: expected measured rows, got none; run the sweep first`);
  const report = createSweepReport(rows, { source, ...options });
  const page = await writeReport(out, report, "rows.csv");
  return { page, lines: report.lines, titles: report.figures.map(({ title }) => title) };
};
