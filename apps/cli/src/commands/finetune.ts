import { manualSeed } from "@tessera/tensor";
import { loadTokenizer, type SequenceClassificationInputs } from "@tessera/models";
import { join } from "node:path";
import { Option } from "commander";
import {
  createGlossSource,
  readGlosses,
  readLabelledFiles,
  type ClassificationData,
} from "../data/classification-data.ts";
import { shapes } from "../run-folder/read-checked-json.ts";
import type { PhaseSchemas, RunState } from "../run-folder/run-state.ts";
import { CommandError, UsageError } from "../terminal/command-error.ts";
import { formatCount, formatPercent } from "../terminal/format.ts";
import { Terminal } from "../terminal/terminal.ts";
import { createExtras } from "../training/create-extras.ts";
import {
  classifierCalibration,
  encodeExamples,
  evaluateClassifier,
  finetuneClassifier,
} from "../training/finetune-classifier.ts";
import { loadClassifierTeacher } from "../training/load-teacher.ts";
import { describeRecipe } from "../training/make-sparse.ts";
import { readMosaics } from "../training/patch-model.ts";
import { loggingStepsOf } from "../training/train-model.ts";
import { readValidation } from "../training/validation-data.ts";
import { keepBlocksBefore } from "../run-report/read-blocks.ts";
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
  createFinetuneOptions,
  createFreshOption,
  createLabelledTextOptions,
  createKnownModelArgument,
  type FinetuneOptions,
  type LabelledTextOptions,
} from "./shared-options.ts";

type FinetuneCommandOptions = LabelledTextOptions &
  FinetuneOptions &
  SparseOptions & { scratch?: true; validation?: string; fresh?: true };

interface FinetunePhases {
  finetuning: {
    accuracy: number;
    loss: number;
    count: number;
    parameters: number;
    seconds: number;
  } & WhatEnded;
}

const { count, number, object } = shapes;

const finetunePhases: PhaseSchemas<FinetunePhases> = {
  finetuning: object({ accuracy: number, loss: number, count, parameters: count, seconds: number, ...whatEnded }),
};

export const finetuneCommand: CommandDefinition<FinetuneCommandOptions> = {
  name: "finetune",
  summary: "teach a pre-trained model, dense or sparse, to classify texts",
  writes: "afresh, or on with --resume",
  arguments: [createKnownModelArgument()],
  options: [
    ...createLabelledTextOptions(),
    ...createFinetuneOptions(),
    new Option("--scratch", "take the model's shape alone, with new weights"),
    ...createSparseOptions(),
    new Option(
      "--validation <file>",
      "texts to choose the model by, label<TAB>text a line (default: other glosses, or a fifth of --train)",
    ),
    createFreshOption(),
  ],
  examples: [
    "finetune runs/pretrain --labels-per-class 100",
    "finetune runs/patch --train mine.tsv --test test.tsv --out runs/mine",
    "finetune runs/pretrain --sparse density=0.25 --sparsity-schedule cubic --sparsity-scope global --distil runs/dense",
    "finetune runs/pretrain --sparse density=0.5 --dynamic rigl --eval-every 20 --keep-best",
    "finetune runs/pretrain --patterns runs/allocate/patterns.json --sparsity-schedule cubic",
    "finetune --resume --out runs/mine",
  ],

  async run(context, given, folder) {
    const { seed, device } = context;
    const options = await readTargets(given);
    const { steps, lr, batchSize, scratch = false, fresh = false, validation } = options;
    if (folder === undefined) throw new UsageError("finetune: expected the folder of a model, got none; see --help");
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
      ...(validation === undefined ? {} : { validation }),
      ...toSettings(options),
    };
    readSparseRecipe(options, steps, seed);
    if (validation !== undefined && readEvalSteps(options, steps) === undefined)
      throw new UsageError("--validation: expected --eval-every, --keep-best or --early-stopping beside it, got none");
    const inputs = {
      model: join(folder, WEIGHTS_FILE),
      ...(options.train === undefined ? {} : { "--train": options.train }),
      ...(options.test === undefined ? {} : { "--test": options.test }),
      ...(validation === undefined ? {} : { "--validation": validation }),
      ...inputsOf(options),
    };
    await withRunFolder(context, { settings, phases: finetunePhases, inputs }, fresh, async (run) => {
      const { terminal, out } = context;
      terminal.printLine(
        `${formatCount(data.train.length)} texts to learn from, ${formatCount(data.test.length)} to test on: ${data.labels.join(", ")}`,
      );
      const evalSteps = readEvalSteps(options, steps);
      const facts = { steps, batchSize, examples: data.train.length, loggingSteps: loggingStepsOf(steps), evalSteps };
      if (!run.get("finetuning"))
        await withRunFiles(run, facts, terminal, () => train(context, options, run, { folder, data, length }));
      const result = run.get("finetuning")!;
      terminal.printResult({ model: out, ...result }, [
        `accuracy ${formatPercent(result.accuracy, 2)}  loss ${result.loss.toFixed(4)}  on ${formatCount(result.count)} texts`,
        ...(result.stopReason === undefined ? [] : [`Ended early: ${result.stopReason}`]),
        `Saved to ${out}`,
      ]);
    });
  },
};

