import { ClassificationCollator, NaiveBayes } from "@tessera/models/data";
import {
  classificationEpoch,
  maskedLMEpoch,
  scoreClassification,
  scoreMaskedLM,
  type ItemScores,
} from "@tessera/models/training";
import type { Module, TrainingCallback } from "@tessera/nn";
import type { LayerPlan } from "@tessera/sparse";
import { manualSeed } from "@tessera/tensor";
import { makeSparse } from "@tessera/cli/internal/training/make-sparse";
import { loadClassifier, loadMaskedLM, loadWithNewHead } from "@tessera/cli/internal/training/model-folder";
import { classifierCalibration, finetuneClassifier } from "@tessera/cli/internal/training/finetune-classifier";
import { createCollator, maskedLMCalibration, trainMaskedLM } from "@tessera/cli/internal/training/pretrain-model";
import {
  EVALUATION_MASKING,
  finetuning,
  pretraining,
  pretrainingRecipes,
} from "@tessera/cli/internal/training/recipes";
import { denseOf, nameCell, type Cell, type GlossTask } from "./cell.ts";
import type { Lab } from "./lab.ts";
import { measureSize, type Measured } from "./measured.ts";
import { recipeOf } from "./sparsity.ts";

const meanOf = ({ losses, correct, weights }: ItemScores): { loss: number; accuracy: number } => {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = (values: Float64Array): number => values.reduce((sum, value, i) => sum + weights[i]! * value, 0) / total;
  return { loss: mean(losses), accuracy: mean(correct) };
};

/** What a task asks of a model: how it begins, learns, and is tested. */
interface Subject<M extends Module, Inputs> {
  /** @param dense how the trained dense model of the same cell is called, to begin with that */
  load(dense?: string): Promise<M & { forward(inputs: Inputs): unknown }>;
  readonly calibration: () => Iterable<Inputs>;
  train(model: M, callbacks: TrainingCallback[], teacher?: M): Promise<unknown>;
  score(model: M): Promise<ItemScores>;
}

const maskedLMSubject = (
  lab: Lab,
  { model: name, steps, seed }: Cell,
): Subject<Awaited<ReturnType<typeof loadMaskedLM>>["model"], never> => {
  const { corpus, tokenizer, supervision, scale } = lab;
  const { lr, weightDecay } = pretrainingRecipes.adamw;
  const { batchSize, maskProbability } = pretraining;
  const order = { batchSize, maskProbability, seed };
  return {
    load: async () => (await loadMaskedLM(lab.path("checkpoints", name))).model,
    calibration: maskedLMCalibration(corpus.train, tokenizer, {
      ...order,
      count: scale.calibration,
    }) as () => Iterable<never>,
    train: (model, callbacks, teacher) =>
      trainMaskedLM(model, corpus.train, tokenizer, {
        ...supervision,
        ...order,
        ...(teacher ? { teacher: { model: teacher } } : {}),
        callbacks,
        title: "recovery",
        steps,
        lr,
        weightDecay,
      }),
    score: (model) => {
      const collator = createCollator(tokenizer, EVALUATION_MASKING);
      return scoreMaskedLM(model, maskedLMEpoch({ blocks: corpus.heldOut, collator, batchSize: 32, seed: 0 }));
    },
  };
};

const glossSubject = (
  lab: Lab,
  { model: name, task, steps, seed }: Cell,
): Subject<Awaited<ReturnType<typeof loadClassifier>>["model"], never> => {
  const { tokenizer, supervision, scale } = lab;
  const { labels, train, test } = lab.labelled(task as GlossTask, seed);
  const { batchSize, lr } = finetuning;
  const { padTokenId } = tokenizer;
  const examples = lab.encode(train);
  return {
    load: async (dense) => {
      if (dense !== undefined) return (await loadClassifier(lab.path("classifiers", dense))).model;
      // All models of a seed get the same initial weights in the head.
      manualSeed(seed);
      return loadWithNewHead(lab.path("checkpoints", name), labels);
    },
    calibration: classifierCalibration(padTokenId, examples, {
      batchSize,
      seed,
      count: scale.calibration,
    }) as () => Iterable<never>,
    train: (model, callbacks, teacher) =>
      finetuneClassifier(model, examples, {
        ...supervision,
        ...(teacher ? { teacher: { model: teacher } } : {}),
        callbacks,
        title: "fine-tuning",
        steps,
        lr,
        batchSize,
        seed,
      }),
    score: (model) => {
      const collator = new ClassificationCollator({ padTokenId });
      const sorted = lab.encode(test).sort((a, b) => a.ids.length - b.ids.length);
      return scoreClassification(model, classificationEpoch({ examples: sorted, collator, batchSize: 64 }));
    },
  };
};

/** Measures a cell. @param plans densities of single layers, where the density is shared out */
export const runCell = async (lab: Lab, cell: Cell, plans?: readonly LayerPlan[]): Promise<Measured> => {
  if (cell.model === "naive Bayes") {
    const { train, test } = lab.labelled(cell.task as GlossTask, cell.seed);
    return { accuracy: new NaiveBayes().fit(train).accuracy(test) };
  }
  return cell.task === "maskedLM"
    ? measure(lab, cell, maskedLMSubject(lab, cell), plans)
    : measure(lab, cell, glossSubject(lab, cell), plans);
};

const measure = async <M extends Module>(
  lab: Lab,
  cell: Cell,
  subject: Subject<M, never>,
  plans: readonly LayerPlan[] | undefined,
): Promise<Measured> => {
  const { sparse, task, steps, seed, taught } = cell;
  const trained = nameCell(denseOf(cell));
  const model = await subject.load(sparse?.when === "after" && task !== "maskedLM" ? trained : undefined);
  const teacher = taught ? await subject.load(trained) : undefined;
  try {
    const { calibration } = lab.scale;
    const recipe = sparse && recipeOf(sparse, { steps, seed, calibration, plans });
    const callbacks = recipe ? await makeSparse(model, recipe, subject.calibration, lab.supervision.stop) : [];
    const begun = performance.now();
    if (steps > 0 && sparse?.when !== "after") await subject.train(model, callbacks, teacher);
    const trainSeconds = (performance.now() - begun) / 1000;
    if (!sparse && task !== "maskedLM")
      await (
        model as unknown as { savePretrained: (folder: string, options: object) => Promise<unknown> }
      ).savePretrained(lab.path("classifiers", trained), { files: lab.tokenizer.toFiles() });
    return { ...meanOf(await subject.score(model)), ...measureSize(model), trainSeconds };
  } finally {
    model.dispose();
    teacher?.dispose();
  }
};
