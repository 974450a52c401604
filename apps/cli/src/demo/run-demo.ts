import { stat } from "node:fs/promises";
import { NaiveBayes } from "@tessera/models/data";
import { manualSeed } from "@tessera/tensor";
import { hashFile } from "../run-folder/hash-file.ts";
import { formatCount, formatPercent } from "../terminal/format.ts";
import { fillMask } from "../training/fill-mask.ts";
import { encodeExamples, evaluateClassifier, finetuneClassifier } from "../training/finetune-classifier.ts";
import {
  loadWithNewHead,
  loadClassifier,
  loadMaskedLM,
  createClassifier,
  saveModel,
  WEIGHTS_FILE,
} from "../training/model-folder.ts";
import { patchInPlace, findSparseLayers } from "../training/patch-model.ts";
import { packCorpus, createPretrainOptions, pretrainModel } from "../training/pretrain-model.ts";
import { findLookingHead, readAttention } from "../training/read-attention.ts";
import { architecture, finetuning, patching, pretraining } from "../training/recipes.ts";
import { measureFrequencies } from "../training/token-frequencies.ts";
import { saveTokenizer, trainTokenizer } from "../training/train-tokenizer.ts";
import { evaluateInNewProcess } from "./evaluate-in-new-process.ts";
import { CLASSIFIERS, type ClassifierName, type ClassifierResult } from "./demo-phases.ts";
import { classifierTitles, type DemoRun } from "./demo-run.ts";
import { measureSpeed } from "./measure-speed.ts";
import { writeDemoReport } from "./write-demo-report.ts";

const MASKED_TEXTS = [
  "a small <mask> that eats seeds",
  "a tropical <mask> having edible fruit",
  "a person who <mask> music",
  "a large building used for <mask>",
  "of or relating to the <mask>",
];
/** Guesses for each of them. */
const TOP = 3;

/** Runs all phases in order and skips those that are done. */
export const runDemo = async (demo: DemoRun): Promise<void> => {
  await readData(demo);
  await learnTokenizer(demo);
  await measureBaseline(demo);
  await pretrain(demo);
  await patchPretrained(demo);
  for (const name of CLASSIFIERS) await trainClassifier(demo, name);
  await reloadSparse(demo);
  await measureSpeeds(demo);
  await fillMasks(demo);
  await writeReport(demo);
};

const readData = (demo: DemoRun): Promise<void> =>
  demo.runPhase(
    "data",
    "data",
    async () => {
      const [glosses, task, corpus] = await Promise.all([demo.readGlosses(), demo.makeTask(), demo.readCorpus()]);
      return { glosses: glosses.length, texts: corpus.length, train: task.train.length, test: task.test.length };
    },
    ({ texts, train, test }) =>
      `WordNet: ${formatCount(texts)} texts to read, ${formatCount(train)} labelled ones, ${formatCount(test)} to test on`,
  );

const learnTokenizer = (demo: DemoRun): Promise<void> =>
  demo.runPhase(
    "tokenizer",
    "tokenizer",
    async () => {
      const trained = await trainTokenizer(await demo.readCorpus(), architecture.vocabSize, demo.supervision);
      await saveTokenizer(trained, demo.path("tokenizer"));
      return { vocabSize: trained.vocabSize };
    },
    ({ vocabSize }) => `byte-level BPE with ${formatCount(vocabSize)} tokens`,
  );

const measureBaseline = (demo: DemoRun): Promise<void> =>
  demo.runPhase(
    "baseline",
    "naive Bayes",
    async () => {
      const { train, test } = await demo.makeTask();
      return { accuracy: new NaiveBayes().fit(train).accuracy(test) };
    },
    ({ accuracy }) => `${formatPercent(accuracy)} right: the baseline`,
  );

const pretrain = (demo: DemoRun): Promise<void> =>
  demo.runPhase(
    "pretraining",
    "pre-training",
    async () => {
      const { seed, optimizer, tokens } = demo.settings;
      const options = createPretrainOptions(optimizer, tokens);
      const words = await demo.loadTokenizer();
      const corpus = packCorpus(await demo.readCorpus(), words, options.length);
      const { model, steps, heldOut } = await pretrainModel(corpus, words, options, {
        ...demo.supervision,
        seed,
        folder: demo.trainingPath("pretraining"),
      });
      try {
        const sha256 = await saveAndHash(demo, "pretrained", model, { loss: heldOut.loss, accuracy: heldOut.accuracy });
        const read = steps * options.batchSize * options.length;
        const { loss: heldOutLoss, accuracy: heldOutAccuracy } = heldOut;
        return { steps, tokens: read, parameters: model.numParameters(), heldOutLoss, heldOutAccuracy, sha256 };
      } finally {
        model.dispose();
      }
    },
    ({ steps, tokens, heldOutLoss, heldOutAccuracy }) =>
      `${formatCount(tokens)} tokens in ${formatCount(steps)} steps; of held-out texts loss ${heldOutLoss.toFixed(3)}${heldOutAccuracy === undefined ? "" : `, ${formatPercent(heldOutAccuracy)} of masked tokens right`}`,
  );

const patchPretrained = (demo: DemoRun): Promise<void> =>
  demo.runPhase(
    "patching",
    "patching",
    async () => {
      const { model } = await loadMaskedLM(demo.modelPath("pretrained"));
      try {
        const dense = model.numParameters();
        await patchInPlace(model, patching);
        await saveAndHash(demo, "patched", model);
        const { density, length } = findSparseLayers(model).reduce(
          (all, [, layer]) => ({ density: all.density + layer.density, length: all.length + 1 }),
          { density: 0, length: 0 },
        );
        return { dense, sparse: model.numParameters(), layers: length, density: density / length };
      } finally {
        model.dispose();
      }
    },
    ({ dense, sparse, layers, density }) =>
      `${layers} layers to density ${density.toFixed(2)}: ${formatCount(dense)} → ${formatCount(sparse)} parameters`,
  );

