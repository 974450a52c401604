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

/** The models of a sweep, each the mean over its seeds: the luckiest seed is no better model. A row of the dense model of any size is `dense`. */
export const modelsOf = (rows: readonly SweepRow[]): ParetoModel[] => {
  const good = rows.filter(({ error, loss }) => error === undefined && loss !== undefined);
  const hasAccuracy = good.some(({ accuracy }) => accuracy !== undefined);
  const groups = new Map<string, SweepRow[]>();
  for (const row of good) {
    const { model, mode, layers, density, criterion, recover, blockSize } = row;
    const key = JSON.stringify(
      isDense(row) ? [model, recover] : [model, mode, layers, density, criterion, recover, blockSize],
    );
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((group) => {
    const mean = (of: (row: SweepRow) => number | undefined): number | undefined => {
      const values = group.flatMap((row) => of(row) ?? []);
      return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    const [first] = group as [SweepRow];
    return {
      name: first.cell,
      kind: isDense(first) ? ("dense" as const) : ("sparse" as const),
      score: mean(({ accuracy, loss }) => (hasAccuracy ? accuracy : -loss!)) ?? NaN,
      parameters: mean(({ parameters }) => parameters),
      stepMs: mean((row) => row.stepMs ?? (isDense(row) ? row.denseStepMs : undefined)),
    };
  });
};
