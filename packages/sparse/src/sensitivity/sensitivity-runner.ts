import type { Module } from "@tessera/nn";
import { ArgumentError, TesseraError } from "@tessera/tensor";
import { collect } from "../criteria/collect.ts";
import type { CriterionName } from "../criteria/criteria.ts";
import type { Statistics } from "../criteria/statistics.ts";
import { fingerprint } from "../fingerprint.ts";
import { BlockSparseModelPatcher } from "../model-patcher.ts";
import type { PatchPlan } from "../patch-plan.ts";
import { planOnHost } from "../plan-on-host.ts";
import { bootstrap, weightedMean } from "./bootstrap.ts";
import { planSensitivity, type SensitivityPlan } from "./plan-sensitivity.ts";
import type { SensitivityCell, SensitivityRow } from "./sensitivity-row.ts";
import { checkedOptions, type Evaluation, type SensitivityOptions } from "./sensitivity-options.ts";

/** A number that was to be measured and is none, or a sweep that has nothing to compare with. */
export class SensitivityError extends TesseraError {
  override name = "SensitivityError";
}

type Scores = Pick<SensitivityRow, "loss" | "lossSpread" | "accuracy" | "accuracySpread">;

const isItems = (found: Evaluation): found is Extract<Evaluation, { losses: unknown }> => "losses" in found;

const checkScore = (what: string, value: number | undefined): void => {
  if (value === undefined || Number.isFinite(value)) return;
  throw new SensitivityError(`evaluate: expected a finite ${what}, got ${value}; did a recovery diverge?`);
};

/** Means and their spreads. @throws SensitivityError when one is no number */
const scoresOf = (found: Evaluation): Scores => {
  if (!isItems(found)) {
    const { loss, accuracy } = found;
    checkScore("loss", loss);
    checkScore("accuracy", accuracy);
    return { loss, ...(accuracy === undefined ? {} : { accuracy }) };
  }
  const { losses, correct, weights } = found;
  for (const [name, list] of Object.entries({ correct, weights }))
    if (list && list.length !== losses.length)
      throw new SensitivityError(
        `evaluate: expected ${name} of all ${losses.length} items, got ${list.length}; give one for each`,
      );
  const loss = weightedMean(losses, weights);
  checkScore("loss", loss);
  const accuracy = correct && weightedMean(correct, weights);
  checkScore("accuracy", accuracy);
  const [lossSpread, accuracySpread] = bootstrap(correct ? [losses, correct] : [losses], weights);
  return {
    loss,
    ...(lossSpread ? { lossSpread } : {}),
    ...(accuracy === undefined ? {} : { accuracy }),
    ...(accuracySpread ? { accuracySpread } : {}),
  };
};

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** Equal blocks of equal layers have equal hashes. */
const hashLayouts = ({ layers }: PatchPlan): string =>
  fingerprint(
    JSON.stringify(
      layers.map(({ name, layout: { blockSize, crowIndices, colIndices } }) => [
        name,
        blockSize,
        [...crowIndices],
        [...colIndices],
      ]),
    ),
  );

/** Measures single cells of a sweep: what `sensitivity` calls, and what worker processes do. */
export class SensitivityRunner<M extends Module, Batch = never> {
  private readonly statistics = new Map<number, Promise<Statistics>>();
  /** Rows by layout and training: cells with equal ones have equal numbers. */
  private readonly known = new Map<string, SensitivityRow>();

  private constructor(
    private readonly options: SensitivityOptions<M, Batch>,
    readonly plan: SensitivityPlan,
  ) {}

  /** @throws ArgumentError as `planSensitivity` does */
  static async create<M extends Module, Batch = never>(
    options: SensitivityOptions<M, Batch>,
  ): Promise<SensitivityRunner<M, Batch>> {
    return new SensitivityRunner(options, await planSensitivity(options));
  }

  /** Takes a row that is measured already: its layout is not measured again. */
  learn(row: SensitivityRow): void {
    if (row.error === undefined) this.known.set(keyOf(row), row);
  }

  /**
   * Measures a cell. What goes wrong is the row's `error`.
   *
   * @throws the signal's reason, when it was raised
   */
  async run(cell: SensitivityCell): Promise<SensitivityRow> {
    const { signal } = this.options;
    const { common } = this.plan;
    signal?.throwIfAborted();
    try {
      const row = { ...cell, ...common, ...(await this.measure(cell)) };
      this.learn(row);
      return row;
    } catch (error) {
      signal?.throwIfAborted();
      return { ...cell, ...common, error: error instanceof Error ? error.message : String(error) };
    }
  }

