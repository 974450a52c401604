import type { Loss } from "@tessera/autograd";
import type { Module } from "@tessera/nn";
import { ArgumentError } from "@tessera/tensor";
import { checkCount, checkSeed } from "@tessera/tensor/extend";
import { checkBlockSize } from "../block-layout.ts";
import type { BlockCriterion } from "../criteria/block-criterion.ts";
import { criteria, type CriterionName } from "../criteria/criteria.ts";
import type { LayoutRule } from "../layouts/layout-rule.ts";
import { layoutRuleOf, type LayoutName } from "../layouts/layouts.ts";
import { suggestName } from "../nearest-name.ts";
import type { LayerChoice } from "../sparse-layers.ts";
import {
  sensitivityModes,
  type SensitivityCell,
  type SensitivityMode,
  type SensitivityRow,
} from "./sensitivity-row.ts";
import type { SensitivityStore } from "./sensitivity-store.ts";

/** What a test of a model found: a number for each test item, from which spreads come, or the means alone. */
export type Evaluation =
  | {
      /** The loss of each test item. */
      readonly losses: ArrayLike<number>;
      /** For each item 1 when it was told right, 0 when not, or the share that was. */
      readonly correct?: ArrayLike<number> | undefined;
      /** How much each item weighs in the means, such as its number of tokens; equally unless given. */
      readonly weights?: ArrayLike<number> | undefined;
    }
  | { readonly loss: number; readonly accuracy?: number | undefined };

export interface CellContext {
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
}

export interface RecoveryContext extends CellContext {
  readonly steps: number;
}

/** How a model is trained after its layers became sparse. */
export interface Recovery<M extends Module> {
  readonly steps: number;
  /** The seed is that of whatever it draws: the order of the data, labels, new weights. */
  train(model: M, context: RecoveryContext): Promise<unknown>;
}

/** Runs of one model whose time is taken. Each resolves when the device is done. */
export interface TimedRuns {
  forward(): unknown;
  /** A whole training step. */
  step?(): unknown;
  dispose?(): void;
}

/** What happened last, and what is left. */
export interface SensitivityProgress {
  readonly phase: "measuring" | "timing";
  readonly done: number;
  readonly total: number;
  /** Cells with an error, of those done. */
  readonly failed: number;
  /** By the cells that were measured since the start; `null` before the first. */
  readonly secondsLeft: number | null;
  readonly row: SensitivityRow;
}

export interface SensitivityOptions<M extends Module, Batch = never> {
  /** Makes the model that each cell begins with, equal every time. The sweep disposes of it. */
  model(): M | Promise<M>;
  /** For reports. */
  readonly name?: string | undefined;
  /** What says that the weights are the same as before; the SHA-256 of all parameters and buffers unless given. */
  readonly checkpointHash?: string | undefined;
  /** Which layers; all that can be patched, unless given. */
  readonly layers?: LayerChoice;
  /** Layers that are sparse together: each one alone, those that differ in numbers alone ("kind"), or by names of your own. */
  readonly groups?: "layer" | "kind" | { readonly [group: string]: LayerChoice } | undefined;
  readonly modes?: readonly SensitivityMode[] | undefined;
  readonly densities: readonly number[];
  /** [32] unless given. */
  readonly blockSizes?: readonly number[] | undefined;
  /** ["magnitude"] unless given. */
  readonly criteria?: readonly (CriterionName | BlockCriterion)[] | undefined;
  /** Of what is drawn, and of recoveries; [0] unless given. */
  readonly seeds?: readonly number[] | undefined;
  readonly layout?: LayoutName | LayoutRule | undefined;
  /** Batches for criteria that need statistics, the same ones at every call. */
  readonly calibration?: (() => Iterable<Batch> | AsyncIterable<Batch>) | undefined;
  /** The loss of such a batch; what the model's `forward` gives, unless said otherwise. */
  readonly loss?: ((model: M, batch: Batch) => Loss) | undefined;
  /** One-shot, unless given. */
  readonly recover?: Recovery<M> | undefined;
  evaluate(model: M, context: CellContext): Promise<Evaluation>;
  /** With it, times are taken once all cells are measured, one cell at a time. */
  readonly time?: ((model: M) => TimedRuns) | undefined;
  /** How often each timed run is repeated; 7 unless given. */
  readonly repeats?: number | undefined;
  /** What else has to be equal for rows to be comparable. */
  readonly conditions?: { readonly [name: string]: string | number | boolean } | undefined;
  /** In memory unless given. A cell that has a row is not measured again. */
  readonly store?: SensitivityStore | undefined;
  /** Measures cells whose row is an error again. */
  readonly retryFailed?: boolean | undefined;
  /** This process measures cells `index`, `index + count`, … alone, `index` from 0; the stores are merged afterwards. */
  readonly shard?: { readonly index: number; readonly count: number } | undefined;
  /** Who measures: each takes the next cell when it is done with one. This process by itself, unless given. */
  readonly runners?: readonly ((cell: SensitivityCell) => Promise<SensitivityRow>)[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: SensitivityProgress) => void) | undefined;
}

