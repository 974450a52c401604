import type { Module } from "@tessera/nn";
import {
  planSensitivity,
  sensitivity,
  type SensitivityOptions,
  type SensitivityResult,
  type SensitivityStore,
} from "@tessera/sparse";
import { Interrupted } from "../terminal/command-error.ts";
import { formatDuration } from "../terminal/format.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { AnySubject } from "./create-subject.ts";
import type { SweepOptions } from "./sweep-options.ts";

/**
 * Runs a sweep with a bar that says what is left.
 *
 * @throws {Interrupted} when it is stopped; all measured rows are saved
 */
export const runSweep = async (
  options: SweepOptions,
  terminal: Terminal,
  stop: AbortSignal,
  /** What else the line of progress says. */
  describe: () => string = () => "",
): Promise<SensitivityResult> => {
  const bars = new Map<string, ReturnType<Terminal["startProgress"]>>();
  let state = "";
  try {
    return await sensitivity({
      ...options,
      onProgress: ({ phase, done, total, failed, secondsLeft, row }) => {
        state = `${done} of ${total} cells`;
        let bar = bars.get(phase);
        if (!bar) bars.set(phase, (bar = terminal.startProgress(phase, total)));
        const left = secondsLeft === null ? "" : `  ${formatDuration(secondsLeft)} left`;
        bar.update(
          done,
          `${done}/${total}${failed === 0 ? "" : `, ${failed} failed`}${left}  ${describe() || row.group}`,
        );
      },
    });
  } catch (error) {
    if (!stop.aborted) throw error;
    throw new Interrupted(`stopped after ${state === "" ? "no cell" : state}, and saved them`);
  } finally {
    for (const bar of bars.values()) bar.stop();
  }
};

/** What a sweep would measure, and how long that takes by one cell that is measured for it. */
export interface SweepEstimate {
  readonly cells: number;
  /** Without those that are in the store. */
  readonly left: number;
  readonly secondsPerCell: number;
  readonly seconds: number;
  readonly names: readonly string[];
}

const TRIAL_STEPS = 3;

/** Lists the cells of a sweep and measures how long one takes: an evaluation, and some steps of a recovery. */
export const estimateSweep = async (
  options: SweepOptions & { readonly subject: AnySubject },
  { store, workers }: { store: SensitivityStore; workers: number },
): Promise<SweepEstimate & { readonly plan: Awaited<ReturnType<typeof planSensitivity>> }> => {
  const { subject, recover, shard } = options;
  const plan = await planSensitivity<Module, unknown>(options satisfies SensitivityOptions<Module, unknown>);
  const cells = shard ? plan.cells.filter((_, i) => i % shard.count === shard.index) : plan.cells;
  const known = new Set((await store.rows()).map(({ cell }) => cell));
  const left = cells.filter(({ cell }) => !known.has(cell));
  let secondsPerCell = 0;
  if (left.length > 0) {
    const begun = performance.now();
    const model = await subject.load();
    try {
      let training = 0;
      if (recover) {
        const since = performance.now();
        model.train();
        await subject.recover(model, { seed: 0, steps: TRIAL_STEPS, signal: options.signal });
        training = performance.now() - since;
      }
      await subject.evaluate(model);
      const rest = performance.now() - begun - training;
      secondsPerCell = (rest + (training * (recover?.steps ?? 0)) / TRIAL_STEPS) / 1000;
    } finally {
      model.dispose();
    }
  }
  const seconds = (secondsPerCell * left.length) / workers;
  return { plan, cells: cells.length, left: left.length, secondsPerCell, seconds, names: left.map(({ cell }) => cell) };
};
