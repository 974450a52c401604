import { join } from "node:path";
import {
  criteria,
  densitySchedules,
  layouts,
  sparseTrainings,
  type CriterionName,
  type DensityScheduleName,
  type LayoutName,
  type SparseTrainingName,
} from "@tessera/sparse";
import { InvalidArgumentError, Option } from "commander";
import type { RunSettings } from "../run-folder/run-state.ts";
import { UsageError } from "../terminal/command-error.ts";
import {
  createChoiceOption,
  parsePattern,
  parsePositiveNumber,
  parseShare,
  parseWholeNumber,
} from "../terminal/parse-argument.ts";
import { WEIGHTS_FILE } from "../training/model-folder.ts";
import { readPatterns } from "../training/read-patterns.ts";
import { patching } from "../training/recipes.ts";
import type { Selection } from "../training/create-extras.ts";
import type { SparseRecipe, SparseTarget } from "../training/make-sparse.ts";

/** How a training makes its model sparse, and what else goes on beside its steps. */
export interface SparseOptions {
  sparse?: SparseTarget[];
  /** A file that `allocate` wrote. */
  patterns?: string;
  criterion?: CriterionName;
  criterionBatches?: number;
  sparsitySchedule?: DensityScheduleName;
  sparsityWarmup?: number;
  sparsityRecovery?: number;
  sparsityEvery?: number;
  sparsityScope?: "layer" | "global";
  dynamic?: Exclude<SparseTrainingName, "gradual">;
  distil?: string;
  distilWeight?: number;
  distilTemperature?: number;
  distilHidden?: number;
  evalEvery?: number;
  keepBest?: true;
  earlyStopping?: number;
  metric?: "loss" | "accuracy";
}

const KEYS = ["pattern", "density", "block", "layout"] as const;

/** Parses `pattern=…,density=…,block=…`. A pattern may have commas in it: the next part begins at the next known key. */
export const parseSparseTarget = (text: string): SparseTarget => {
  const given = new Map<string, string>();
  for (const part of text.split(new RegExp(`,(?=(?:${KEYS.join("|")})=)`))) {
    const [, key, value] = /^([a-z]+)=(.*)$/s.exec(part) ?? [];
    if (key === undefined || !(KEYS as readonly string[]).includes(key) || given.has(key))
      throw new InvalidArgumentError(`Expected ${KEYS.map((name) => `${name}=…`).join(",")}, each at most once.`);
    given.set(key, value!);
  }
  const layout = given.get("layout") ?? "best";
  if (!Object.hasOwn(layouts, layout))
    throw new InvalidArgumentError(`Expected layout=${Object.keys(layouts).join("|")}.`);
  const pattern = given.get("pattern");
  const [density, block] = [given.get("density"), given.get("block")];
  return {
    patterns: pattern === undefined ? [...patching.patterns] : [parsePattern(pattern)],
    density: density === undefined ? patching.density : parseShare(density),
    blockSize: block === undefined ? patching.blockSize : parseWholeNumber(4)(block),
    layout: layout as LayoutName,
  };
};

const parseFromZero = (text: string): number => {
  const value = text.trim() === "" ? NaN : Number(text);
  if (value >= 0 && value < Infinity) return value;
  throw new InvalidArgumentError("Expected a number from 0.");
};

const dynamicNames = Object.keys(sparseTrainings).filter((name) => name !== "gradual");

