import { join } from "node:path";
import { Option } from "commander";
import { openFolder } from "@tessera/models";
import { exportModel } from "@tessera/models/onnx";
import { makeFolder } from "../run-folder/make-folder.ts";
import { formatBytes } from "../terminal/format.ts";
import { isClassifier, loadClassifier, loadMaskedLM } from "../training/model-folder.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { createModelArgument } from "./shared-options.ts";

interface ExportOptions {
  readonly sparseInitializers?: true;
}

const FILE = "model.onnx";

export const exportCommand: CommandDefinition<ExportOptions> = {
  name: "export",
  summary: "write a saved model as model.onnx, for ONNX Runtime and its like",
  writes: "anew each time",
  arguments: [createModelArgument()],
  options: [
    new Option("--sparse-initializers", "block-sparse weights as sparse initializers, which not every runtime reads"),
  ],
  examples: ["export runs/finetune --out runs/onnx"],

  async run({ terminal, out }, { sparseInitializers = false }, folder) {
    const { model } = await ((await isClassifier(folder)) ? loadClassifier(folder) : loadMaskedLM(folder));
    try {
      const bytes = await exportModel(model, { sparseInitializers });
      await makeFolder(out);
      await (await openFolder(out)).write(new Map([[FILE, bytes]]));
      const file = join(out, FILE);
      terminal.printResult({ file, bytes: bytes.length }, [`Saved ${file} (${formatBytes(bytes.length)})`]);
    } finally {
      model.dispose();
    }
  },
};
