import { GLOSS_CLASSES } from "@tessera/models/data";
import { loadTokenizer } from "@tessera/models";
import { Option } from "commander";
import * as v from "valibot";
import { createGlossSource } from "../data/classification-data.ts";
import { readGlossCorpus, readTextCorpus } from "../data/corpus.ts";
import { shapes } from "../run-folder/read-checked-json.ts";
import type { PhaseSchemas } from "../run-folder/run-state.ts";
import { UsageError } from "../terminal/command-error.ts";
import { formatCount, formatDuration, formatPercent } from "../terminal/format.ts";
import { parseNames, parsePositiveNumber, parseShare } from "../terminal/parse-argument.ts";
import { startCommand } from "../terminal/start-command.ts";
import { saveModel } from "../training/model-folder.ts";
import { packCorpus, pretrainModel } from "../training/pretrain-model.ts";
import {
  architecture,
  finetuning,
  pretraining,
  pretrainingRecipes as recipes,
  type OptimizerName,
} from "../training/recipes.ts";
import { saveTokenizer, trainTokenizer } from "../training/train-tokenizer.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { withRunFolder } from "./with-run-folder.ts";
import {
  BEFORE_MUON,
  createCountOption,
  createFreshOption,
  createOptimizerOption,
  createTokensOption,
} from "./shared-options.ts";

interface PretrainCommandOptions {
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
  };
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
    createFreshOption(),
  ],
  examples: [
    "pretrain --tokens 3000000 --optimizer muon",
    "pretrain --text mine.txt --hidden 256 --layers 4 --out runs/mine",
  ],

  async run(context, { text, classes, vocab, fresh = false, optimizer, lr, muonLr, tokens, ...sizes }) {
    const { terminal, seed, device, out, stop } = context;
    if (optimizer !== "muon" && muonLr !== undefined)
      throw new UsageError(`--muon-lr: expected --optimizer muon, got ${optimizer}; leave one of them out`);
    const recipe = recipes[optimizer];
    const muon = recipe.muonLr === undefined ? {} : { muonLr: muonLr ?? recipe.muonLr };
    const own = { tokens: tokens ?? recipe.tokens, ...sizes, lr: lr ?? recipe.lr, ...muon };
    const options = { ...recipe, ...own };
    const settings = { seed, device, text: text ?? "WordNet", classes: classes.join(), vocab, optimizer, ...own };
    const inputs: Record<string, string> = text === undefined ? {} : { "--text": text };
    const description = { settings, phases: pretrainPhases, inputs, earlier: BEFORE_MUON };
    await withRunFolder(context, description, fresh, async (run) => {
      const corpus = await (text === undefined
        ? readGlossCorpus(createGlossSource(seed, classes))
        : readTextCorpus(text));
      terminal.printLine(`${formatCount(corpus.texts.length)} texts`);
      if (!run.get("tokenizer")) {
        const trained = await trainTokenizer(corpus.texts, vocab, { terminal, stop });
        await saveTokenizer(trained, run.path("tokenizer"));
        await run.complete("tokenizer", { vocabSize: trained.vocabSize });
      }
      const tokenizer = await loadTokenizer(run.path("tokenizer"));
      if (!run.get("pretraining")) {
        const packed = packCorpus(corpus.texts, tokenizer, options.length);
        const training = { terminal, stop, seed, folder: run.path("training"), lock: run };
        const { model, steps, seconds, heldOut } = await pretrainModel(packed, tokenizer, options, training);
        try {
          run.assertOwned();
          await saveModel(model, tokenizer, out, {
            source: corpus.heldOut,
            length: Math.min(finetuning.length, options.length),
          });
          const { loss, perplexity, accuracy } = heldOut;
          const parameters = model.numParameters();
          await run.complete("pretraining", { steps, seconds, loss, perplexity, accuracy, parameters });
        } finally {
          model.dispose();
        }
      }
      const result = run.get("pretraining")!;
      terminal.printResult({ model: out, ...result }, [
        `loss ${result.loss.toFixed(4)}  perplexity ${result.perplexity.toFixed(1)}${result.accuracy === undefined ? "" : `  ${formatPercent(result.accuracy)} of masked tokens right`}  on held-out texts, after ${formatCount(result.steps)} steps in ${formatDuration(result.seconds)}`,
        `Saved to ${out}; next: ${startCommand} finetune ${out}`,
      ]);
    });
  },
};
