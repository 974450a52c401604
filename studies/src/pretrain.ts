import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadMaskedLMTeacher } from "@tessera/cli/internal/training/load-teacher";
import { makeSparse } from "@tessera/cli/internal/training/make-sparse";
import { loadMaskedLM, WEIGHTS_FILE } from "@tessera/cli/internal/training/model-folder";
import {
  createMaskedLM,
  evaluateOnBlocks,
  maskedLMCalibration,
  trainMaskedLM,
} from "@tessera/cli/internal/training/pretrain-model";
import { pretraining, pretrainingRecipes } from "@tessera/cli/internal/training/recipes";
import type { RobertaForMaskedLM } from "@tessera/models/roberta";
import type { Checkpoint } from "./cell.ts";
import type { Lab } from "./lab.ts";
import { measureSize, type Measured } from "./measured.ts";
import { recipeOf } from "./sparsity.ts";

/** Whether the models of a checkpoint are there to start from. */
export const hasCheckpoint = (lab: Pick<Lab, "path">, name: string): boolean =>
  existsSync(join(lab.path("checkpoints", name), WEIGHTS_FILE));

const begin = async (
  lab: Lab,
  { from, layers, hidden, heads, optimizer, seed }: Checkpoint,
): Promise<RobertaForMaskedLM> => {
  if (from !== undefined) return (await loadMaskedLM(lab.path("checkpoints", from))).model;
  const { positionInit } = pretrainingRecipes[optimizer];
  return createMaskedLM(
    { layers, hidden, heads, length: pretraining.length, positionInit },
    lab.tokenizer.vocabSize,
    seed,
  );
};

/** Pre-trains a checkpoint by the demo's recipe and saves it, or goes on with one that was stopped. */
export const pretrain = async (lab: Lab, checkpoint: Checkpoint): Promise<Measured> => {
  const { name, from, tokens, batchSize, optimizer, seed, sparse, taught = false } = checkpoint;
  const { lr, muonLr, weightDecay } = pretrainingRecipes[optimizer];
  const { maskProbability } = pretraining;
  const scale = from === undefined ? 1 : 0.5;
  const steps = Math.ceil(tokens / (batchSize * pretraining.length));
  const { corpus, tokenizer } = lab;
  const model = await begin(lab, checkpoint);
  const teacher = taught ? await loadMaskedLMTeacher(lab.path("checkpoints", from!), tokenizer) : undefined;
  try {
    const { calibration: count } = lab.scale;
    const batches = maskedLMCalibration(corpus.train, tokenizer, { batchSize, maskProbability, seed, count });
    const recipe = sparse && recipeOf(sparse, { steps, seed, calibration: count });
    const { seconds } = await trainMaskedLM(model, corpus.train, tokenizer, {
      ...lab.supervision,
      ...(recipe ? { callbacks: await makeSparse(model, recipe, batches, lab.supervision.stop) } : {}),
      ...(teacher ? { teacher: { model: teacher } } : {}),
      title: name,
      steps,
      lr: scale * lr,
      ...(muonLr === undefined ? {} : { muonLr: scale * muonLr }),
      weightDecay,
      batchSize,
      maskProbability,
      seed: seed + 1000 * Number(from !== undefined),
      folder: lab.path("training", name),
    });
    const { loss, accuracy } = await evaluateOnBlocks(model, corpus.heldOut, tokenizer, { seed: 0 });
    await model.savePretrained(lab.path("checkpoints", name), { files: tokenizer.toFiles() });
    return { loss, accuracy, trainSeconds: seconds, ...measureSize(model) };
  } finally {
    model.dispose();
    teacher?.dispose();
  }
};
