import { profileStep, type ProfileLine } from "@tessera/models/profiling";
import { cpu, defaultDevice, type Peak } from "@tessera/tensor";
import { Option } from "commander";
import { createMaskedLMStep } from "../profile/create-masked-lm-step.ts";
import { CommandError } from "../terminal/command-error.ts";
import { formatCount, formatMilliseconds, formatPercent } from "../terminal/format.ts";
import { parseShare } from "../terminal/parse-argument.ts";
import { formatTextTable } from "../terminal/format-text-table.ts";
import { architecture, pretraining } from "../training/recipes.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { createBlockSizeOption, createCountOption } from "./shared-options.ts";

interface ProfileOptions {
  layers: number;
  hidden: number;
  heads: number;
  vocab: number;
  batchSize: number;
  length: number;
  density: number;
  blockSize: number;
  steps: number;
}

export const profileCommand: CommandDefinition<ProfileOptions> = {
  name: "profile",
  summary: "where the time of a training step goes, beside what the machine can do",
  writes: "nothing",
  options: [
    createCountOption("--layers <n>", "layers of the encoder", architecture.layers),
    createCountOption("--hidden <n>", "width of the encoder", architecture.hidden),
    createCountOption("--heads <n>", "heads of attention", architecture.heads),
    createCountOption("--vocab <n>", "tokens of the vocabulary", architecture.vocabSize, 6),
    createCountOption("--batch-size <n>", "texts a step", pretraining.batchSize),
    createCountOption("--length <n>", "tokens of a text", pretraining.length, 3),
    new Option("--density <d>", "share of the blocks to keep in the layers that the demo patches; 1 is dense")
      .argParser(parseShare)
      .default(1),
    createBlockSizeOption(),
    createCountOption("--steps <n>", "steps to look at; the one of median length is shown", 15),
  ],
  examples: ["profile", "profile --hidden 256 --layers 4 --density 0.25 --block-size 16 --threads 1"],

  async run({ terminal, seed, device: name }, { steps, ...options }) {
    const { layers, hidden, heads, batchSize, length, density, blockSize } = options;
    if (hidden % heads !== 0) {
      throw new CommandError(`profile: expected heads that divide the width, got ${heads} for ${hidden}; see --heads`);
    }
    const device = defaultDevice();
    const training = await createMaskedLMStep({ ...options, maskProbability: pretraining.maskProbability, seed });
    try {
      if (device === cpu) terminal.printLine(terminal.color.dim("measuring what the machine can do"));
      const peak = device === cpu ? await cpu.measurePeak() : undefined;
      const lines = await profileStep(() => training.step(), { device, steps, ...(peak ? { peak } : {}) });
      const whole = lines.at(-1)!;
      const stepSeconds = whole.milliseconds / 1000;
      const tokensPerSecond = (batchSize * length) / stepSeconds;
      const realised = training.plan ? computeDensity(training.plan) : 1;
      const kind = training.plan ? `density ${realised.toFixed(3)} in blocks of ${blockSize}` : "dense";
      terminal.printResult(
        {
          device: name,
          ...(peak ? { peak } : {}),
          model: { ...options, density: realised, parameters: training.parameters },
          stepSeconds,
          tokensPerSecond,
          lines,
        },
        [
          terminal.color.bold(
            `A training step on ${name}${peak ? `, ${peak.threads} ${peak.threads === 1 ? "thread" : "threads"}` : ""}: ${layers} layers, hidden ${hidden}, ${kind}, batch ${batchSize} × ${length}`,
          ),
          "",
          ...formatTable(lines),
          "",
          `${formatMilliseconds(stepSeconds)} a step, ${formatCount(tokensPerSecond)} tokens/s; asked density ${density}, ${formatCount(training.parameters)} parameters`,
          ...(peak ? [formatPeak(peak)] : []),
          "between the ops: views, the tape, scopes, the batch, and all other JavaScript",
        ],
      );
    } finally {
      training.dispose();
    }
  },
};

const computeDensity = ({
  layers,
}: {
  layers: readonly { layout: { blocks: number; rows: number; cols: number } }[];
}): number => {
  const sum = (of: (layout: { blocks: number; rows: number; cols: number }) => number): number =>
    layers.reduce((total, { layout }) => total + of(layout), 0);
  return sum(({ blocks }) => blocks) / sum(({ rows, cols }) => rows * cols);
};

const formatPeak = ({ flops, copy }: Peak): string => {
  const speeds = copy.map(
    ({ elements, bytesPerSecond }) => `${(bytesPerSecond / 1e9).toFixed(1)} (${formatCount(elements)})`,
  );
  return `peak: ${(flops / 1e9).toFixed(1)} GFLOP/s in registers, or a copy as large as the family's largest op, GB/s (float32s): ${speeds.join(", ")}`;
};

const formatRate = (value: number | null): string =>
  value === null ? "" : value.toFixed(value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2);

const formatTable = (lines: readonly ProfileLine[]): string[] =>
  formatTextTable<ProfileLine>(
    [
      { title: "family", value: ({ family }) => family },
      { title: "calls", value: ({ calls }) => (calls === 0 ? "" : String(calls)), numeric: true },
      { title: "ms", value: ({ milliseconds }) => milliseconds.toFixed(2), numeric: true },
      { title: "of step", value: ({ shareOfStep }) => formatPercent(shareOfStep), numeric: true },
      { title: "GFLOP/s", value: ({ gflops }) => formatRate(gflops), numeric: true },
      { title: "GB/s", value: ({ gigabytesPerSecond }) => formatRate(gigabytesPerSecond), numeric: true },
      {
        title: "of peak",
        value: ({ shareOfPeak }) => (shareOfPeak === null ? "" : formatPercent(shareOfPeak, 0)),
        numeric: true,
      },
      {
        title: "slowest ops",
        value: ({ ops }) =>
          ops
            .slice(0, 3)
            .map(({ name, milliseconds }) => `${name} ${milliseconds.toFixed(2)}`)
            .join(", "),
      },
    ],
    lines,
  );
