import type { Module } from "@tessera/nn";
import { BlockSparseModelPatcher, type CriterionName } from "@tessera/sparse";
import { TesseraError } from "@tessera/tensor";
import type { Terminal } from "../terminal/terminal.ts";
import { Interrupted } from "../terminal/command-error.ts";
import { createPatcher, patchInPlace } from "../training/patch-model.ts";
import type { Conditions, RowStore, SensitivityRow } from "./row-store.ts";

/** The model of a sweep: how to load, train and evaluate it. */
export interface Subject<M extends Module> {
  /** Loads a copy of the saved model. The sweep disposes of it. */
  load(): Promise<M>;
  /** Trains a patched model for some steps. */
  recover(model: M, steps: number): Promise<void>;
  evaluate(model: M): Promise<{ loss: number; accuracy?: number }>;
}

export interface SweepOptions<M extends Module> {
  subject: Subject<M>;
  conditions: Conditions & { criterion: CriterionName };
  densities: readonly number[];
  /** Which of the patchable layers to measure. */
  layers: RegExp;
  rows: RowStore;
  terminal: Terminal;
  stop: AbortSignal;
}

export interface SweepResult {
  dense: SensitivityRow;
  cells: SensitivityRow[];
  /** Layers that cannot be patched, with the reason. */
  left: { layer: string; reason: string }[];
}

/** A layer, a requested density, and the share of blocks that is kept. */
interface Cell {
  layer: string;
  density: number;
  realised: number;
}

/** Makes the pattern that matches one layer's name alone. */
const createExactPattern = (name: string): RegExp => new RegExp(name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));

/**
 * Measures a model with one layer sparse at a time: every layer at every density. It reuses rows of cells that are measured
 * already, and of cells with the same blocks.
 *
 * @throws {Interrupted} when it is stopped; all measured rows are saved
 */
export const runSweep = async <M extends Module>(options: SweepOptions<M>): Promise<SweepResult> => {
  const { conditions, rows, terminal, stop } = options;
  const { cells, left } = await planCells(options);
  const total = cells.length + 1;
  const bar = terminal.startProgress("measuring", total);
  let done = 0;

  const measure = async ({ layer, density, realised }: Cell): Promise<SensitivityRow> => {
    const equal = rows.find(conditions, layer, density) ?? rows.findSameLayout(conditions, layer, realised);
    if (equal?.density === density) return equal;
    const numbers = equal ? { loss: equal.loss, ...pickAccuracy(equal) } : await measureCell(options, layer, density);
    const row: SensitivityRow = { layer, density, realised, ...numbers, ...conditions };
    await rows.add(row);
    return row;
  };

  try {
    const measured: SensitivityRow[] = [];
    for (const cell of [{ layer: "", density: 1, realised: 1 }, ...cells]) {
      if (stop.aborted) throw new Interrupted(`stopped after ${done} of ${total} cells, and saved them`);
      measured.push(await measure(cell));
      bar.update(++done, cell.layer);
    }
    const [dense, ...others] = measured;
    return { dense: dense!, cells: others, left };
  } finally {
    bar.stop();
  }
};

const pickAccuracy = ({ accuracy }: { accuracy?: number }): { accuracy?: number } =>
  accuracy === undefined ? {} : { accuracy };

const measureCell = async <M extends Module>(
  { subject, conditions }: SweepOptions<M>,
  layer: string,
  density: number,
): Promise<{ loss: number; accuracy?: number }> => {
  const { blockSize, criterion, recoverySteps, seed } = conditions;
  const model = await subject.load();
  try {
    if (layer !== "")
      await patchInPlace(model, { patterns: [createExactPattern(layer)], density, blockSize, criterion, seed });
    if (recoverySteps > 0) await subject.recover(model, recoverySteps);
    const { loss, accuracy } = await subject.evaluate(model);
    return { loss, ...(accuracy === undefined ? {} : { accuracy }) };
  } finally {
    model.dispose();
  }
};

/** Lists every layer at every density, with the share of blocks that is kept. */
const planCells = async <M extends Module>({ subject, conditions, densities, layers }: SweepOptions<M>) => {
  const { blockSize, criterion, seed } = conditions;
  const model = await subject.load();
  const cells: Cell[] = [];
  const left: { layer: string; reason: string }[] = [];
  try {
    // Plans read the weights, which needs a device with synchronous reads.
    await model.to("cpu");
    const found = new BlockSparseModelPatcher().patchableLayers(model).filter(({ name }) => layers.test(name));
    for (const { name } of found) {
      try {
        for (const density of densities) {
          const patcher = createPatcher({ patterns: [createExactPattern(name)], density, blockSize, criterion, seed });
          const plan = patcher.plan(model);
          cells.push({ layer: name, density, realised: plan.layers[0]!.layout.density });
        }
      } catch (error) {
        if (!(error instanceof TesseraError)) throw error;
        left.push({ layer: name, reason: error.message });
      }
    }
    return { cells, left };
  } finally {
    model.dispose();
  }
};
