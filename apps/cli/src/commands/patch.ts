import type { Module } from "@tessera/nn";
import { patcherOf, type Statistics } from "@tessera/sparse";
import { Option } from "commander";
import { makeFolder } from "../run-folder/make-folder.ts";
import { createSubject } from "../sensitivity/create-subject.ts";
import { Interrupted, UsageError } from "../terminal/command-error.ts";
import { parseWholeNumber } from "../terminal/parse-argument.ts";
import { collectFor, looksAtBatches, type JudgedLayers } from "../training/collect-for.ts";
import { formatBytes, formatCount, formatPercent } from "../terminal/format.ts";
import { isClassifier, loadClassifier, loadMaskedLM, saveModel, type LoadedModel } from "../training/model-folder.ts";
import { createPatcher, planOnHost } from "../training/patch-model.ts";
import { readPatterns } from "../training/read-patterns.ts";
import { patching } from "../training/recipes.ts";
import type { CommandDefinition, Context } from "./command-definition.ts";
import { createModelArgument, createPatchOptions, type PatchOptions } from "./shared-options.ts";

interface PatchCommandOptions extends PatchOptions {
  patterns?: string;
  train?: string;
  text?: string;
  labelsPerClass?: number;
  criterionBatches?: number;
  dryRun?: true;
}

export const patchCommand: CommandDefinition<PatchCommandOptions> = {
  name: "patch",
  summary: "make layers of a saved model block-sparse, and save it",
  writes: "anew each time",
  arguments: [createModelArgument()],
  options: [
    ...createPatchOptions(),
    new Option(
      "--patterns <file>",
      "layers and densities that allocate wrote, in place of the options above",
    ).conflicts(["pattern", "density", "blockSize", "criterion"]),
    new Option(
      "--train <file>",
      "what a criterion with gradients or activations looks at, label<TAB>text a line (default: WordNet's glosses)",
    ),
    new Option("--text <file>", "the same for a masked language model, a text a line"),
    new Option("--labels-per-class <n>", "look at so many texts of each class").argParser(parseWholeNumber(1)),
    new Option("--criterion-batches <n>", "batches that it looks at (default: 16)").argParser(parseWholeNumber(1)),
    new Option("--dry-run", "print the plan alone"),
  ],
  examples: [
    "patch runs/pretrain --density 0.25",
    "patch runs/finetune --density 0.25 --criterion fisher",
    "patch runs/pretrain --patterns runs/allocate/patterns.json",
    "patch runs/pretrain --pattern 'roberta\\.encoder\\.layer\\.1\\..*dense' --block-size 16 --dry-run",
  ],

  async run(context, { pattern, patterns: file, dryRun = false, ...options }, folder) {
    const { terminal, out, seed, words } = context;
    const loaded = await ((await isClassifier(folder)) ? loadClassifier(folder) : loadMaskedLM(folder));
    const { model, tokenizer, notes } = loaded;
    try {
      const { density, blockSize, criterion } = options;
      const patterns = file === undefined ? undefined : await readPatterns(file);
      const layers = pattern ?? patching.patterns;
      const judged = patterns?.patterns ?? [{ layers, blockSize, criterion }];
      const statistics = await lookAtTexts(context, loaded, judged, { ...options, folder });
      const patcher = patterns
        ? patcherOf(patterns, statistics)
        : createPatcher({ patterns: layers, density, blockSize, criterion, seed, statistics });
      const plan = await planOnHost(model, patcher);
      if (!dryRun) {
        await makeFolder(out);
        patcher.patchModel(model, plan);
        const sparsity = patterns ? "blocks by the patterns of allocate, one-shot" : `blocks by ${criterion}, one-shot`;
        await saveModel(model, tokenizer, out, notes, { words, sparsity });
      }
      const { before, after } = plan.parameters;
      const patched = plan.layers.map(({ name, layout, parameters, bytes }) => ({
        name,
        density: layout.density,
        parameters,
        bytes,
      }));
      terminal.printLine(plan.toString());
      terminal.printResult(
        { ...(dryRun ? {} : { model: out }), parameters: { before, after }, bytes: plan.bytes, layers: patched },
        [
          `parameters before ${formatCount(before)}, after ${formatCount(after)} (${formatPercent(after / before)})`,
          `these layers' bytes before ${formatBytes(plan.bytes.before)}, after ${formatBytes(plan.bytes.after)}, index included`,
          dryRun ? "Nothing was changed: --dry-run" : `Saved to ${out}`,
        ],
      );
    } finally {
      model.dispose();
    }
  },
};

/** What criteria need of texts to judge blocks by. @throws {UsageError} if they need some, and there are none */
const lookAtTexts = async (
  { seed, stop, terminal }: Context,
  { model, notes }: LoadedModel,
  judged: readonly JudgedLayers[],
  { folder, train, text, labelsPerClass, criterionBatches }: Partial<PatchCommandOptions> & { folder: string },
): Promise<Statistics | undefined> => {
  const names = judged.map(({ criterion }) => criterion).filter(looksAtBatches);
  if (names.length === 0) {
    for (const [option, given] of Object.entries({
      train,
      text,
      "labels-per-class": labelsPerClass,
      "criterion-batches": criterionBatches,
    }))
      if (given !== undefined)
        throw new UsageError(`--${option}: expected a --criterion that looks at texts beside it; leave it out`);
    return undefined;
  }
  const option = (await isClassifier(folder)) ? "train" : "text";
  const other = option === "train" ? "text" : "train";
  if ({ train, text }[other] !== undefined)
    throw new UsageError(
      `--${other}: expected --${option} for a ${option === "train" ? "classifier" : "masked language model"}, got --${other}`,
    );
  if (notes.source.kind !== "wordnet" && { train, text }[option] === undefined)
    throw new UsageError(
      `--${option}: expected texts that ${names[0]} judges blocks by, got none; the model was not made from WordNet's glosses`,
    );
  const given = Object.entries({ train, test: train, text, labelsPerClass, criterionBatches });
  const options = Object.fromEntries(given.filter(([, value]) => value !== undefined));
  const supervision = { seed, stop };
  const subject = await createSubject(folder, { ...options, recoverySteps: 0, needsTraining: true }, supervision);
  terminal.printLine(`${[...new Set(names)].join(", ")}: looking at ${formatCount(criterionBatches ?? 16)} batches`);
  try {
    return await collectFor(
      model as Module & { forward(inputs: unknown): unknown },
      judged,
      () => subject.calibration(),
      stop,
    );
  } catch (error) {
    throw stop.aborted ? new Interrupted("stopped before anything was written") : error;
  }
};
