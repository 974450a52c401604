import type { Module } from "@tessera/nn";
import { earlyStopping, keepBest, type Metrics, type Teacher } from "@tessera/models/training";
import { evaluatedFrom } from "./evaluated-from.ts";
import { lastChangeOf, makeSparse, type SparseRecipe } from "./make-sparse.ts";
import type { TrainingExtras } from "./train-model.ts";

/** Which model of a training is kept, and when it ends early. */
export interface Selection {
  evalSteps: number | undefined;
  keepBest: boolean;
  earlyStopping: number | undefined;
  metric: "loss" | "accuracy";
}

export interface ExtrasOptions<Inputs> {
  model: Module & { forward(inputs: Inputs): unknown };
  recipe: SparseRecipe;
  /** Of the whole training. */
  steps: number;
  /** Makes batches for criteria: the same ones each time. */
  calibration: () => Iterable<Inputs>;
  selection: Selection;
  /** On validation data; not called without `selection.evalSteps`. */
  evaluate: () => Promise<Metrics>;
  teacher?: Teacher<Inputs> | undefined;
  stop: AbortSignal;
}

/** Makes a model sparse, and what goes on beside the steps of its training: changes of layouts, evaluations, a teacher. */
export const createExtras = async <Inputs>(options: ExtrasOptions<Inputs>): Promise<TrainingExtras<Inputs>> => {
  const { model, recipe, calibration, selection, evaluate, teacher, stop } = options;
  const { evalSteps, metric } = selection;
  const callbacks = await makeSparse(model, recipe, calibration, stop);
  const chosenFrom = lastChangeOf(recipe, options.steps);
  if (selection.earlyStopping !== undefined)
    callbacks.push(evaluatedFrom(chosenFrom, earlyStopping({ metric, patience: selection.earlyStopping })));
  // The best model is loaded at the end, when nothing else changes the model any more.
  if (selection.keepBest) callbacks.push(evaluatedFrom(chosenFrom, keepBest({ metric })));
  return {
    callbacks,
    ...(teacher === undefined ? {} : { teacher }),
    ...(evalSteps === undefined ? {} : { evaluate, evalSteps }),
  };
};
