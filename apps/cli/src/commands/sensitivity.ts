import { formatCommandLine } from "../run-folder/command-line.ts";
import { join } from "node:path";
import {
  criteria,
  memoryStore,
  sensitivityModes,
  type CriterionName,
  type SensitivityMode,
  type SensitivityRow,
} from "@tessera/sparse";
import { InvalidArgumentError, Option } from "commander";
import { lockFolder } from "../run-folder/folder-lock.ts";
import { hashFile } from "../run-folder/hash-file.ts";
import { parseRedisUrl } from "../queue/redis-url.ts";
import { startCollecting, type CellRunners } from "../queue/start-collecting.ts";
import { RowStore, ROWS_FILE } from "../sensitivity/row-store.ts";
import { estimateSweep, runSweep } from "../sensitivity/run-sweep.ts";
import { noteSweepSettings } from "../sensitivity/sweep-folder.ts";
import { createSweepOptions, type SweepDescription, type SweepOptions } from "../sensitivity/sweep-options.ts";
import { serveCells, startWorkers, threadsOfWorkers } from "../sensitivity/workers.ts";
import { readSweepLines, writeSweepReport } from "../sensitivity/write-sweep-report.ts";
import { CommandError, UsageError } from "../terminal/command-error.ts";
import { formatCount, formatDuration } from "../terminal/format.ts";
import {
  createChoiceOption,
  parseChoices,
  parsePattern,
  parseShares,
  parseWholeNumber,
  parseWholeNumbers,
} from "../terminal/parse-argument.ts";
import { readConfig, WEIGHTS_FILE } from "../training/model-folder.ts";
import { patching } from "../training/recipes.ts";
import type { CommandDefinition, Context } from "./command-definition.ts";
import {
  createLabelledTextOptions,
  createKnownModelArgument,
  createPatienceOption,
  type LabelledTextOptions,
} from "./shared-options.ts";

interface SensitivityCommandOptions extends LabelledTextOptions {
  text?: string;
  densities: number[];
  blockSize: number[];
  criterion: CriterionName[];
  seeds?: number[];
  mode: SensitivityMode[];
  groups: "layer" | "kind";
  recoverySteps: number;
  layers: RegExp;
  limit?: number;
  times?: true;
  retryFailed?: true;
  dryRun?: true;
  workers: number;
  shard?: { index: number; count: number };
  queue?: string;
  patience: number;
  serve?: true;
}

const parseShard = (text: string): { index: number; count: number } => {
  const [index, count] = text.split("/").map(Number);
  if (/^\d+\/\d+$/.test(text) && index! >= 1 && index! <= count!) return { index: index! - 1, count: count! };
  throw new InvalidArgumentError("Expected i/n with i from 1 to n, such as 1/4.");
};