export const createSparseOptions = (): Option[] => [
  new Option(
    "--sparse <target>",
    `layers to make sparse: pattern=<regex>,density=<d>,block=<n>,layout=<name>, what is left out as in \`patch\`; may be repeated`,
  ).argParser((text: string, before: SparseTarget[] | undefined) => [...(before ?? []), parseSparseTarget(text)]),
  new Option(
    "--patterns <file>",
    "layers, densities and criteria that allocate wrote, in place of --sparse and --criterion",
  ).conflicts(["sparse", "criterion"]),
  createChoiceOption("--criterion <name>", "which blocks stay (default: magnitude)", Object.keys(criteria)),
  new Option(
    "--criterion-batches <n>",
    "batches that a criterion with gradients or activations looks at (default: 16)",
  ).argParser(parseWholeNumber(1)),
  createChoiceOption(
    "--sparsity-schedule <name>",
    "how the density falls while training; without it layers are sparse from the first step",
    Object.keys(densitySchedules),
  ),
  new Option("--sparsity-warmup <n>", "steps before the first change (default: a tenth of all)").argParser(
    parseWholeNumber(0),
  ),
  new Option("--sparsity-recovery <n>", "steps after the last change (default: three tenths of all)").argParser(
    parseWholeNumber(0),
  ),
  new Option(
    "--sparsity-every <n>",
    "steps between changes of a schedule or of --dynamic (default: a thirtieth of all)",
  ).argParser(parseWholeNumber(1)),
  createChoiceOption(
    "--sparsity-scope <scope>",
    "whether blocks compete in their layer or across layers (default: layer)",
    ["layer", "global"],
  ),
  createChoiceOption(
    "--dynamic <name>",
    "move blocks while training: set, rigl, or by learned scores: movement",
    dynamicNames,
  ),
  new Option("--distil <dir>", "folder of a model that teaches this one"),
  new Option("--distil-weight <w>", "share of the teacher in the loss (default: 0.5)").argParser(parseShare),
  new Option("--distil-temperature <t>", "temperature of the soft targets (default: 2)").argParser(parsePositiveNumber),
  new Option("--distil-hidden <w>", "weight of matching hidden states (default: 0)").argParser(parseFromZero),
  new Option("--eval-every <n>", "steps between evaluations on validation data").argParser(parseWholeNumber(1)),
  new Option("--keep-best", "save the model of the best evaluation in place of the last"),
  new Option("--early-stopping <n>", "end after so many evaluations without a better one").argParser(
    parseWholeNumber(1),
  ),
  createChoiceOption("--metric <name>", "what is best, for the two above (default: loss)", ["loss", "accuracy"]),
];

const escape = (name: string): RegExp => new RegExp(name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));

/**
 * The options with the layers of `--patterns` as if they had been said one by one.
 *
 * @throws {CommandError} if the file describes no patterns
 */
export const readTargets = async <Options extends SparseOptions>(options: Options): Promise<Options> => {
  if (options.patterns === undefined) return options;
  const { patterns } = await readPatterns(options.patterns);
  return { ...options, sparse: patterns.map(({ layers, ...target }) => ({ ...target, patterns: layers.map(escape) })) };
};

/** Files that the options name, as inputs of a run. */
export const inputsOf = ({ patterns, distil }: SparseOptions): Record<string, string> => ({
  ...(patterns === undefined ? {} : { "--patterns": patterns }),
  ...(distil === undefined ? {} : { distil: join(distil, WEIGHTS_FILE) }),
});

/** Refuses options that mean nothing without another one. */
const checkTogether = (options: SparseOptions): void => {
  const needs = (name: string, given: unknown, other: string, there: unknown): void => {
    if (given !== undefined && there === undefined)
      throw new UsageError(`--${name}: expected --${other} beside it, got none; add it, or leave out --${name}`);
  };
  const { sparse, sparsitySchedule, dynamic, distil } = options;
  needs("criterion", options.criterion, "sparse", sparse);
  needs("sparsity-schedule", sparsitySchedule, "sparse", sparse);
  needs("criterion-batches", options.criterionBatches, "criterion", options.criterion ?? options.patterns);
  const gradual = sparsitySchedule ?? (dynamic === "movement" ? dynamic : undefined);
  needs("sparsity-warmup", options.sparsityWarmup, "sparsity-schedule", gradual);
  needs("sparsity-recovery", options.sparsityRecovery, "sparsity-schedule", gradual);
  needs("sparsity-scope", options.sparsityScope, "sparsity-schedule", gradual);
  needs("sparsity-every", options.sparsityEvery, "sparsity-schedule or --dynamic", gradual ?? dynamic);
  for (const name of ["Weight", "Temperature", "Hidden"] as const)
    needs(`distil-${name.toLowerCase()}`, options[`distil${name}`], "distil", distil);
  needs("metric", options.metric, "keep-best or --early-stopping", options.keepBest ?? options.earlyStopping);
  if (dynamic === "movement") {
    needs("dynamic movement", dynamic, "sparse", sparse);
    if (options.criterion !== undefined)
      throw new UsageError("--criterion: expected none beside --dynamic movement, which learns scores; leave it out");
  } else if (dynamic !== undefined && sparsitySchedule !== undefined)
    throw new UsageError(
      `--dynamic: expected movement beside --sparsity-schedule, got ${dynamic}, which keeps the number of blocks; leave one of them out`,
    );
};

