import { Argument } from "commander";
import { formatCommandLine } from "../run-folder/command-line.ts";
import { UsageError } from "../terminal/command-error.ts";
import type { CommandDefinition } from "./command-definition.ts";

export const compareCommand: CommandDefinition = {
  name: "compare",
  summary: "trainings side by side: curves and scores, with intervals over runs that differ in the seed alone",
  writes: "anew each time",
  arguments: [new Argument("<runs...>", "folders of pretrain or finetune runs")],
  examples: [
    "compare runs/dense runs/sparse --out runs/compare",
    "compare runs/seed0 runs/seed1 runs/rigl0 runs/rigl1",
  ],

  async run({ terminal, out, words }, _options, ...folders) {
    if (folders.length < 2) throw new UsageError(`compare: expected two runs or more, got ${folders.length}`);
    const { readRun } = await import("../run-report/read-run.ts");
    const { createCompareReport } = await import("../run-report/compare-report.ts");
    const { writeReport } = await import("../report/write-report.ts");
    const runs = await Promise.all(folders.map(readRun));
    const report = createCompareReport(runs, formatCommandLine(words));
    const page = await writeReport(out, report, "runs.csv");
    terminal.printResult(
      { report: page, runs: runs.map(({ folder, settings, result }) => ({ folder, settings, result })) },
      [...report.lines, `Report: ${page}`],
    );
  },
};
