import type { Module } from "@tessera/nn";
import { memoryStore } from "./sensitivity-store.ts";
import type { SensitivityPlan } from "./plan-sensitivity.ts";
import type { SensitivityCell, SensitivityRow } from "./sensitivity-row.ts";
import { checkedOptions, type SensitivityOptions } from "./sensitivity-options.ts";
import { SensitivityError, SensitivityRunner } from "./sensitivity-runner.ts";
import { CellTimer } from "./time-cells.ts";

/** What a sweep found. */
export interface SensitivityResult extends Omit<SensitivityPlan, "cells" | "common"> {
  /** One for each cell of this sweep (or shard) in the order of the plan, whenever it was measured. */
  readonly rows: readonly SensitivityRow[];
}

/**
 * Which layers tolerate sparsity? Makes groups of layers block-sparse at each density, block size, criterion and seed, trains the model for some
 * steps where `recover` says so, evaluates it, and hands over a row: loss and accuracy with their spread over test items, realised density,
 * parameters, bytes, and, with `time`, milliseconds beside those of the dense model.
 *
 * A cell whose row is in the store is not measured again, so a sweep that was killed goes on where it was. Cells with equal layouts and
 * training run once. A cell that fails gets a row with its `error`, and the sweep goes on. Times are taken at the end, one cell at a time,
 * when no runner works any more.
 *
 * @throws ArgumentError when an option is outside its domain, or a layer, criterion or mode is unknown
 * @throws SensitivityError when the dense model cannot be evaluated
 * @throws what the store throws, and the reason of the signal; rows measured so far are in the store
 * @example
 * const { rows } = await sensitivity({
 *   model: async () => (await RobertaForMaskedLM.fromPretrained("runs/pretrain")).model,
 *   groups: "kind",
 *   densities: [0.5, 0.25],
 *   criteria: ["magnitude", "random"],
 *   seeds: [0, 1, 2],
 *   evaluate: async (model) => evaluateMaskedLM(model, maskedLMEpoch({ blocks, collator, batchSize: 32, seed: 1 })),
 * });
 */
export const sensitivity = async <M extends Module, Batch = never>(
  options: SensitivityOptions<M, Batch>,
): Promise<SensitivityResult> => {
  const runner = await SensitivityRunner.create(options);
  return new Sweep(options, runner).run();
};

class Sweep<M extends Module, Batch> {
  private readonly rows = new Map<string, SensitivityRow>();
  private readonly cells: readonly SensitivityCell[];
  private readonly store: NonNullable<SensitivityOptions<M>["store"]>;

  constructor(
    private readonly options: SensitivityOptions<M, Batch>,
    private readonly runner: SensitivityRunner<M, Batch>,
  ) {
    const { shard, store = memoryStore() } = options;
    const { cells } = runner.plan;
    this.store = store;
    this.cells = shard ? cells.filter((_, i) => i % shard.count === shard.index) : cells;
  }

  async run(): Promise<SensitivityResult> {
    const ids = new Set(this.runner.plan.cells.map(({ cell }) => cell));
    for (const row of await this.store.rows()) {
      if (!ids.has(row.cell)) continue;
      this.rows.set(row.cell, row);
      this.runner.learn(row);
    }
    await this.measureAll();
    if (this.options.time) await this.timeAll();
    const { left, notes } = this.runner.plan;
    return { rows: this.cells.map(({ cell }) => this.rows.get(cell)!), left, notes };
  }

  private async keep(row: SensitivityRow): Promise<void> {
    await this.store.add(row);
    this.rows.set(row.cell, row);
  }

  private async measureAll(): Promise<void> {
    const { retryFailed = false, signal, runners = [(cell: SensitivityCell) => this.runner.run(cell)] } = this.options;
    const todo = this.cells.filter(({ cell }) => {
      const row = this.rows.get(cell);
      return !row || (retryFailed && row.error !== undefined);
    });
    const report = this.reporter("measuring", todo.length);
    // After one runner has failed, the others end their cell and take no other.
    let failed = false;
    const work = async (run: (cell: SensitivityCell) => Promise<SensitivityRow>): Promise<void> => {
      try {
        for (let cell = todo.shift(); cell && !failed; cell = todo.shift()) {
          signal?.throwIfAborted();
          const row = await run(cell);
          if (row.mode === "dense" && row.error !== undefined)
            throw new SensitivityError(`sensitivity: expected a dense model that can be evaluated; ${row.error}`);
          await this.keep(row);
          this.runner.learn(row);
          report(row);
        }
      } catch (error) {
        failed = true;
        throw error;
      }
    };
    const ended = await Promise.allSettled(runners.map(work));
    for (const end of ended) if (end.status === "rejected") throw end.reason;
  }

  private async timeAll(): Promise<void> {
    const { signal } = this.options;
    const timer = new CellTimer(this.runner, this.options, checkedOptions(this.options).repeats);
    const measured = this.cells.map(({ cell }) => this.rows.get(cell)!).filter(({ error }) => error === undefined);
    for (const row of measured) timer.learn(row);
    const todo = measured.filter(({ forwardMs, layers }) => forwardMs === undefined && layers.length > 0);
    const report = this.reporter("timing", todo.length);
    try {
      for (const row of todo) {
        signal?.throwIfAborted();
        const timed = await timer.time(row);
        await this.keep(timed);
        report(timed);
      }
    } finally {
      timer.dispose();
    }
  }

  private reporter(phase: "measuring" | "timing", count: number): (row: SensitivityRow) => void {
    const begun = performance.now();
    const before = this.cells.length - count;
    let done = 0;
    return (row) => {
      done++;
      const secondsLeft = ((performance.now() - begun) / 1000 / done) * (count - done);
      const failed = [...this.rows.values()].filter(({ error }) => error !== undefined).length;
      const total = phase === "measuring" ? this.cells.length : count;
      this.options.onProgress?.({
        phase,
        done: phase === "measuring" ? before + done : done,
        total,
        failed,
        secondsLeft,
        row,
      });
    };
  }
}
