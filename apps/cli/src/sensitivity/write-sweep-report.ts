import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CommandError } from "../terminal/command-error.ts";
import { ROWS_FILE } from "./row-store.ts";

interface SweepReportOptions {
  readonly command: string;
  readonly left?: readonly { group: string; reason: string }[];
}

/** Makes the report of the rows in a folder. @throws {CommandError} if there are none */
const makeReport = async (folder: string, options: SweepReportOptions) => {
  const { createSweepReport } = await import("../sweep-report/sweep-report.ts");
  const { parseSweepRows } = await import("../sweep-report/sweep-row.ts");
  const source = join(folder, ROWS_FILE);
  const rows = parseSweepRows(await readFile(source), source);
  if (rows.length === 0) throw new CommandError(`${source}: expected measured rows, got none; run the sweep first`);
  return createSweepReport(rows, { source, ...options });
};

/** The tables of the rows in a folder, for a terminal. */
export const readSweepLines = async (folder: string, options: SweepReportOptions): Promise<readonly string[]> =>
  (await makeReport(folder, options)).lines;

/** Writes the report of the rows in a folder into `out`: a page, pictures, a table. @returns the page's path, and what it draws */
export const writeSweepReport = async (
  folder: string,
  out: string,
  options: SweepReportOptions,
): Promise<{ page: string; lines: readonly string[]; titles: string[] }> => {
  const { writeReport } = await import("../report/write-report.ts");
  const report = await makeReport(folder, options);
  const page = await writeReport(out, report, "rows.csv");
  return { page, lines: report.lines, titles: report.figures.map(({ title }) => title) };
};