export const sensitivityCommand: CommandDefinition<SensitivityCommandOptions> = {
  name: "sensitivity",
  summary: "which layers can be sparse: linear layers at every density, by criterion and seed",
  writes: "always on",
  arguments: [createKnownModelArgument()],
  options: [
    new Option("--densities <list>", "shares of the blocks to keep, with commas between")
      .argParser(parseShares)
      .default([0.75, 0.5, 0.25, 0.1], "0.75,0.5,0.25,0.1"),
    new Option("--block-size <list>", "rows and columns of a block: 4, 8, … 64")
      .argParser(parseWholeNumbers(4))
      .default([patching.blockSize], String(patching.blockSize)),
    new Option("--criterion <list>", `which blocks stay: ${Object.keys(criteria).join(", ")}`)
      .argParser(parseChoices<CriterionName>(Object.keys(criteria)))
      .default(["magnitude"], "magnitude"),
    new Option("--seeds <list>", "of criteria that draw, and of recoveries (default: --seed)").argParser(
      parseWholeNumbers(0),
    ),
    new Option("--mode <list>", `which layers are sparse at once: ${sensitivityModes.join(", ")}`)
      .argParser(parseChoices<SensitivityMode>([...sensitivityModes]))
      .default(["leave-one-out"], "leave-one-out"),
    createChoiceOption("--groups <how>", "each layer alone, or those that differ in numbers alone together", [
      "layer",
      "kind",
    ]).default("layer"),
    new Option("--recovery-steps <n>", "steps of training after each patch").argParser(parseWholeNumber(0)).default(0),
    new Option("--layers <regex>", "only layers whose name has this in it")
      .argParser(parsePattern)
      .default(/(?:)/, "all"),
    new Option("--limit <n>", "evaluate on the first n texts").argParser(parseWholeNumber(1)),
    ...createLabelledTextOptions().filter(({ long }) => long !== "--classes"),
    new Option("--text <file>", "texts for a masked language model, one a line"),
    new Option("--times", "take times of forward pass and step beside dense, once all cells are measured"),
    new Option("--retry-failed", "measure cells that failed again"),
    new Option("--dry-run", "list the cells and estimate the time"),
    new Option("--workers <n>", "processes that share the cells, each with its share of the threads")
      .argParser(parseWholeNumber(1))
      .default(1),
    new Option("--shard <i/n>", "measure the i-th of n parts, in a folder of its own below --out; see merge").argParser(
      parseShard,
    ),
    new Option("--queue <url>", "hand the cells to all machines that run tessera worker, through this Redis")
      .argParser(parseRedisUrl)
      .conflicts(["workers", "shard"]),
    createPatienceOption(),
    new Option("--serve", "measure what a parent process asks for").hideHelp(),
  ],
  examples: [
    "sensitivity runs/demo/models/dense",
    "sensitivity runs/finetune --criterion magnitude,random --densities 0.5,0.25,0.1 --seeds 0,1 --times",
    "sensitivity runs/finetune --recovery-steps 50 --layers intermediate --workers 2 --dry-run",
    "sensitivity runs/finetune --recovery-steps 50 --queue redis://192.168.1.2:6379",
    "sensitivity --resume --out runs/sensitivity",
  ],

  async run(context, options, folder) {
    if (options.serve) return serveCells(context.stop);
    if (folder === undefined) throw new UsageError("sensitivity: expected the folder of a model, got none; see --help");
    await readConfig(folder);
    const { out, stop } = context;
    const { shard, dryRun = false } = options;
    const place = shard ? join(out, `shard-${shard.index + 1}-of-${shard.count}`) : out;
    if (dryRun) return showEstimate(context, options, folder, place);
    const lock = await lockFolder(place);
    try {
      const sweep = await describeSweep(context, options, folder);
      const store = await RowStore.open(place, lock);
      await noteSweepSettings(place, { ...settingsOf(sweep), commandLine: withoutQueue(context.words) });
      const created = await createSweepOptions(sweep, stop);
      const pool = await startRunners(context, options, { sweep, created, store });
      let isWhole = false;
      try {
        const given = { ...created, store, ...withExtras(options, created.subject), ...pool };
        const result = await runSweep(given, context.terminal, stop, pool?.describe);
        isWhole = true;
        await showResult(context, { ...result, place, isWhole: !shard });
      } finally {
        await pool?.end(isWhole);
      }
    } finally {
      lock.release();
    }
  },
};

/** The words that say what a sweep is, and not through which Redis it is measured: a password is not kept. */
const withoutQueue = (words: readonly string[]): string[] =>
  words.filter((word, i) => !/^--queue(=|$)/.test(word) && words[i - 1] !== "--queue");

/** Who measures the cells, if it is not this process. */
const startRunners = async (
  { terminal, stop, threads }: Context,
  { workers, queue, patience }: SensitivityCommandOptions,
  given: { sweep: SweepDescription; created: SweepOptions; store: RowStore },
): Promise<(Partial<CellRunners> & Pick<CellRunners, "end" | "runners">) | undefined> => {
  const { sweep, created, store } = given;
  if (queue !== undefined)
    return startCollecting({ queue, patience }, sweep, { options: created, store, terminal, stop });
  if (workers === 1) return undefined;
  return startWorkers(workers, sweep, { threads: threads ?? threadsOfWorkers(workers), stop });
};

