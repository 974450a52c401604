import { estimate, type Estimate } from "./statistics.ts";
import type { Spread, SweepRow } from "./sweep-row.ts";

/** What a cell costs or gains beside the dense model. */
export const measures = {
  loss: { title: "Loss added", short: "loss", better: "lower" },
  accuracy: { title: "Accuracy lost, points", short: "accuracy lost", better: "lower" },
  forwardSpeedUp: { title: "Forward pass, times as fast as dense", short: "forward", better: "higher" },
  stepSpeedUp: { title: "Training step, times as fast as dense", short: "step", better: "higher" },
} as const satisfies Readonly<Record<string, { title: string; short: string; better: "lower" | "higher" }>>;

export type MeasureName = keyof typeof measures;

/** Rows of one cell, of all seeds, beside the dense model. */
export interface SweepCell {
  /** What was measured how: criterion, recovery, block size, mode, as far as they differ in the sweep. */
  readonly variant: string;
  readonly layer: string;
  readonly layers: readonly string[];
  readonly density: number;
  readonly realised: number;
  readonly rows: readonly SweepRow[];
  readonly errors: readonly string[];
  readonly values: { readonly [Name in MeasureName]?: Estimate };
}

/** `roberta.encoder.layer.0.attention.self.query` is `0 attention.self.query`. */
export const shortenLayer = (name: string): string =>
  name.replace(/^(?:\w+\.)*?(?:layers?|h)\.(\d+)\./, "$1 ").replace(/(.)\.dense$/, "$1");

/** One name for some layers. */
const nameLayers = (layers: readonly string[]): string =>
  layers.length <= 2
    ? layers.map(shortenLayer).join(" + ")
    : `${layers.length}: ${shortenLayer(layers[0]!)} … ${shortenLayer(layers.at(-1)!)}`;

/** A row of a dense model: no layer of it is sparse. */
export const isDense = ({ layers }: SweepRow): boolean => layers.length === 0;

const PARTS = {
  mode: (row: SweepRow) => row.mode,
  criterion: (row: SweepRow) => row.criterion,
  recover: (row: SweepRow) => row.recover,
  block: (row: SweepRow) => `block ${row.blockSize}`,
  model: (row: SweepRow) => `model ${row.model.slice(0, 8)}`,
} as const;

/** Names a row by what differs among the rows. */
const nameVariants = (rows: readonly SweepRow[]): ((row: SweepRow) => string) => {
  const sparse = rows.filter((row) => !isDense(row));
  const differing = Object.values(PARTS).filter((part) => new Set(sparse.map(part)).size > 1);
  const [first] = sparse;
  return (row) =>
    differing.length > 0
      ? differing.map((part) => part(row)).join(", ")
      : first === undefined
        ? ""
        : `${PARTS.criterion(first)}, ${PARTS.recover(first)}, ${PARTS.block(first)}`;
};

/** The dense row that a row is compared with: of its model, and if there is one of its recovery and seed. */
export const baselineOf = (row: SweepRow, rows: readonly SweepRow[]): SweepRow | undefined => {
  const dense = rows.filter((other) => isDense(other) && other.model === row.model && other.loss !== undefined);
  const alike = (other: SweepRow): number =>
    2 * Number(other.recover === row.recover) + Number(other.seed === row.seed);
  return dense.toSorted((a, b) => alike(b) - alike(a))[0];
};

interface Difference {
  value: number;
  spread?: Spread;
}

const shift = ({ low, high }: Spread, by: number): Spread => ({ low: low - by, high: high - by });

const differenceOf = (name: MeasureName, row: SweepRow, dense: SweepRow | undefined): Difference | undefined => {
  switch (name) {
    case "loss":
      if (row.loss === undefined || dense?.loss === undefined) return undefined;
      return {
        value: row.loss - dense.loss,
        ...(row.lossSpread ? { spread: shift(row.lossSpread, dense.loss) } : {}),
      };
    case "accuracy": {
      if (row.accuracy === undefined || dense?.accuracy === undefined) return undefined;
      const points = (accuracy: number): number => 100 * (dense.accuracy! - accuracy);
      const { accuracySpread: spread } = row;
      return {
        value: points(row.accuracy),
        ...(spread ? { spread: { low: points(spread.high), high: points(spread.low) } } : {}),
      };
    }
    case "forwardSpeedUp":
      return row.forwardMs && row.denseForwardMs ? { value: row.denseForwardMs / row.forwardMs } : undefined;
    case "stepSpeedUp":
      return row.stepMs && row.denseStepMs ? { value: row.denseStepMs / row.stepMs } : undefined;
  }
};

/** The mean over seeds; of one seed the interval is that over test items. */
const summarize = (differences: readonly Difference[]): Estimate | undefined => {
  if (differences.length === 0) return undefined;
  const summary = estimate(differences.map(({ value }) => value));
  const [{ spread }] = differences as [Difference];
  return summary.count === 1 && spread ? { ...summary, ...spread } : summary;
};

/** Groups rows into cells: over seeds, beside dense, in the order of the rows. */
export const groupCells = (rows: readonly SweepRow[]): SweepCell[] => {
  const variantOf = nameVariants(rows);
  const groups = new Map<string, SweepRow[]>();
  for (const row of rows) {
    if (isDense(row)) continue;
    const key = JSON.stringify([variantOf(row), row.layers, row.density, row.mode, row.model]);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group as [SweepRow];
    const good = group.filter(({ error }) => error === undefined);
    const values = Object.fromEntries(
      (Object.keys(measures) as MeasureName[]).flatMap((name) => {
        const summary = summarize(good.flatMap((row) => differenceOf(name, row, baselineOf(row, rows)) ?? []));
        return summary ? [[name, summary] as const] : [];
      }),
    );
    return {
      variant: variantOf(first),
      layer: nameLayers(first.layers),
      layers: first.layers,
      density: first.density,
      realised: first.realisedDensity,
      rows: group,
      errors: group.flatMap(({ error }) => error ?? []),
      values,
    };
  });
};
