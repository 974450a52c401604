import { BlockSparseModelPatcher } from "@tessera/sparse";
import { makeFolder } from "../run-folder/make-folder.ts";
import { formatCount, formatPercent } from "../terminal/format.ts";
import { isClassifier, loadClassifier, loadMaskedLM, saveModel } from "../training/model-folder.ts";
import { findSparseLayers } from "../training/patch-model.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { createModelArgument } from "./shared-options.ts";

export const unpatchCommand: CommandDefinition = {
  name: "unpatch",
  summary: "make block-sparse layers of a saved model dense again, with zeros where no block was, and save it",
  writes: "anew each time",
  arguments: [createModelArgument()],
  examples: ["unpatch runs/finetune --out runs/dense"],

  async run({ terminal, out, words }, _options, folder) {
    const loaded = await ((await isClassifier(folder)) ? loadClassifier(folder) : loadMaskedLM(folder));
    const { model, tokenizer, notes } = loaded;
    try {
      const layers = findSparseLayers(model).map(([name]) => name);
      const before = model.numParameters();
      new BlockSparseModelPatcher().unpatch(model);
      await makeFolder(out);
      await saveModel(model, tokenizer, out, notes, { words });
      const after = model.numParameters();
      terminal.printResult({ model: out, parameters: { before, after }, layers }, [
        `${layers.length} layers are dense again`,
        `parameters before ${formatCount(before)}, after ${formatCount(after)} (${formatPercent(after / before)})`,
        `Saved to ${out}`,
      ]);
    } finally {
      model.dispose();
    }
  },
};
