import { GLOSS_CLASSES } from "@tessera/models/data";
import { loadTokenizer } from "@tessera/models";
import { Option } from "commander";
import { createGlossSource } from "../data/classification-data.ts";
import { readGlossCorpus, readTextCorpus } from "../data/corpus.ts";
import { shapes } from "../run-folder/read-checked-json.ts";
import type { PhaseSchemas } from "../run-folder/run-state.ts";
import { formatCount, formatDuration } from "../terminal/format.ts";
import { parseNames, parsePositiveNumber, parseShare } from "../terminal/parse-argument.ts";
import { startCommand } from "../terminal/start-command.ts";
import { saveModel } from "../training/model-folder.ts";
import { packCorpus, pretrainModel } from "../training/pretrain-model.ts";
import { architecture, DEFAULT_TOKENS, finetuning, pretraining } from "../training/recipes.ts";
import { saveTokenizer, trainTokenizer } from "../training/train-tokenizer.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { withRunFolder } from "./with-run-folder.ts";
import { createCountOption, createFreshOption } from "./shared-options.ts";

interface PretrainCommandOptions {
  text?: string;
  classes: readonly string[];
  tokens: number;
  layers: number;
  hidden: number;
  heads: number;
  vocab: number;
  batchSize: number;
  length: number;
  lr: number;
  maskProbability: number;
  fresh?: true;
}

interface PretrainPhases {
  tokenizer: { vocabSize: number };
  pretraining: { steps: number; seconds: number; loss: number; perplexity: number; parameters: number };
}

const { count, number, object } = shapes;

const pretrainPhases: PhaseSchemas<PretrainPhases> = {
  tokenizer: object({ vocabSize: count }),
  pretraining: object({ steps: count, seconds: number, loss: number, perplexity: number, parameters: count }),
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
    createCountOption("--tokens <n>", "tokens to read", DEFAULT_TOKENS),
    createCountOption("--layers <n>", "layers of the encoder", architecture.layers),
    createCountOption("--hidden <n>", "width of the encoder", architecture.hidden),
    createCountOption("--heads <n>", "heads of attention", architecture.heads),
    createCountOption("--vocab <n>", "tokens of the vocabulary", architecture.vocabSize, 261),
    createCountOption("--batch-size <n>", "blocks a step", pretraining.batchSize),
    createCountOption("--length <n>", "tokens of a block", pretraining.length, 3),
    new Option("--lr <rate>", "largest learning rate").argParser(parsePositiveNumber).default(pretraining.lr),
    new Option("--mask-probability <p>", "share of the tokens to guess")
      .argParser(parseShare)
      .default(pretraining.maskProbability),
    createFreshOption(),
  ],
  examples: ["pretrain --tokens 3000000", "pretrain --text mine.txt --hidden 256 --layers 4 --out runs/mine"],

  async run(context, { text, classes, vocab, fresh = false, ...options }) {
    const { terminal, seed, device, out, stop } = context;
    const settings = { seed, device, text: text ?? "WordNet", classes: classes.join(), vocab, ...options };
    const inputs: Record<string, string> = text === undefined ? {} : { "--text": text };
    await withRunFolder(context, { settings, phases: pretrainPhases, inputs }, fresh, async (run) => {
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
          const { loss, perplexity } = heldOut;
          await run.complete("pretraining", { steps, seconds, loss, perplexity, parameters: model.numParameters() });
        } finally {
          model.dispose();
        }
      }
      const result = run.get("pretraining")!;
      terminal.printResult({ model: out, ...result }, [
        `loss ${result.loss.toFixed(4)}  perplexity ${result.perplexity.toFixed(1)}  on held-out texts, after ${formatCount(result.steps)} steps in ${formatDuration(result.seconds)}`,
        `Saved to ${out}; next: ${startCommand} finetune ${out}`,
      ]);
    });
  },
};
