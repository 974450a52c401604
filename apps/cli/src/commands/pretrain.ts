import { GLOSS_CLASSES } from "@tessera/models/data";
import { loadTokenizer, type MaskedLMInputs } from "@tessera/models";
import type { RobertaForMaskedLM } from "@tessera/models/roberta";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import { Option } from "commander";
import * as v from "valibot";
import { createGlossSource, type LabelSource } from "../data/classification-data.ts";
import { readGlossCorpus, readTextCorpus } from "../data/corpus.ts";
import { shapes } from "../run-folder/read-checked-json.ts";
import type { PhaseSchemas, RunState } from "../run-folder/run-state.ts";
import { UsageError } from "../terminal/command-error.ts";
import { formatCount, formatDuration, formatPercent } from "../terminal/format.ts";
import { parseNames, parsePositiveNumber, parseShare } from "../terminal/parse-argument.ts";
import { startCommand } from "../terminal/start-command.ts";
import { keepBlocksBefore } from "../run-report/read-blocks.ts";
import { createExtras } from "../training/create-extras.ts";
import { loadMaskedLMTeacher } from "../training/load-teacher.ts";
import { describeRecipe } from "../training/make-sparse.ts";
import { saveModel } from "../training/model-folder.ts";
import { readMosaics } from "../training/patch-model.ts";
import {
  countSteps,
  evaluateOnBlocks,
  maskedLMCalibration,
  packCorpus,
  pretrainModel,
  type PackedCorpus,
  type PretrainOptions,
} from "../training/pretrain-model.ts";
import { loggingStepsOf, type TrainingExtras } from "../training/train-model.ts";
import {
  architecture,
  finetuning,
  pretraining,
  pretrainingRecipes as recipes,
  type OptimizerName,
} from "../training/recipes.ts";
import { saveTokenizer, trainTokenizer } from "../training/train-tokenizer.ts";
import type { CommandDefinition, Context } from "./command-definition.ts";
import {
  createSparseOptions,
  inputsOf,
  readEvalSteps,
  readSelection,
  readSparseRecipe,
  readTargets,
  readTeacherOptions,
  toSettings,
  type SparseOptions,
} from "./sparse-options.ts";
import { describeEnd, whatEnded, withRunFiles, type WhatEnded } from "./with-run-files.ts";
import { withRunFolder } from "./with-run-folder.ts";
import {
  BEFORE_MUON,
  createCountOption,
  createFreshOption,
  createOptimizerOption,
  createTokensOption,
} from "./shared-options.ts";

interface PretrainCommandOptions extends SparseOptions {
  text?: string;
  classes: readonly string[];
  optimizer: OptimizerName;
  tokens?: number;
  layers: number;
  hidden: number;
  heads: number;
  vocab: number;
  batchSize: number;
  length: number;
  lr?: number;
  muonLr?: number;
  maskProbability: number;
  fresh?: true;
}

interface PretrainPhases {
  tokenizer: { vocabSize: number };
  pretraining: {
    steps: number;
    seconds: number;
    loss: number;
    perplexity: number;
    accuracy?: number | undefined;
    parameters: number;
  } & WhatEnded;
}

/** What a pre-training is made of. */
interface PretrainWork {
  options: PretrainOptions;
  packed: PackedCorpus;
  tokenizer: ByteLevelBpeTokenizer;
  source: LabelSource;
}

const { count, number, object } = shapes;

const pretrainPhases: PhaseSchemas<PretrainPhases> = {
  tokenizer: object({ vocabSize: count }),
  pretraining: object({
    steps: count,
    seconds: number,
    loss: number,
    perplexity: number,
    // Earlier versions wrote none.
    accuracy: v.optional(number),
    parameters: count,
    ...whatEnded,
  }),
};