const OP = "sensitivity";

/** The name of a criterion, and whether another seed gives other scores; of one that is a value nobody knows. */
export const describeCriterion = (
  criterion: CriterionName | BlockCriterion,
): { readonly name: string; readonly draws: boolean; readonly needsStatistics: boolean } => {
  if (typeof criterion !== "string") return { name: criterion.name, draws: true, needsStatistics: false };
  if (!Object.hasOwn(criteria, criterion))
    throw new ArgumentError(
      `${OP}: expected a criterion, got "${String(criterion)}"; ${suggestName(String(criterion), Object.keys(criteria))}`,
    );
  const { draws, needs } = criteria[criterion];
  return { name: criterion, draws, needsStatistics: needs.length > 0 };
};

const checkList = (name: string, list: readonly unknown[]): void => {
  if (list.length === 0) throw new ArgumentError(`${OP}: expected at least one of ${name}, got none`);
  if (new Set(list).size < list.length)
    throw new ArgumentError(`${OP}: expected ${name} that differ, got ${list.join(", ")}; name each once`);
};

/** The name of a layout rule. */
export const layoutName = (layout: LayoutName | LayoutRule | undefined): string => layoutRuleOf(layout ?? "best").name;

/** The options of a sweep that are checked, with what stands in for those that were left out. */
export const checkedOptions = <M extends Module, Batch>(options: SensitivityOptions<M, Batch>) => {
  const { densities, blockSizes = [32], criteria: judges = ["magnitude"], seeds = [0], repeats = 7 } = options;
  const { modes = ["leave-one-out"], recover, shard, calibration } = options;
  checkList("densities", densities);
  for (const density of densities)
    if (!(density > 0 && density <= 1))
      throw new ArgumentError(`${OP}: expected densities above 0 and at most 1, got ${density}`);
  checkList("blockSizes", blockSizes);
  for (const blockSize of blockSizes) checkBlockSize(OP, blockSize);
  const named = judges.map((criterion) => ({ criterion, ...describeCriterion(criterion) }));
  checkList(
    "criteria",
    named.map(({ name }) => name),
  );
  const blind = named.find(({ needsStatistics }) => needsStatistics);
  if (blind && !calibration)
    throw new ArgumentError(
      `${OP}: expected calibration batches for the criterion "${blind.name}", got none; give calibration: () => batches`,
    );
  checkList("seeds", seeds);
  for (const seed of seeds) checkSeed(OP, seed);
  checkList("modes", modes);
  for (const mode of modes)
    if (!sensitivityModes.includes(mode))
      throw new ArgumentError(`${OP}: expected a mode, got "${String(mode)}"; ${suggestName(mode, sensitivityModes)}`);
  checkCount(OP, "repeats", repeats, 1);
  if (recover) checkCount(OP, "recover.steps", recover.steps, 1);
  if (shard) {
    checkCount(OP, "shard.count", shard.count, 1);
    checkCount(OP, "shard.index", shard.index, 0);
    if (shard.index >= shard.count)
      throw new ArgumentError(`${OP}: expected a shard from 0 to ${shard.count - 1}, got ${shard.index}`);
  }
  layoutRuleOf(options.layout ?? "best");
  return { densities, blockSizes, judges: named, seeds, modes, repeats, steps: recover?.steps ?? 0 };
};
