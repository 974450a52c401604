import type { SweepRow } from "./sweep-row.ts";
import { isDense } from "./sweep-cells.ts";

/** A model among others: what it costs, and how good it is. */
export interface ParetoModel {
  readonly name: string;
  readonly kind: "sparse" | "dense";
  /** In 0 … 1, or without accuracies minus the loss, so that more is better. */
  readonly score: number;
  readonly parameters?: number | undefined;
  readonly stepMs?: number | undefined;
}

/** Models that no other one beats: none has less of the cost and at least the score. From the cheapest on. */
export const paretoFront = <M extends { readonly score: number }>(
  models: readonly M[],
  cost: (model: M) => number | undefined,
): M[] => {
  const priced = models.filter((model) => cost(model) !== undefined);
  const sorted = priced.toSorted((a, b) => cost(a)! - cost(b)! || b.score - a.score);
  let best = -Infinity;
  return sorted.filter(({ score }) => {
    if (score <= best) return false;
    best = score;
    return true;
  });
};

/** The models of a sweep. A row of the dense model of any size is `dense`. */
export const modelsOf = (rows: readonly SweepRow[]): ParetoModel[] => {
  const good = rows.filter(({ error, loss }) => error === undefined && loss !== undefined);
  const hasAccuracy = good.some(({ accuracy }) => accuracy !== undefined);
  return good.map((row) => ({
    name: row.cell,
    kind: isDense(row) ? ("dense" as const) : ("sparse" as const),
    score: hasAccuracy ? (row.accuracy ?? NaN) : -row.loss!,
    parameters: row.parameters,
    stepMs: row.layers.length === 0 ? (row.stepMs ?? row.denseStepMs) : row.stepMs,
  }));
};
