import { patcherOf } from "@tessera/sparse";
import { Option } from "commander";
import { makeFolder } from "../run-folder/make-folder.ts";
import { formatBytes, formatCount, formatPercent } from "../terminal/format.ts";
import { isClassifier, loadClassifier, loadMaskedLM, saveModel } from "../training/model-folder.ts";
import { createPatcher, planOnHost } from "../training/patch-model.ts";
import { readPatterns } from "../training/read-patterns.ts";
import { patching } from "../training/recipes.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { createModelArgument, createPatchOptions, type PatchOptions } from "./shared-options.ts";

export const patchCommand: CommandDefinition<PatchOptions & { patterns?: string; dryRun?: true }> = {
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
    new Option("--dry-run", "print the plan alone"),
  ],
  examples: [
    "patch runs/pretrain --density 0.25",
    "patch runs/pretrain --patterns runs/allocate/patterns.json",
    "patch runs/pretrain --pattern 'roberta\\.encoder\\.layer\\.1\\..*dense' --block-size 16 --dry-run",
  ],

  async run({ terminal, out, seed, words }, { pattern, patterns, dryRun = false, ...options }, folder) {
    const loaded = await ((await isClassifier(folder)) ? loadClassifier(folder) : loadMaskedLM(folder));
    const { model, tokenizer, notes } = loaded;
    try {
      const { density, blockSize, criterion } = options;
      const patcher = patterns
        ? patcherOf(await readPatterns(patterns))
        : createPatcher({ patterns: pattern ?? patching.patterns, density, blockSize, criterion, seed });
      const plan = await planOnHost(model, patcher);
      if (!dryRun) {
        await makeFolder(out);
        patcher.patchModel(model, plan);
        const sparsity = patterns ? "blocks by the patterns of allocate, one-shot" : `blocks by ${criterion}, one-shot`;
        await saveModel(model, tokenizer, out, notes, { words, sparsity });
      }
      const { before, after } = plan.parameters;
      const layers = plan.layers.map(({ name, layout, parameters, bytes }) => ({
        name,
        density: layout.density,
        parameters,
        bytes,
      }));
      terminal.printLine(plan.toString());
      terminal.printResult(
        { ...(dryRun ? {} : { model: out }), parameters: { before, after }, bytes: plan.bytes, layers },
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
