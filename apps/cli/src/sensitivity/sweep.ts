import type { Module } from "@tessera/nn";
import { BlockSparseModelPatcher } from "@tessera/sparse";
import { TesseraError } from "@tessera/tensor";
import type { Terminal } from "../terminal/terminal.ts";
import { Interrupted } from "../terminal/command-error.ts";
import { createPatcher, patchInPlace } from "../training/patch-model.ts";
import type { Conditions, RowStore, SensitivityRow } from "./row-store.ts";

/** What a sweep needs to know of a model. */
export interface Subject<M extends Module> {
  /** A copy of the model, as it was saved. The sweep disposes of it. */
  load(): Promise<M>;
  /** Trains a little, to recover. */
  recover(model: M, steps: number): Promise<void>;
  evaluate(model: M): Promise<{ loss: number; accuracy?: number }>;
}

export interface SweepOptions<M extends Module> {
  subject: Subject<M>;
  conditions: Conditions & { criterion: "magnitude" | "random" };
  densities: readonly number[];
  /** Which of the layers that can be patched. */
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

/** A layer at a density, and what will be kept of it. */
interface Cell {
  layer: string;
  density: number;
  realised: number;
}

/** A layer's name as a pattern of that layer alone. */
const exactly = (name: string): RegExp => new RegExp(name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));

/**
 * Measures a model with one layer sparse at a time: every layer at every density. Cells that were measured before are not
 * measured again, nor are those whose blocks are the same as another's.
 *
 * @throws {Interrupted} when it was stopped; all measured rows are saved
 */
export const sweep = async <M extends Module>(options: SweepOptions<M>): Promise<SweepResult> => {
  const { conditions, rows, terminal, stop } = options;
  const { cells, left } = await planCells(options);
  const total = cells.length + 1;
  const bar = terminal.progress("measuring", total);
  let done = 0;

  const measure = async ({ layer, density, realised }: Cell): Promise<SensitivityRow> => {
    const equal = rows.find(conditions, layer, density) ?? rows.findEqual(conditions, layer, realised);
    if (equal?.density === density) return equal;
    const numbers = equal ? { loss: equal.loss, ...accuracyOf(equal) } : await measureCell(options, layer, density);
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

const accuracyOf = ({ accuracy }: { accuracy?: number }): { accuracy?: number } =>
  accuracy === undefined ? {} : { accuracy };

const measureCell = async <M extends Module>(
  { subject, conditions }: SweepOptions<M>,
  layer: string,
  density: number,
): Promise<{ loss: number; accuracy?: number }> => {
  const { blockSize, criterion, recoverySteps, seed } = conditions;
  const model = await subject.load();
  try {
    if (layer !== "") await patchInPlace(model, { patterns: [exactly(layer)], density, blockSize, criterion, seed });
    if (recoverySteps > 0) await subject.recover(model, recoverySteps);
    const { loss, accuracy } = await subject.evaluate(model);
    return { loss, ...(accuracy === undefined ? {} : { accuracy }) };
  } finally {
    model.dispose();
  }
};

/** Every layer at every density, with the density that will come of it. */
const planCells = async <M extends Module>({ subject, conditions, densities, layers }: SweepOptions<M>) => {
  const { blockSize, criterion, seed } = conditions;
  const model = await subject.load();
  const cells: Cell[] = [];
  const left: { layer: string; reason: string }[] = [];
  try {
    // Weights are judged on the host.
    await model.to("cpu");
    const found = new BlockSparseModelPatcher().patchableLayers(model).filter(({ name }) => layers.test(name));
    for (const { name } of found) {
      try {
        for (const density of densities) {
          const patcher = createPatcher({ patterns: [exactly(name)], density, blockSize, criterion, seed });
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
