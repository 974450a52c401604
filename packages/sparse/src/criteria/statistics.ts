import { ArgumentError } from "@tessera/tensor";
import type { JudgedLayer } from "./block-criterion.ts";

/**
 * What `collect` sums over batches, for each layer. With g = dL/dW of the mean loss of one batch:
 *
 * - `gradientTimesWeight`: Σ_t Σ_block g ⊙ W, for each block
 * - `absGradientTimesWeight`: Σ_t |Σ_block g ⊙ W|, for each block
 * - `squaredGradientTimesWeight`: Σ_t Σ_block (g ⊙ W)², for each block
 * - `inputSquares`: Σ x_i² over all tokens, for each input feature
 */
export const statisticNames = [
  "gradientTimesWeight",
  "absGradientTimesWeight",
  "squaredGradientTimesWeight",
  "inputSquares",
] as const;
export type StatisticName = (typeof statisticNames)[number];

/** The sums of one layer: rows × columns of blocks in row-major order, or one for each input feature. */
export interface LayerStatistics {
  /** `[out, in]` */
  readonly shape: readonly [number, number];
  readonly blockSize: number;
  readonly sums: { readonly [Name in StatisticName]?: Float64Array };
}

/** Sums over some batches, by the paths of layers: plain data, so that other processes and later runs can use them. */
export interface Statistics {
  /** Over how many batches. */
  readonly batches: number;
  readonly layers: ReadonlyMap<string, LayerStatistics>;
}

/** The sums of one layer, for the criterion that asks. @throws ArgumentError when they were not collected, or for other blocks. */
export const sumsOf = (
  criterion: string,
  { layers }: Statistics,
  { name, outFeatures, inFeatures, blockSize }: JudgedLayer,
  statistic: StatisticName,
): Float64Array => {
  const layer = layers.get(name);
  if (!layer)
    throw new ArgumentError(
      `${criterion}: expected statistics of "${name}", there are those of ${[...layers.keys()].join(", ") || "no layer"}; collect them for it`,
    );
  const [outputs, inputs] = layer.shape;
  const perBlock = statistic !== "inputSquares";
  if (outputs !== outFeatures || inputs !== inFeatures || (perBlock && layer.blockSize !== blockSize))
    throw new ArgumentError(
      `${criterion}: expected statistics of "${name}" as ${outFeatures} × ${inFeatures} in blocks of ${blockSize}, got ${outputs} × ${inputs} in blocks of ${layer.blockSize}; collect them with this blockSize`,
    );
  const sums = layer.sums[statistic];
  if (!sums)
    throw new ArgumentError(
      `${criterion}: expected ${statistic} of "${name}", got ${Object.keys(layer.sums).join(", ") || "no sums"}; collect(model, batches, ["${criterion}"]) gathers it`,
    );
  return sums;
};
