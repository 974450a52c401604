import { Option } from "commander";
import { CLASSIFIERS, demoPhases } from "../demo/demo-phases.ts";
import { classifierTitles, DemoRun } from "../demo/demo-run.ts";
import { runDemo } from "../demo/run-demo.ts";
import { lockFolder } from "../run-folder/folder-lock.ts";
import { RunState } from "../run-folder/run-state.ts";
import { formatBytes, formatCount, formatDuration, formatMilliseconds, formatPercent } from "../terminal/format.ts";
import { parseWholeNumber } from "../terminal/parse-argument.ts";
import { startCommand } from "../terminal/start-command.ts";
import { formatTextTable } from "../terminal/format-text-table.ts";
import { finetuning, hashRecipe, pretrainingRecipes, type OptimizerName } from "../training/recipes.ts";
import type { CommandDefinition, Context } from "./command-definition.ts";
import { BEFORE_MUON, createFreshOption, createOptimizerOption, createTokensOption } from "./shared-options.ts";

interface DemoOptions {
  optimizer: OptimizerName;
  tokens?: number;
  finetuneSteps: number;
  fresh?: true;
}

export const demoCommand: CommandDefinition<DemoOptions> = {
  name: "demo",
  summary: "the whole path: learn English, lose half of the blocks, learn to classify, write a report",
  writes: "always on",
  options: [
    createOptimizerOption(),
    createTokensOption("tokens to pre-train on"),
    new Option("--finetune-steps <n>", "steps of each fine-tuning")
      .argParser(parseWholeNumber(1))
      .default(finetuning.steps),
    createFreshOption(),
  ],
  examples: ["demo", "demo --tokens 3000000 --seed 1 --out runs/longer"],

  async run(context, { optimizer, tokens = pretrainingRecipes[optimizer].tokens, finetuneSteps, fresh = false }) {
    const { terminal, seed, device, out, stop, words } = context;
    const lock = await lockFolder(out);
    try {
      const begun = performance.now();
      const settings = { seed, optimizer, tokens, finetuneSteps, device };
      const state = await RunState.open(out, { ...settings, recipe: hashRecipe(optimizer) }, demoPhases, {
        fresh,
        earlier: BEFORE_MUON,
        commandLine: words,
        lock,
      });
      const { bold, dim } = terminal.color;
      terminal.printLine(bold(`Tessera demo: ${formatCount(tokens)} tokens, seed ${seed}, in ${out}`));
      if (state.isResumed) terminal.printLine(dim("going on where it was left; --fresh starts over"));
      const demo = new DemoRun(state, settings, { terminal, stop, lock }, finetuning.labelsPerClass);
      await runDemo(demo);
      showResult(context, demo);
      if (!state.isResumed)
        terminal.printLine(dim(`\nall of it in ${formatDuration((performance.now() - begun) / 1000)}`));
    } finally {
      lock.release();
    }
  },
};

interface Row {
  name: string;
  accuracy: string;
  parameters: string;
  bytes: string;
  step: string;
}

const showResult = ({ terminal, out }: Context, demo: DemoRun): void => {
  const { bold, cyan } = terminal.color;
  const baseline = demo.result("baseline");
  const speeds = demo.result("speed");
  const { path } = demo.result("report");
  const { heldOutLoss, heldOutAccuracy, tokens } = demo.result("pretraining");
  const rows: Row[] = [
    { name: "naive Bayes", accuracy: formatPercent(baseline.accuracy, 2), parameters: "", bytes: "", step: "" },
    ...CLASSIFIERS.map((name) => {
      const { accuracy, parameters, bytes } = demo.result(name);
      return {
        name: classifierTitles[name],
        accuracy: formatPercent(accuracy, 2),
        parameters: formatCount(parameters),
        bytes: formatBytes(bytes),
        step: formatMilliseconds(speeds[name].stepSeconds),
      };
    }),
  ];
  const [head, ...lines] = formatTextTable<Row>(
    [
      { title: `${demo.labelsPerClass} labels a class`, value: ({ name }) => name },
      { title: "accuracy", value: ({ accuracy }) => accuracy, numeric: true },
      { title: "parameters", value: ({ parameters }) => parameters, numeric: true },
      { title: "weights", value: ({ bytes }) => bytes, numeric: true },
      { title: "training step", value: ({ step }) => step, numeric: true },
    ],
    rows,
  );
  const command = (text: string): string => `  ${cyan(`${startCommand} ${text}`)}`;
  terminal.printResult(
    {
      accuracy: {
        naiveBayes: baseline.accuracy,
        ...Object.fromEntries(CLASSIFIERS.map((name) => [name, demo.result(name).accuracy])),
      },
      sha256: {
        pretrained: demo.result("pretraining").sha256,
        ...Object.fromEntries(CLASSIFIERS.map((name) => [name, demo.result(name).sha256])),
      },
      maskedLM: { loss: heldOutLoss, accuracy: heldOutAccuracy, tokens },
      report: path,
    },
    [
      "",
      bold(head),
      ...lines,
      "",
      `Report: ${cyan(path)}`,
      "Next:",
      command(`fill-mask ${out}/models/pretrained "a small <mask> that eats seeds"`),
      command(`sensitivity ${out}/models/dense`),
    ],
  );
};
