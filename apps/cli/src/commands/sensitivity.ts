import { join } from "node:path";
import type { CriterionName } from "@tessera/sparse";
import { Option } from "commander";
import { createSubject } from "../sensitivity/create-subject.ts";
import { RowStore, type Conditions, type SensitivityRow } from "../sensitivity/row-store.ts";
import { runSweep, type SweepResult } from "../sensitivity/run-sweep.ts";
import { hashFile } from "../run-folder/hash-file.ts";
import { lockFolder } from "../run-folder/folder-lock.ts";
import { writeFileAtomic } from "../run-folder/write-file-atomic.ts";
import { CommandError } from "../terminal/command-error.ts";
import { formatPercent } from "../terminal/format.ts";
import { parsePattern, parseShares, parseWholeNumber } from "../terminal/parse-argument.ts";
import { formatTextTable, type TextColumn } from "../terminal/format-text-table.ts";
import { readConfig, WEIGHTS_FILE } from "../training/model-folder.ts";
import type { CommandDefinition } from "./command-definition.ts";
import {
  createBlockSizeOption,
  createCriterionOption,
  createLabelledTextOptions,
  createModelArgument,
  type LabelledTextOptions,
} from "./shared-options.ts";

interface SensitivityOptions extends LabelledTextOptions {
  text?: string;
  densities: number[];
  blockSize: number;
  criterion: CriterionName;
  recoverySteps: number;
  layers: RegExp;
  limit?: number;
}

export const sensitivityCommand: CommandDefinition<SensitivityOptions> = {
  name: "sensitivity",
  summary: "which layers can be sparse: every linear layer at every density, one at a time",
  writes: "always on",
  arguments: [createModelArgument()],
  options: [
    new Option("--densities <list>", "shares of the blocks to keep, with commas between")
      .argParser(parseShares)
      .default([0.75, 0.5, 0.25, 0.1], "0.75,0.5,0.25,0.1"),
    createBlockSizeOption(),
    createCriterionOption(),
    new Option("--recovery-steps <n>", "steps of training after each patch").argParser(parseWholeNumber(0)).default(0),
    new Option("--layers <regex>", "only layers whose name has this in it")
      .argParser(parsePattern)
      .default(/(?:)/, "all"),
    new Option("--limit <n>", "evaluate on the first n texts").argParser(parseWholeNumber(1)),
    ...createLabelledTextOptions().filter(({ long }) => long !== "--classes"),
    new Option("--text <file>", "texts for a masked language model, one a line"),
  ],
  examples: [
    "sensitivity runs/demo/models/dense",
    "sensitivity runs/finetune --densities 0.5,0.25 --recovery-steps 50 --layers intermediate",
  ],

  async run({ terminal, seed, device, out, stop }, options, folder) {
    const { densities, layers, blockSize, criterion, recoverySteps } = options;
    await readConfig(folder);
    const lock = await lockFolder(out);
    try {
      const subject = await createSubject(folder, options, { stop, seed });
      const model = await hashFile(join(folder, WEIGHTS_FILE));
      const conditions = {
        model,
        data: subject.data,
        blockSize,
        criterion,
        recoverySteps,
        seed,
        device,
      } satisfies Conditions;
      const rows = await RowStore.open(out, lock);
      const result = await runSweep({ subject, conditions, densities, layers, rows, terminal, stop });
      if (result.cells.length === 0) {
        const why = result.left.map(({ layer, reason }) => `${layer}: ${reason}`).join("; ");
        throw new CommandError(
          `sensitivity: expected a layer that can be patched, got none${why === "" ? "; see --layers" : `; ${why}`}`,
        );
      }
      const { renderSensitivityReport: sensitivityReport } = await import("../report/render-sensitivity-report.ts");
      const path = join(out, "report.html");
      const command = `tessera sensitivity ${folder}`;
      await writeFileAtomic(
        path,
        sensitivityReport({ model: folder, command, data: subject.data, recoverySteps, blockSize, ...result }),
      );
      terminal.printResult({ ...result, report: path }, [
        ...formatTable(result, densities),
        "",
        `Rows: ${join(out, "rows.jsonl")}`,
        `Report: ${path}`,
      ]);
    } finally {
      lock.release();
    }
  },
};

/** Makes a table with a row for each layer and a column for each density: the added loss and the accuracy. */
const formatTable = ({ dense, cells, left }: SweepResult, densities: readonly number[]): string[] => {
  const layers = [...new Set(cells.map(({ layer }) => layer))];
  const cellOf = (layer: string, density: number): SensitivityRow | undefined =>
    cells.find((cell) => cell.layer === layer && cell.density === density);
  const show = ({ loss, accuracy }: SensitivityRow): string => {
    const added = loss - dense.loss;
    return `${added < 0 ? "−" : "+"}${Math.abs(added).toFixed(3)}${accuracy === undefined ? "" : ` ${formatPercent(accuracy)}`}`;
  };
  const columns: TextColumn<string>[] = [
    { title: "layer", value: (layer) => layer },
    ...densities.map((density) => ({
      title: String(density),
      value: (layer: string) => {
        const cell = cellOf(layer, density);
        return cell ? show(cell) : "";
      },
      numeric: true,
    })),
  ];
  const accuracy = dense.accuracy === undefined ? "" : `, accuracy ${formatPercent(dense.accuracy)}`;
  return [
    `dense: loss ${dense.loss.toFixed(4)}${accuracy}; below, the loss added by each layer alone at each density`,
    "",
    ...formatTextTable(columns, layers),
    ...left.map(({ layer, reason }) => `left dense: ${layer}: ${reason}`),
  ];
};
