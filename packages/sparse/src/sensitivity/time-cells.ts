import type { Module } from "@tessera/nn";
import type { SensitivityRow } from "./sensitivity-row.ts";
import type { SensitivityOptions, TimedRuns } from "./sensitivity-options.ts";
import type { SensitivityRunner } from "./sensitivity-runner.ts";

type Times = Pick<SensitivityRow, "forwardMs" | "denseForwardMs" | "stepMs" | "denseStepMs">;

const median = (numbers: readonly number[]): number => {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

const milliseconds = async (run: () => unknown): Promise<number> => {
  const begun = performance.now();
  await run();
  return performance.now() - begun;
};

/** Medians of two runs that take turns, so that whatever else the machine does hits both alike. */
const inTurns = async (
  one: () => unknown,
  other: () => unknown,
  repeats: number,
): Promise<[one: number, other: number]> => {
  await one();
  await other();
  const [ofOne, ofOther]: [number[], number[]] = [[], []];
  for (let i = 0; i < repeats; i++) {
    ofOne.push(await milliseconds(one));
    ofOther.push(await milliseconds(other));
  }
  return [median(ofOne), median(ofOther)];
};

/** Takes the times of cells beside those of the dense model, in this process and one cell at a time. Equal layouts are timed once. */
export class CellTimer<M extends Module, Batch> {
  private readonly known = new Map<string, Times>();
  private dense: { model: M; runs: TimedRuns } | null = null;

  constructor(
    private readonly runner: SensitivityRunner<M, Batch>,
    private readonly options: SensitivityOptions<M, Batch>,
    private readonly repeats: number,
  ) {}

  /** Takes a row that has its times. */
  learn({ layoutHash, forwardMs, denseForwardMs, stepMs, denseStepMs }: SensitivityRow): void {
    if (layoutHash === undefined || forwardMs === undefined || denseForwardMs === undefined) return;
    const step = stepMs === undefined || denseStepMs === undefined ? {} : { stepMs, denseStepMs };
    this.known.set(layoutHash, { forwardMs, denseForwardMs, ...step });
  }

  async time(row: SensitivityRow): Promise<SensitivityRow> {
    const timed = { ...row, ...(this.known.get(row.layoutHash!) ?? (await this.measure(row))) };
    this.learn(timed);
    return timed;
  }

  dispose(): void {
    this.dense?.runs.dispose?.();
    this.dense?.model.dispose();
    this.dense = null;
  }

  private async measure(row: SensitivityRow): Promise<Times> {
    const prepare = this.options.time!;
    if (!this.dense) {
      const model = await this.options.model();
      try {
        this.dense = { model, runs: prepare(model) };
      } catch (error) {
        model.dispose();
        throw error;
      }
    }
    const dense = this.dense.runs;
    const { model } = await this.runner.load(row);
    let runs: TimedRuns | null = null;
    try {
      const sparse = (runs = prepare(model));
      const [forwardMs, denseForwardMs] = await inTurns(
        () => sparse.forward(),
        () => dense.forward(),
        this.repeats,
      );
      if (!sparse.step || !dense.step) return { forwardMs, denseForwardMs };
      const [stepMs, denseStepMs] = await inTurns(
        () => sparse.step!(),
        () => dense.step!(),
        this.repeats,
      );
      return { forwardMs, denseForwardMs, stepMs, denseStepMs };
    } finally {
      runs?.dispose?.();
      model.dispose();
    }
  }
}
