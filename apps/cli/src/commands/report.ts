import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openFolder } from "@tessera/models";
import { Argument } from "commander";
import { formatCommandLine } from "../run-folder/command-line.ts";
import { STATE_FILE } from "../run-folder/run-state.ts";
import { CommandError } from "../terminal/command-error.ts";
import type { CommandDefinition } from "./command-definition.ts";

const ROWS_FILE = "rows.jsonl";

export const reportCommand: CommandDefinition = {
  name: "report",
  summary: "the results of a sweep or a training as a page, pictures, CSV and Markdown",
  writes: "anew each time",
  arguments: [new Argument("<folder>", "folder of a sensitivity sweep, or of a pretrain or finetune run")],
  examples: ["report runs/sensitivity", "report runs/finetune --out reports/finetune"],

  async run({ terminal, out, words }, _options, folder) {
    const store = await openFolder(folder);
    const command = formatCommandLine(words);
    const { writeReport } = await import("../report/write-report.ts");
    const { report, table } = await (async () => {
      if (await store.exists(ROWS_FILE)) {
        const { parseSweepRows } = await import("../sweep-report/sweep-row.ts");
        const { createSweepReport } = await import("../sweep-report/sweep-report.ts");
        const place = join(folder, ROWS_FILE);
        const rows = parseSweepRows(await readFile(place), place);
        if (rows.length === 0)
          throw new CommandError(`${place}: expected measured rows, got none; run the sweep first`);
        return { report: createSweepReport(rows, { source: place, command }), table: "rows.csv" };
      }
      if (await store.exists(STATE_FILE)) {
        const { readRun } = await import("../run-report/read-run.ts");
        const { createRunReport } = await import("../run-report/run-report.ts");
        return { report: createRunReport(await readRun(folder)), table: "log.csv" };
      }
      throw new CommandError(
        `report: expected a folder with ${ROWS_FILE} or ${STATE_FILE}, got ${folder}, which has neither; give that of a sweep or of a run`,
      );
    })();
    const page = await writeReport(out, report, table);
    terminal.printResult({ report: page, figures: report.figures.map(({ title }) => title) }, [
      ...report.lines,
      `Report: ${page}`,
    ]);
  },
};