/** Fine-tunes, evaluates and saves one classifier. */
const trainClassifier = (demo: DemoRun, name: ClassifierName): Promise<void> =>
  demo.runPhase(
    name,
    classifierTitles[name],
    async (): Promise<ClassifierResult> => {
      const { seed, finetuneSteps } = demo.settings;
      const [task, words] = await Promise.all([demo.makeTask(), demo.loadTokenizer()]);
      // All three classifiers get the same initial weights in the head.
      manualSeed(seed);
      const model =
        name === "scratch"
          ? await createClassifier(demo.modelPath("pretrained"), task.labels)
          : await loadWithNewHead(demo.modelPath(name === "dense" ? "pretrained" : "patched"), task.labels);
      try {
        const { lr, batchSize, length } = finetuning;
        const title = classifierTitles[name];
        await finetuneClassifier(model, encodeExamples(task.train, words, length), {
          ...demo.supervision,
          title,
          steps: finetuneSteps,
          lr,
          batchSize,
          seed,
          folder: demo.trainingPath(name),
        });
        const test = encodeExamples(task.test, words, length);
        const { accuracy, loss } = await evaluateClassifier(model, test, { ...demo.supervision, title: "evaluating" });
        const sha256 = await saveAndHash(demo, name, model, { loss, accuracy });
        const { size } = await stat(demo.path("models", name, WEIGHTS_FILE));
        return { accuracy, loss, parameters: model.numParameters(), bytes: size, sha256 };
      } finally {
        model.dispose();
      }
    },
    ({ accuracy }) => `fine-tuned with ${demo.labelsPerClass} labels a class: ${formatPercent(accuracy)} right`,
  );

/** Saves a model with its tokenizer and WordNet's licence, and resolves to the hash of its weights. */
const saveAndHash = async (
  demo: DemoRun,
  name: Parameters<DemoRun["modelPath"]>[0],
  model: Parameters<typeof saveModel>[0],
  scores: Readonly<Record<string, number>> = {},
): Promise<string> => {
  const folder = demo.modelPath(name);
  demo.state.assertOwned();
  const { seed, optimizer, tokens, finetuneSteps } = demo.settings;
  const settings = { seed, optimizer, tokens, "finetune-steps": finetuneSteps };
  const words = ["demo", ...Object.entries(settings).flatMap(([option, value]) => [`--${option}`, String(value)])];
  const notes = { source: demo.split, length: finetuning.length };
  await saveModel(model, await demo.loadTokenizer(), folder, notes, { words, scores, scoresOn: "held-out glosses" });
  return hashFile(demo.path("models", name, WEIGHTS_FILE));
};

const reloadSparse = (demo: DemoRun): Promise<void> =>
  demo.runPhase(
    "reload",
    "new process",
    () => evaluateInNewProcess(demo.modelPath("sparse"), demo.result("sparse"), demo.settings.device, demo.supervision),
    ({ accuracy }) => `reads the sparse model back: ${formatPercent(accuracy, 2)}, the same to the digit`,
  );

const measureSpeeds = (demo: DemoRun): Promise<void> =>
  demo.runPhase(
    "speed",
    "speed",
    async () => {
      const { test } = await demo.makeTask();
      const examples = encodeExamples(
        test.slice(0, finetuning.batchSize),
        await demo.loadTokenizer(),
        finetuning.length,
      );
      const loaded = await Promise.all(
        CLASSIFIERS.map(async (name) => [name, (await loadClassifier(demo.modelPath(name))).model] as const),
      );
      try {
        return await measureSpeed(
          Object.fromEntries(loaded) as Record<ClassifierName, (typeof loaded)[0][1]>,
          examples,
        );
      } finally {
        for (const [, model] of loaded) model.dispose();
      }
    },
    ({ dense, sparse }) =>
      `a training step takes ${(1000 * dense.stepSeconds).toFixed(1)} ms dense and ${(1000 * sparse.stepSeconds).toFixed(1)} ms sparse`,
  );

const formatGuesses = (guesses: readonly { token: string; probability: number }[]): string =>
  guesses.map(({ token, probability }) => `${token.trim()} ${formatPercent(probability, 0)}`).join(", ");

const fillMasks = (demo: DemoRun): Promise<void> =>
  demo.runPhase(
    "masks",
    "filling masks",
    async () => {
      const { model } = await loadMaskedLM(demo.modelPath("pretrained"));
      try {
        const words = await demo.loadTokenizer();
        const fills = [];
        for (const text of MASKED_TEXTS) fills.push({ text, fills: await fillMask(model, words, text, TOP) });
        const corpus = packCorpus(await demo.readCorpus(), words, pretraining.length);
        const frequencies = measureFrequencies(corpus, words, TOP);
        const attention = findLookingHead(await readAttention(model, words, MASKED_TEXTS[0]!));
        return { fills, frequencies, attention };
      } finally {
        model.dispose();
      }
    },
    ({ fills, frequencies }) =>
      fills
        .slice(0, 1)
        .map(({ text, fills: guesses }) => `${text}: ${formatGuesses(guesses)}`)
        .join() + (frequencies ? `; by frequency: ${formatGuesses(frequencies.guesses)}` : ""),
  );

const writeReport = (demo: DemoRun): Promise<void> =>
  demo.runPhase(
    "report",
    "report",
    async () => ({ path: await writeDemoReport(demo) }),
    ({ path }) => path,
  );
