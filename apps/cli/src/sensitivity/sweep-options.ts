import { basename } from "node:path";
import type { Module } from "@tessera/nn";
import { criteria, type CriterionName, type SensitivityMode, type SensitivityOptions } from "@tessera/sparse";
import { createSubject, type AnySubject } from "./create-subject.ts";

/** What the command line says of a sweep. Plain data: a worker process is told the same. */
export interface SweepDescription {
  readonly folder: string;
  readonly checkpointHash: string;
  readonly seed: number;
  readonly device: string;
  readonly densities: readonly number[];
  readonly blockSize: readonly number[];
  readonly criterion: readonly CriterionName[];
  readonly seeds: readonly number[];
  readonly mode: readonly SensitivityMode[];
  readonly groups: "layer" | "kind";
  /** Part of a layer's name. */
  readonly layers: RegExp;
  readonly recoverySteps: number;
  readonly train?: string;
  readonly test?: string;
  readonly text?: string;
  readonly labelsPerClass?: number;
  readonly limit?: number;
  /** What rows call paths of this machine, where the sweep is another one's. */
  readonly shown?: Readonly<Record<string, string>>;
}

export type SweepOptions = SensitivityOptions<Module, unknown>;

/** The options of `sensitivity` for a saved model, without a store. */
export const createSweepOptions = async (
  sweep: SweepDescription,
  stop: AbortSignal,
): Promise<SweepOptions & { readonly subject: AnySubject }> => {
  const { folder, seed, device, recoverySteps, checkpointHash, layers, criterion, shown = {} } = sweep;
  const needsTraining = criterion.some((name) => criteria[name].needs.length > 0);
  const subject = await createSubject(folder, { ...sweep, needsTraining }, { seed, stop });
  return {
    subject,
    model: () => subject.load(),
    name: basename(shown[folder] ?? folder),
    checkpointHash,
    ...(layers.source === "(?:)" ? {} : { layers: new RegExp(`.*(?:${layers.source}).*`, layers.flags) }),
    groups: sweep.groups,
    modes: sweep.mode,
    densities: sweep.densities,
    blockSizes: sweep.blockSize,
    criteria: criterion,
    seeds: sweep.seeds,
    calibration: () => subject.calibration(),
    ...(recoverySteps === 0
      ? {}
      : { recover: { steps: recoverySteps, train: (model, context) => subject.recover(model, context) } }),
    evaluate: (model) => subject.evaluate(model),
    conditions: { data: subject.data, device, maskSeed: seed },
    signal: stop,
  };
};