const withExtras = (
  { times, retryFailed, shard }: SensitivityCommandOptions,
  subject: Awaited<ReturnType<typeof createSweepOptions>>["subject"],
) => ({
  ...(times ? { time: subject.time.bind(subject) } : {}),
  ...(retryFailed ? { retryFailed } : {}),
  ...(shard ? { shard } : {}),
});

const describeSweep = async (
  { seed, device }: Context,
  { seeds, ...options }: SensitivityCommandOptions,
  folder: string,
): Promise<SweepDescription> => {
  const { densities, blockSize, criterion, mode, groups, layers, recoverySteps } = options;
  const { train, test, text, labelsPerClass, limit } = options;
  const given = Object.entries({ train, test, text, labelsPerClass, limit }).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(given),
    folder,
    checkpointHash: await hashFile(join(folder, WEIGHTS_FILE)),
    seed,
    device,
    densities,
    blockSize,
    criterion,
    seeds: seeds ?? [seed],
    mode,
    groups,
    layers,
    recoverySteps,
  };
};

const settingsOf = ({ folder, checkpointHash, seed, device, recoverySteps, ...sweep }: SweepDescription) => {
  const { train, test, text, labelsPerClass, limit } = sweep;
  const given = Object.entries({ train, test, text, labelsPerClass, limit }).filter(([, value]) => value !== undefined);
  return { model: folder, checkpointHash, seed, device, recoverySteps, ...Object.fromEntries(given) };
};

const showEstimate = async (
  context: Context,
  options: SensitivityCommandOptions,
  folder: string,
  place: string,
): Promise<void> => {
  const sweep = await describeSweep(context, options, folder);
  const created = await createSweepOptions(sweep, context.stop);
  // What is not there yet is not made.
  const store = await RowStore.open(place).catch((error: unknown) => {
    if (error instanceof CommandError) throw error;
    return memoryStore();
  });
  const { workers } = options;
  const found = await estimateSweep({ ...created, ...withExtras(options, created.subject) }, { store, workers });
  const { plan, ...estimate } = found;
  context.terminal.printResult({ ...estimate, skipped: plan.left, notes: plan.notes }, [
    ...estimate.names,
    ...plan.left.map(({ group, reason }) => `left dense: ${group}: ${reason}`),
    ...plan.notes,
    `${formatCount(estimate.left)} of ${formatCount(estimate.cells)} cells are left, ${formatDuration(estimate.secondsPerCell)} each: about ${formatDuration(estimate.seconds)}${workers > 1 ? ` with ${workers} workers` : ""}`,
    "Nothing was measured: --dry-run",
  ]);
};

interface Shown {
  rows: readonly SensitivityRow[];
  left: readonly { group: string; blockSize: number; reason: string }[];
  notes: readonly string[];
  place: string;
  isWhole: boolean;
}

const showResult = async (
  { terminal, words }: Context,
  { rows, left, notes, place, isWhole }: Shown,
): Promise<void> => {
  if (isWhole && rows.every(({ mode }) => mode === "dense")) {
    const why = left.map(({ group, reason }) => `${group}: ${reason}`).join("; ");
    throw new CommandError(
      `sensitivity: expected a layer that can be patched, got none${why === "" ? "; see --layers" : `; ${why}`}`,
    );
  }
  const failed = rows.filter(({ error }) => error !== undefined);
  const command = formatCommandLine(words);
  const written = isWhole ? await writeSweepReport(place, place, { command, left }) : undefined;
  const report = written?.page;
  terminal.printResult({ rows, left, notes, ...(report === undefined ? {} : { report }) }, [
    ...(written?.lines ?? (await readSweepLines(place, { command, left }))),
    ...left.map(({ group, reason }) => `left dense: ${group}: ${reason}`),
    ...failed.map(({ cell, error }) => `failed: ${cell}: ${error}`),
    ...notes,
    `Rows: ${join(place, ROWS_FILE)}`,
    report === undefined ? "One part: tessera merge puts all parts together" : `Report: ${report}`,
  ]);
};