export const pretrainCommand: CommandDefinition<PretrainCommandOptions> = {
  name: "pretrain",
  summary: "train a tokenizer and a small RoBERTa on texts, by guessing masked tokens",
  writes: "afresh, or on with --resume",
  options: [
    new Option("--text <file>", "texts to read, one a line (default: WordNet's glosses)"),
    new Option("--classes <names>", "whose test glosses are left out of WordNet's")
      .argParser(parseNames)
      .default(GLOSS_CLASSES, GLOSS_CLASSES.join()),
    createOptimizerOption(),
    createTokensOption("tokens to read"),
    createCountOption("--layers <n>", "layers of the encoder", architecture.layers),
    createCountOption("--hidden <n>", "width of the encoder", architecture.hidden),
    createCountOption("--heads <n>", "heads of attention", architecture.heads),
    createCountOption("--vocab <n>", "tokens of the vocabulary", architecture.vocabSize, 261),
    createCountOption("--batch-size <n>", "blocks a step", pretraining.batchSize),
    createCountOption("--length <n>", "tokens of a block", pretraining.length, 3),
    new Option(
      "--lr <rate>",
      `largest learning rate of AdamW (default: ${recipes.muon.lr}; with --optimizer adamw ${recipes.adamw.lr})`,
    ).argParser(parsePositiveNumber),
    new Option("--muon-lr <rate>", `largest learning rate of Muon (default: ${recipes.muon.muonLr})`).argParser(
      parsePositiveNumber,
    ),
    new Option("--mask-probability <p>", "share of the tokens to guess")
      .argParser(parseShare)
      .default(pretraining.maskProbability),
    ...createSparseOptions(),
    createFreshOption(),
  ],
  examples: [
    "pretrain --tokens 3000000 --optimizer muon",
    "pretrain --text mine.txt --hidden 256 --layers 4 --out runs/mine",
    "pretrain --sparse density=0.5,block=16 --dynamic rigl --eval-every 200",
    "pretrain --resume",
  ],

  async run(context, said) {
    const { seed, device, out } = context;
    const given = await readTargets(said);
    const { text, classes, vocab, fresh = false, optimizer, lr, muonLr, tokens, distil } = given;
    if (optimizer !== "muon" && muonLr !== undefined)
      throw new UsageError(`--muon-lr: expected --optimizer muon, got ${optimizer}; leave one of them out`);
    const recipe = recipes[optimizer];
    const muon = recipe.muonLr === undefined ? {} : { muonLr: muonLr ?? recipe.muonLr };
    const { layers, hidden, heads, batchSize, length, maskProbability } = given;
    const sizes = { layers, hidden, heads, batchSize, length, maskProbability };
    const own = { tokens: tokens ?? recipe.tokens, ...sizes, lr: lr ?? recipe.lr, ...muon };
    const options = { ...recipe, ...own };
    const basic = { seed, device, text: text ?? "WordNet", classes: classes.join(), vocab, optimizer, ...own };
    const settings = { ...basic, ...toSettings(given) };
    const steps = countSteps(options);
    readSparseRecipe(given, steps, seed);
    const inputs = {
      ...(text === undefined ? {} : { "--text": text }),
      ...inputsOf(given),
    };
    const description = { settings, phases: pretrainPhases, inputs, earlier: BEFORE_MUON };
    await withRunFolder(context, description, fresh, async (run) => {
      const { terminal, stop } = context;
      const corpus = await (text === undefined
        ? readGlossCorpus(createGlossSource(seed, classes))
        : readTextCorpus(text));
      terminal.printLine(`${formatCount(corpus.texts.length)} texts`);
      if (!run.get("tokenizer")) {
        // A teacher and its student read the same tokens.
        const words = await (distil === undefined
          ? trainTokenizer(corpus.texts, vocab, { terminal, stop })
          : loadTokenizer(distil));
        await saveTokenizer(words, run.path("tokenizer"));
        await run.complete("tokenizer", { vocabSize: words.vocabSize });
      }
      const evalSteps = readEvalSteps(given, steps);
      if (!run.get("pretraining")) {
        const tokenizer = await loadTokenizer(run.path("tokenizer"));
        const packed = packCorpus(corpus.texts, tokenizer, length);
        const facts = {
          steps,
          batchSize,
          examples: packed.train.count,
          loggingSteps: loggingStepsOf(steps),
          evalSteps,
        };
        await withRunFiles(run, facts, terminal, () =>
          train(context, given, run, { options, packed, tokenizer, source: corpus.heldOut }),
        );
      }
      const result = run.get("pretraining")!;
      terminal.printResult({ model: out, ...result }, [
        `loss ${result.loss.toFixed(4)}  perplexity ${result.perplexity.toFixed(1)}${result.accuracy === undefined ? "" : `  ${formatPercent(result.accuracy)} of masked tokens right`}  on held-out texts, after ${formatCount(result.steps)} steps in ${formatDuration(result.seconds)}`,
        `Saved to ${out}; next: ${startCommand} finetune ${out}`,
      ]);
    });
  },
};

/** Pre-trains and saves the model of a run. */
const train = async (
  { terminal, seed, out, stop }: Context,
  given: PretrainCommandOptions,
  run: RunState<PretrainPhases>,
  { options, packed, tokenizer, source }: PretrainWork,
): Promise<void> => {
  const { distil, batchSize, maskProbability } = given;
  const total = countSteps(options);
  const recipe = readSparseRecipe(given, total, seed);
  const teacher = distil === undefined ? undefined : await loadMaskedLMTeacher(distil, tokenizer);
  const prepare = async (model: RobertaForMaskedLM): Promise<TrainingExtras<MaskedLMInputs>> => {
    const calibration = { batchSize, maskProbability, seed, count: recipe.criterionBatches };
    const extras = await createExtras<MaskedLMInputs>({
      model,
      recipe,
      steps: total,
      calibration: maskedLMCalibration(packed.train, tokenizer, calibration),
      selection: readSelection(given, total),
      evaluate: () => evaluateOnBlocks(model, packed.heldOut, tokenizer, { seed }),
      teacher: teacher && { model: teacher, ...readTeacherOptions(given) },
      stop,
    });
    await keepBlocksBefore(run.path("training"), await readMosaics(model));
    return extras;
  };
  try {
    const training = { terminal, stop, seed, folder: run.path("training"), lock: run, prepare };
    const { model, steps, seconds, heldOut, stopReason } = await pretrainModel(packed, tokenizer, options, training);
    try {
      run.assertOwned();
      const { loss, perplexity, accuracy, count: masked } = heldOut;
      await saveModel(
        model,
        tokenizer,
        out,
        { source, length: Math.min(finetuning.length, options.length) },
        {
          words: run.commandLine ?? ["pretrain"],
          scores: { loss, perplexity, accuracy },
          scoresOn: `${formatCount(masked)} masked tokens of held-out texts`,
          sparsity: describeRecipe(recipe),
        },
      );
      const parameters = model.numParameters();
      const end = describeEnd(stopReason);
      await run.complete("pretraining", { steps, seconds, loss, perplexity, accuracy, parameters, ...end });
    } finally {
      model.dispose();
    }
  } finally {
    teacher?.dispose();
  }
};
