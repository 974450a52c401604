import { join } from "node:path";
import {
  allocate,
  allocationMethods,
  criteria,
  evolveAllocation,
  type Allocation,
  type AllocationMethod,
  type Budget,
  type CriterionName,
  type SensitivityRow,
  type WholeModel,
} from "@tessera/sparse";
import { Argument, InvalidArgumentError, Option } from "commander";

import { hashFile } from "../run-folder/hash-file.ts";
import { makeFolder } from "../run-folder/make-folder.ts";
import { writeFileAtomic } from "../run-folder/write-file-atomic.ts";
import { createSubject, type AnySubject } from "../sensitivity/create-subject.ts";
import { measureAllocation } from "../sensitivity/measure-allocation.ts";
import { RowStore } from "../sensitivity/row-store.ts";
import { readSweepSettings, type SweepSettings } from "../sensitivity/sweep-folder.ts";
import { CommandError, Interrupted, UsageError } from "../terminal/command-error.ts";
import { formatCount, formatPercent } from "../terminal/format.ts";
import { formatTextTable } from "../terminal/format-text-table.ts";
import { createChoiceOption, parseShare, parseWholeNumber } from "../terminal/parse-argument.ts";
import { WEIGHTS_FILE } from "../training/model-folder.ts";
import type { CommandDefinition, Context } from "./command-definition.ts";

/** A number, or a share of the dense model's. */
type Amount = { readonly number: number } | { readonly share: number };

interface AllocateCommandOptions {
  parameters?: Amount;
  stepTime?: Amount;
  accuracyDrop?: number;
  method: AllocationMethod | "evolutionary";
  criterion?: string;
  blockSize?: number;
  measure?: true;
  generations: number;
  offspring: number;
}

const parseAmount = (text: string): Amount => {
  const value = Number(text.replace(/%$/, "").replaceAll("_", ""));
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError("Expected a number above 0, or a percentage such as 60%.");
  return text.endsWith("%") ? { share: value / 100 } : { number: value };
};

export const allocateCommand: CommandDefinition<AllocateCommandOptions> = {
  name: "allocate",
  summary: "a density for each layer under a budget, from the rows of sensitivity",
  writes: "anew each time",
  arguments: [new Argument("<sweep>", "folder that sensitivity or merge wrote")],
  options: [
    new Option("--parameters <n>", "of the whole model at most: a number, or 60% of the dense model's").argParser(
      parseAmount,
    ),
    new Option("--step-time <ms>", "of a training step at most: milliseconds, or 80% of the dense model's").argParser(
      parseAmount,
    ),
    new Option("--accuracy-drop <share>", "that may be lost at most: 0.01 is a point; parameters become few").argParser(
      parseShare,
    ),
    createChoiceOption("--method <name>", "how densities are shared out", [
      ...Object.keys(allocationMethods),
      "evolutionary",
    ]).default("dynamic"),
    new Option("--criterion <name>", "whose rows, where the sweep has several"),
    new Option("--block-size <n>", "whose rows, where the sweep has several").argParser(parseWholeNumber(4)),
    new Option("--measure", "patch the model so, train it as the sweep did, and print what was expected beside it"),
    new Option("--generations <n>", "of --method evolutionary").argParser(parseWholeNumber(1)).default(20),
    new Option("--offspring <n>", "models of a generation").argParser(parseWholeNumber(1)).default(8),
  ],
  examples: [
    "allocate runs/sensitivity --parameters 60% --measure",
    "allocate runs/sensitivity --step-time 80% --method evolutionary --generations 10",
  ],

  async run(context, options, folder) {
    const { terminal, out, seed } = context;
    const settings = await readSweepSettings(folder);
    const rows = (await RowStore.open(folder)).rows();
    const budget = budgetOf(options, rows);
    const { method, criterion, blockSize } = options;
    const chosen = {
      ...budget,
      seed,
      ...(criterion === undefined ? {} : { criterion }),
      ...(blockSize === undefined ? {} : { blockSize }),
    };
    let allocation: Allocation;
    let subject: AnySubject | undefined;
    if (method === "evolutionary") {
      if (options.accuracyDrop !== undefined)
        throw new UsageError("--accuracy-drop: expected --parameters or --step-time with --method evolutionary");
      subject = await openSubject(context, settings, rows);
      allocation = await evolve(context, rows, { ...chosen, subject, settings, options });
    } else allocation = allocate(rows, { ...chosen, method });
    const measured = options.measure
      ? await measureAllocation(subject ?? (await openSubject(context, settings, rows)), allocation, {
          steps: settings.recoverySteps,
          seed: settings.seed,
          signal: context.stop,
          times: allocation.expected.stepMs !== null,
        })
      : undefined;
    await makeFolder(out);
    const path = join(out, "patterns.json");
    const { patterns } = allocation;
    await writeFileAtomic(path, `${JSON.stringify({ patterns }, null, 2)}\n`);
    terminal.printResult({ ...allocation, ...(measured ? { measured } : {}), path }, [
      ...formatTextTable(
        [
          { title: "layer", value: ({ group }) => group },
          { title: "density", value: ({ density }) => (density === 1 ? "dense" : String(density)), numeric: true },
          { title: "realised", value: ({ realisedDensity }) => realisedDensity.toFixed(3), numeric: true },
        ],
        [...allocation.groups],
      ),
      "",
      ...formatModels(allocation, measured),
      "",
      `Patterns: ${path}`,
    ]);
  },
};

