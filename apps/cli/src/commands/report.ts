import { openFolder } from "@tessera/models";
import { Argument } from "commander";
import { formatCommandLine } from "../run-folder/command-line.ts";
import { STATE_FILE } from "../run-folder/run-state.ts";
import { ROWS_FILE } from "../sensitivity/row-store.ts";
import { writeSweepReport } from "../sensitivity/write-sweep-report.ts";
import { CommandError } from "../terminal/command-error.ts";
import type { CommandDefinition } from "./command-definition.ts";

export const reportCommand: CommandDefinition = {
  name: "report",
  summary: "the results of a sweep or a training as a page, pictures, CSV and Markdown",
  writes: "anew each time",
  arguments: [new Argument("<folder>", "folder of a sensitivity sweep, or of a pretrain or finetune run")],
  examples: ["report runs/sensitivity", "report runs/finetune --out reports/finetune"],

  async run({ terminal, out, words }, _options, folder) {
    const store = await openFolder(folder);
    const command = formatCommandLine(words);
    if (await store.exists(ROWS_FILE)) {
      const { page, lines, titles } = await writeSweepReport(folder, out, { command });
      terminal.printResult({ report: page, figures: titles }, [...lines, `Report: ${page}`]);
      return;
    }
    if (!(await store.exists(STATE_FILE)))
      throw new CommandError(
        `report: expected a folder with ${ROWS_FILE} or ${STATE_FILE}, got ${folder}, which has neither; give that of a sweep or of a run`,
      );
    const { writeReport } = await import("../report/write-report.ts");
    const { readRun } = await import("../run-report/read-run.ts");
    const { createRunReport } = await import("../run-report/run-report.ts");
    const report = createRunReport(await readRun(folder));
    const page = await writeReport(out, report, "log.csv");
    terminal.printResult({ report: page, figures: report.figures.map(({ title }) => title) }, [
      ...report.lines,
      `Report: ${page}`,
    ]);
  },
};