  /** The model of a cell before it is trained. The caller disposes of it. */
  async load(cell: SensitivityCell): Promise<{ readonly model: M; readonly plan: PatchPlan | null }> {
    const model = await this.options.model();
    try {
      if (cell.layers.length === 0) return { model, plan: null };
      const patcher = await this.patcherOf(cell);
      const plan = await planOnHost(model, patcher);
      patcher.patchModel(model, plan);
      return { model, plan };
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  private async measure(
    cell: SensitivityCell,
  ): Promise<Omit<SensitivityRow, keyof SensitivityCell | "model" | "checkpointHash" | "conditions">> {
    const { recover, signal } = this.options;
    const { seed } = cell;
    const { model, plan } = await this.load(cell);
    try {
      const size = sizeOf(model, plan);
      const twin = this.known.get(keyOf({ ...cell, ...size }));
      if (twin) return { ...size, ...pickScores(twin) };
      if (recover) {
        model.train();
        await recover.train(model, { seed, signal, steps: recover.steps });
        signal?.throwIfAborted();
      }
      model.eval();
      const found = await this.options.evaluate(model, { seed, signal });
      return { ...size, ...scoresOf(found) };
    } finally {
      model.dispose();
    }
  }

  private async patcherOf({
    layers,
    density,
    blockSize,
    criterion,
    seed,
  }: SensitivityCell): Promise<BlockSparseModelPatcher> {
    const { judges } = checkedOptions(this.options);
    const judge = judges.find(({ name }) => name === criterion);
    if (!judge)
      throw new ArgumentError(`sensitivity: expected a cell of this sweep, got one of criterion ${criterion}`);
    const statistics = judge.needsStatistics ? await this.statisticsFor(blockSize) : undefined;
    const { layout } = this.options;
    const patcher = new BlockSparseModelPatcher();
    for (const layer of layers)
      patcher.addPattern(layer, { density, blockSize, criterion: judge.criterion, seed, layout, statistics });
    return patcher;
  }

  /** What all criteria of the sweep need, gathered once for each block size from the model as it is loaded. */
  private statisticsFor(blockSize: number): Promise<Statistics> {
    const known = this.statistics.get(blockSize);
    if (known) return known;
    const { calibration, loss, signal } = this.options;
    const names = checkedOptions(this.options).judges.flatMap(({ criterion, needsStatistics }) =>
      needsStatistics ? [criterion as CriterionName] : [],
    );
    const gather = async (): Promise<Statistics> => {
      const model = await this.options.model();
      try {
        return await collect(model as M & { forward(batch: Batch): unknown }, calibration!(), names, {
          blockSize,
          loss,
          signal,
        });
      } finally {
        model.dispose();
      }
    };
    const gathered = gather();
    this.statistics.set(blockSize, gathered);
    return gathered;
  }
}

const keyOf = ({ layoutHash, recover, seed }: Pick<SensitivityRow, "layoutHash" | "recover" | "seed">): string =>
  `${layoutHash} ${recover} ${recover > 0 ? seed : "any"}`;

const pickScores = ({ loss, lossSpread, accuracy, accuracySpread }: SensitivityRow): Scores => ({
  ...(loss === undefined ? {} : { loss }),
  ...(lossSpread ? { lossSpread } : {}),
  ...(accuracy === undefined ? {} : { accuracy }),
  ...(accuracySpread ? { accuracySpread } : {}),
});

type Size = Pick<SensitivityRow, "realisedDensity" | "layoutHash" | "parameters" | "bytes">;

/** What the layouts of a cell come to. */
const sizeOf = (model: Module, plan: PatchPlan | null): Required<Size> => {
  if (!plan) {
    const parameters = model.numParameters();
    return { realisedDensity: 1, layoutHash: "dense", parameters, bytes: 4 * parameters };
  }
  const { layers, parameters, bytes } = plan;
  const stored = sum(layers.map(({ layout }) => layout.blocks * layout.blockSize ** 2));
  const all = sum(layers.map(({ layout: { rows, cols, blockSize } }) => rows * cols * blockSize ** 2));
  return {
    realisedDensity: stored / all,
    layoutHash: hashLayouts(plan),
    parameters: parameters.after,
    bytes: 4 * parameters.before - bytes.before + bytes.after,
  };
};
