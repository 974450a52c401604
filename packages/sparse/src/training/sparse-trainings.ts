import { gradualPruning } from "./gradual-pruning.ts";
import { movementPruning } from "./movement-pruning.ts";
import { rigl, sparseEvolution } from "./rewiring.ts";

/** Callbacks that change which blocks are stored while a model trains, by the names that the command line takes. */
export const sparseTrainings = {
  gradual: gradualPruning,
  movement: movementPruning,
  set: sparseEvolution,
  rigl,
} as const;

export type SparseTrainingName = keyof typeof sparseTrainings;
