import { Argument, Option } from "commander";
import { formatPercent } from "../terminal/format.ts";
import { parseWholeNumber } from "../terminal/parse-argument.ts";
import { fillMask } from "../training/fill-mask.ts";
import { loadMaskedLM } from "../training/model-folder.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { createModelArgument } from "./shared-options.ts";

export const fillMaskCommand: CommandDefinition<{ top: number }> = {
  name: "fill-mask",
  summary: "what a masked language model puts in the place of <mask>",
  writes: "nothing",
  arguments: [createModelArgument(), new Argument("<text>", "a text with one <mask>")],
  options: [new Option("--top <n>", "so many guesses").argParser(parseWholeNumber(1)).default(5)],
  examples: ['fill-mask runs/demo/models/pretrained "a small <mask> that eats seeds"'],

  async run({ terminal }, { top }, folder, text) {
    const { model, tokenizer } = await loadMaskedLM(folder);
    try {
      const fills = await fillMask(model, tokenizer, text, top);
      terminal.printResult(
        { text, fills },
        fills.map(({ probability, text: whole }) => `${formatPercent(probability).padStart(7)}  ${whole}`),
      );
    } finally {
      model.dispose();
    }
  },
};
