import type { Module } from "@tessera/nn";
import {
  collect,
  criteria,
  type CriterionName,
  type LayerPattern,
  type LayerStatistics,
  type Statistics,
} from "@tessera/sparse";

/** Layers that a criterion judges. */
export interface JudgedLayers {
  readonly layers: readonly LayerPattern[];
  readonly blockSize: number;
  readonly criterion: CriterionName;
}

/** Whether a criterion looks at batches. */
export const looksAtBatches = (criterion: CriterionName): boolean => criteria[criterion].needs.length > 0;

/** Collects what criteria need to judge layers, in a pass for each block size; undefined where none needs anything. */
export const collectFor = async <Batch>(
  model: Module & { forward(batch: Batch): unknown },
  judged: readonly JudgedLayers[],
  batches: () => Iterable<Batch>,
  signal?: AbortSignal,
): Promise<Statistics | undefined> => {
  const needing = judged.filter(({ criterion }) => looksAtBatches(criterion));
  if (needing.length === 0) return undefined;
  const layers = new Map<string, LayerStatistics>();
  let count = 0;
  for (const blockSize of new Set(needing.map((each) => each.blockSize))) {
    const own = needing.filter((each) => each.blockSize === blockSize);
    const names = [...new Set(own.map(({ criterion }) => criterion))];
    const chosen = own.flatMap((each) => each.layers);
    const found = await collect(model, batches(), names, { layers: chosen, blockSize, signal });
    count = found.batches;
    for (const [name, statistics] of found.layers) layers.set(name, statistics);
  }
  return { batches: count, layers };
};