/** What the options say. @throws {UsageError} where they contradict each other */
export const readSparseRecipe = (options: SparseOptions, steps: number, seed: number): SparseRecipe => {
  checkTogether(options);
  const { sparse = [], criterion = "magnitude", criterionBatches = 16, sparsitySchedule, dynamic } = options;
  const gradual = sparsitySchedule ?? (dynamic === "movement" ? ("cubic" as const) : undefined);
  const oneTenth = Math.round(0.1 * steps);
  return {
    targets: sparse,
    criterion,
    criterionBatches,
    schedule: gradual && {
      schedule: gradual,
      warmup: options.sparsityWarmup ?? oneTenth,
      recovery: options.sparsityRecovery ?? Math.round(0.3 * steps),
      scope: options.sparsityScope ?? "layer",
    },
    dynamic,
    every: options.sparsityEvery ?? Math.max(1, Math.round(steps / 30)),
    seed,
  };
};

/** How often a training is evaluated: as said, or a twentieth of its steps where something waits for evaluations. */
export const readEvalSteps = (
  { evalEvery, keepBest, earlyStopping }: SparseOptions,
  steps: number,
): number | undefined =>
  evalEvery ?? (keepBest || earlyStopping !== undefined ? Math.max(1, Math.round(steps / 20)) : undefined);

export const readSelection = (options: SparseOptions, steps: number): Selection => ({
  evalSteps: readEvalSteps(options, steps),
  keepBest: options.keepBest ?? false,
  earlyStopping: options.earlyStopping,
  metric: options.metric ?? "loss",
});

/** How a teacher teaches. */
export const readTeacherOptions = ({ distilWeight, distilTemperature, distilHidden }: SparseOptions) => ({
  weight: distilWeight,
  temperature: distilTemperature,
  hidden: distilHidden,
});

/** What is left out is the default, so that names of runs stay short. */
const formatTarget = ({ patterns, density, blockSize, layout }: SparseTarget): string => {
  const sources = patterns.map(({ source }) => source).join("|");
  const isUsual = sources === patching.patterns.map(({ source }) => source).join("|");
  return `${isUsual ? "" : `pattern=${sources},`}density=${density},block=${blockSize}${layout === "best" ? "" : `,layout=${layout}`}`;
};

/** The options that were given, as settings of a run: what is not given is no setting, as in runs of versions without the options. */
export const toSettings = ({ sparse, patterns, ...options }: SparseOptions): RunSettings => ({
  ...(patterns !== undefined ? { patterns } : sparse ? { sparse: sparse.map(formatTarget).join(" ") } : {}),
  ...Object.fromEntries(
    SETTINGS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]] as const])),
  ),
});

const SETTINGS = [
  "criterion",
  "criterionBatches",
  "sparsitySchedule",
  "sparsityWarmup",
  "sparsityRecovery",
  "sparsityEvery",
  "sparsityScope",
  "dynamic",
  "distil",
  "distilWeight",
  "distilTemperature",
  "distilHidden",
  "evalEvery",
  "keepBest",
  "earlyStopping",
  "metric",
] as const satisfies readonly (keyof SparseOptions)[];