/** Fine-tunes, tests and saves the model of a run. */
const train = async (
  { terminal, seed, out, stop }: Context,
  options: FinetuneCommandOptions,
  run: RunState<FinetunePhases>,
  { folder, data, length }: { folder: string; data: ClassificationData; length: number },
): Promise<void> => {
  const { steps, lr, batchSize, scratch = false, distil } = options;
  const recipe = readSparseRecipe(options, steps, seed);
  const evalSteps = readEvalSteps(options, steps);
  const texts =
    evalSteps === undefined ? { train: data.train, validation: [] } : await readValidation(data, options.validation);
  const tokenizer = await loadTokenizer(folder);
  const examples = encodeExamples(texts.train, tokenizer, length);
  const validation = encodeExamples(texts.validation, tokenizer, length);
  const teacher = distil === undefined ? undefined : await loadClassifierTeacher(distil, tokenizer, data.labels);
  try {
    manualSeed(seed);
    const model = await (scratch ? createClassifier : loadWithNewHead)(folder, data.labels);
    try {
      const { padTokenId } = model.config;
      const calibration = { batchSize, seed, count: recipe.criterionBatches };
      const quietly = {
        title: "validation",
        terminal: new Terminal({ quiet: true }),
        stop: new AbortController().signal,
      };
      const extras = await createExtras<SequenceClassificationInputs>({
        model,
        recipe,
        steps,
        calibration: classifierCalibration(padTokenId, examples, calibration),
        selection: readSelection(options, steps),
        evaluate: () => evaluateClassifier(model, validation, quietly),
        teacher: teacher && { model: teacher, ...readTeacherOptions(options) },
        stop,
      });
      await keepBlocksBefore(run.path("training"), await readMosaics(model));
      const { seconds, stopReason } = await finetuneClassifier(model, examples, {
        title: "fine-tuning",
        terminal,
        stop,
        steps,
        lr,
        batchSize,
        seed,
        folder: run.path("training"),
        lock: run,
        ...extras,
      });
      const tested = encodeExamples(data.test, tokenizer, length);
      const { accuracy, loss, count } = await evaluateClassifier(model, tested, {
        title: "evaluating",
        terminal,
        stop,
      });
      run.assertOwned();
      await saveModel(
        model,
        tokenizer,
        out,
        { source: data.source, length },
        {
          words: run.commandLine ?? ["finetune"],
          scores: { accuracy, loss },
          scoresOn: `${formatCount(count)} test texts`,
          sparsity: describeRecipe(recipe),
        },
      );
      const parameters = model.numParameters();
      await run.complete("finetuning", { accuracy, loss, count, parameters, seconds, ...describeEnd(stopReason) });
    } finally {
      model.dispose();
    }
  } finally {
    teacher?.dispose();
  }
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
