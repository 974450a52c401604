import { formatCommandLine } from "../run-folder/command-line.ts";
import { join } from "node:path";
import { Argument } from "commander";
import { lockFolder } from "../run-folder/folder-lock.ts";
import { findParts, mergeRows } from "../sensitivity/merge-rows.ts";
import { RowStore, ROWS_FILE } from "../sensitivity/row-store.ts";
import { noteSweepSettings, readSweepSettings } from "../sensitivity/sweep-folder.ts";
import { writeSweepReport } from "../sensitivity/write-sweep-report.ts";
import { formatCount } from "../terminal/format.ts";
import type { CommandDefinition } from "./command-definition.ts";

export const mergeCommand: CommandDefinition = {
  name: "merge",
  summary: "put the parts of a sensitivity sweep together",
  writes: "always on",
  arguments: [new Argument("<folders...>", "folders of sensitivity, with shards or without")],
  examples: ["merge runs/sensitivity --out runs/sensitivity", "merge machine1/sweep machine2/sweep --out runs/whole"],

  async run({ terminal, out, words }, _options, ...given) {
    const folders = given.flat();
    const parts = await findParts(folders);
    const rows = await mergeRows(parts);
    // Of several command lines none is that of the whole.
    const { commandLine: _, ...settings } = await readSweepSettings(parts[0]!);
    const lock = await lockFolder(out);
    try {
      await noteSweepSettings(out, settings);
      const store = await RowStore.open(out, lock);
      const known = new Map(store.rows().map((row) => [row.cell, JSON.stringify(row)]));
      for (const row of rows) if (known.get(row.cell) !== JSON.stringify(row)) await store.add(row);
      const { page: report, lines } = await writeSweepReport(out, out, { command: formatCommandLine(words) });
      terminal.printResult({ rows, parts, report }, [
        ...lines,
        `${formatCount(rows.length)} rows of ${parts.length} folders: ${join(out, ROWS_FILE)}`,
        `Report: ${report}`,
      ]);
    } finally {
      lock.release();
    }
  },
};
