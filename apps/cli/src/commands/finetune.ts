import { manualSeed } from "@tessera/tensor";
import { loadTokenizer } from "@tessera/models";
import { join } from "node:path";
import { Option } from "commander";
import {
  createGlossSource,
  readGlosses,
  readLabelledFiles,
  type ClassificationData,
} from "../data/classification-data.ts";
import { shapes } from "../run-folder/read-checked-json.ts";
import type { PhaseSchemas } from "../run-folder/run-state.ts";
import { CommandError, UsageError } from "../terminal/command-error.ts";
import { formatCount, formatPercent } from "../terminal/format.ts";
import { encodeExamples, evaluateClassifier, finetuneClassifier } from "../training/finetune-classifier.ts";
import {
  loadWithNewHead,
  maxTextLength,
  createClassifier,
  readConfig,
  readNotes,
  saveModel,
  WEIGHTS_FILE,
} from "../training/model-folder.ts";
import { finetuning } from "../training/recipes.ts";
import type { CommandDefinition, Context } from "./command-definition.ts";
import { withRunFolder } from "./with-run-folder.ts";
import {
  createFinetuneOptions,
  createFreshOption,
  createLabelledTextOptions,
  createModelArgument,
  type FinetuneOptions,
  type LabelledTextOptions,
} from "./shared-options.ts";

type FinetuneCommandOptions = LabelledTextOptions & FinetuneOptions & { scratch?: true; fresh?: true };

interface FinetunePhases {
  finetuning: { accuracy: number; loss: number; count: number; parameters: number; seconds: number };
}

const { count, number, object } = shapes;

const finetunePhases: PhaseSchemas<FinetunePhases> = {
  finetuning: object({ accuracy: number, loss: number, count, parameters: count, seconds: number }),
};

export const finetuneCommand: CommandDefinition<FinetuneCommandOptions> = {
  name: "finetune",
  summary: "teach a pre-trained model, dense or sparse, to classify texts",
  writes: "afresh, or on with --resume",
  arguments: [createModelArgument()],
  options: [
    ...createLabelledTextOptions(),
    ...createFinetuneOptions(),
    new Option("--scratch", "take the model's shape alone, with new weights"),
    createFreshOption(),
  ],
  examples: [
    "finetune runs/pretrain --labels-per-class 100",
    "finetune runs/patch --train mine.tsv --test test.tsv --out runs/mine",
  ],

  async run(context, options, folder) {
    const { terminal, seed, device, out, stop } = context;
    const { steps, lr, batchSize, scratch = false, fresh = false } = options;
    const config = await readConfig(folder);
    const length = Math.min(options.length, maxTextLength(config));
    const data = await readLabelledTexts(context, options, folder);
    const settings = {
      model: folder,
      seed,
      device,
      steps,
      lr,
      batchSize,
      length,
      scratch,
      train: options.train ?? "WordNet",
      test: options.test ?? "WordNet",
      classes: data.labels.join(),
      labels: data.train.length,
    };
    const { train, test } = options;
    const inputs = {
      model: join(folder, WEIGHTS_FILE),
      ...(train === undefined ? {} : { "--train": train }),
      ...(test === undefined ? {} : { "--test": test }),
    };
    await withRunFolder(context, { settings, phases: finetunePhases, inputs }, fresh, async (run) => {
      terminal.printLine(
        `${formatCount(data.train.length)} texts to learn from, ${formatCount(data.test.length)} to test on: ${data.labels.join(", ")}`,
      );
      if (!run.get("finetuning")) {
        const tokenizer = await loadTokenizer(folder);
        manualSeed(seed);
        const model = await (scratch ? createClassifier : loadWithNewHead)(folder, data.labels);
        try {
          const examples = encodeExamples(data.train, tokenizer, length);
          const training = {
            title: "fine-tuning",
            terminal,
            stop,
            steps,
            lr,
            batchSize,
            seed,
            folder: run.path("training"),
            lock: run,
          };
          const { seconds } = await finetuneClassifier(model, examples, training);
          const tested = encodeExamples(data.test, tokenizer, length);
          const found = await evaluateClassifier(model, tested, { title: "evaluating", terminal, stop });
          run.assertOwned();
          await saveModel(model, tokenizer, out, { source: data.source, length });
          const { accuracy, loss, count } = found;
          await run.complete("finetuning", { accuracy, loss, count, parameters: model.numParameters(), seconds });
        } finally {
          model.dispose();
        }
      }
      const result = run.get("finetuning")!;
      terminal.printResult({ model: out, ...result }, [
        `accuracy ${formatPercent(result.accuracy, 2)}  loss ${result.loss.toFixed(4)}  on ${formatCount(result.count)} texts`,
        `Saved to ${out}`,
      ]);
    });
  },
};

/** Reads the files that the options name, or WordNet's glosses in the split that the model was not pre-trained on. */
const readLabelledTexts = async (
  { seed, terminal }: Context,
  { train, test, classes, labelsPerClass }: LabelledTextOptions,
  folder: string,
): Promise<ClassificationData> => {
  if (train !== undefined || test !== undefined) {
    if (train === undefined || test === undefined) {
      throw new UsageError(
        `finetune: expected both --train and --test, got only ${train === undefined ? "--test" : "--train"}`,
      );
    }
    return readLabelledFiles(train, test, {
      ...(classes ? { classes } : {}),
      ...(labelsPerClass ? { labelsPerClass } : {}),
    });
  }
  const before = (await readNotes(folder))?.source;
  const read = before?.kind === "wordnet" ? before : undefined;
  const unread = classes?.filter((name) => read && !read.classes.includes(name)) ?? [];
  if (unread.length > 0) {
    throw new CommandError(
      `finetune: expected classes whose test glosses ${folder} has not read, got ${unread.join(", ")}; pre-train with --classes ${classes!.join()}`,
    );
  }
  const source = createGlossSource(read?.seed ?? seed, classes ?? read?.classes);
  if (source.seed !== seed)
    terminal.printLine(`the split is that of seed ${source.seed}, whose test glosses the model has not read`);
  return readGlosses(source, labelsPerClass ?? finetuning.labelsPerClass);
};