/** The budget in numbers: shares are of the dense model's. */
const budgetOf = (
  { parameters, stepTime, accuracyDrop }: AllocateCommandOptions,
  rows: readonly SensitivityRow[],
): Budget => {
  if ([parameters, stepTime, accuracyDrop].filter((each) => each !== undefined).length !== 1)
    throw new UsageError("allocate: expected one of --parameters, --step-time or --accuracy-drop");
  const meanOf = (numbers: readonly (number | undefined)[]): number => {
    const known = numbers.filter((each) => each !== undefined);
    return known.reduce((total, each) => total + each, 0) / Math.max(known.length, 1);
  };
  const resolve = (amount: Amount, whole: () => number): number =>
    "share" in amount ? amount.share * whole() : amount.number;
  if (parameters) {
    const dense = rows.filter(({ mode }) => mode === "dense");
    return { parameters: Math.floor(resolve(parameters, () => meanOf(dense.map((row) => row.parameters)))) };
  }
  if (stepTime) return { stepTime: resolve(stepTime, () => meanOf(rows.map(({ denseStepMs }) => denseStepMs))) };
  return { accuracyDrop: accuracyDrop! };
};

/** The model of the sweep. @throws {CommandError} if the folder has another one by now */
const openSubject = async (
  { stop }: Context,
  settings: SweepSettings,
  rows: readonly SensitivityRow[],
): Promise<AnySubject> => {
  const { model, checkpointHash, seed } = settings;
  const now = await hashFile(join(model, WEIGHTS_FILE));
  if (now !== checkpointHash)
    throw new CommandError(
      `${model}: expected the model of the sweep (${checkpointHash.slice(0, 8)}), got another one (${now.slice(0, 8)}); measure it with sensitivity --out another folder`,
    );
  const needsTraining = rows.some(({ criterion }) => (criteria[criterion as CriterionName]?.needs.length ?? 0) > 0);
  return createSubject(model, { ...settings, needsTraining }, { seed, stop });
};

const evolve = async (
  { terminal, stop }: Context,
  rows: readonly SensitivityRow[],
  given: Budget & { seed: number; subject: AnySubject; settings: SweepSettings; options: AllocateCommandOptions },
): Promise<Allocation> => {
  const { subject, settings, options, ...chosen } = given;
  const { generations, offspring } = options;
  const bar = terminal.startProgress("evolving", generations);
  const training = { steps: settings.recoverySteps, seed: settings.seed, signal: stop, times: false };
  try {
    return await evolveAllocation(rows, {
      ...chosen,
      generations,
      offspring,
      signal: stop,
      evaluate: async (allocation) => (await measureAllocation(subject, allocation, training)).loss,
      onProgress: ({ generation, loss }) => bar.update(generation, `loss ${loss.toFixed(4)}`),
    });
  } catch (error) {
    throw stop.aborted ? new Interrupted("stopped while evolving") : error;
  } finally {
    bar.stop();
  }
};

/** Dense, expected and measured, side by side. */
const formatModels = ({ dense, expected }: Allocation, measured: WholeModel | undefined): string[] => {
  const models: [string, WholeModel][] = [
    ["dense", dense],
    ["expected", expected],
    ...(measured ? [["measured", measured] as [string, WholeModel]] : []),
  ];
  const hasAccuracy = models.some(([, { accuracy }]) => accuracy !== null);
  const hasTime = models.some(([, { stepMs }]) => stepMs !== null);
  return formatTextTable<[string, WholeModel]>(
    [
      { title: "", value: ([name]) => name },
      { title: "loss", value: ([, { loss }]) => loss.toFixed(4), numeric: true },
      ...(hasAccuracy
        ? [
            {
              title: "accuracy",
              value: ([, { accuracy }]: [string, WholeModel]) => (accuracy === null ? "–" : formatPercent(accuracy)),
              numeric: true as const,
            },
          ]
        : []),
      { title: "parameters", value: ([, { parameters }]) => formatCount(parameters), numeric: true },
      ...(hasTime
        ? [
            {
              title: "step",
              // Savings of layers add up to a time below zero where what was measured is noise.
              value: ([, { stepMs }]: [string, WholeModel]) =>
                stepMs === null ? "–" : stepMs > 0 ? `${stepMs.toFixed(2)} ms` : "noise",
              numeric: true as const,
            },
          ]
        : []),
    ],
    models,
  );
};
