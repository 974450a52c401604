/**
 * Which layers are sparse in a cell, of a group in question: `leave-one-out` its own, and all others are dense; `one-in` all others, and its own are dense;
 * `cumulative` its own and those of every group before.
 */
export const sensitivityModes = ["leave-one-out", "one-in", "cumulative"] as const;
export type SensitivityMode = (typeof sensitivityModes)[number];

/** The middle 95 % of what a number would be on other test items of the same kind: percentiles of a bootstrap. */
export interface Spread {
  readonly low: number;
  readonly high: number;
}

/** What is measured in one go: a model with some layers sparse, trained from one seed. */
export interface SensitivityCell {
  /** What tells it from every other, and is the same in every process. */
  readonly cell: string;
  readonly mode: SensitivityMode | "dense";
  /** The group in question; "" of the dense model. */
  readonly group: string;
  /** The layers that are sparse; none of the dense model. */
  readonly layers: readonly string[];
  /** `[out, in]` of each of `layers`. */
  readonly shapes: readonly (readonly [number, number])[];
  /** What was asked for. */
  readonly density: number;
  /** 0 of the dense model. */
  readonly blockSize: number;
  /** Its name; "none" of the dense model. */
  readonly criterion: string;
  readonly seed: number;
  /** Steps of training after the patch. */
  readonly recover: number;
}

/** A measured cell: plain JSON. */
export interface SensitivityRow extends SensitivityCell {
  /** The name of the model. */
  readonly model: string;
  /** SHA-256 of the weights that every cell begins with. */
  readonly checkpointHash: string;
  /** Whatever else has to be equal for rows to be comparable: the data, the device, the layout rule. */
  readonly conditions: { readonly [name: string]: string | number | boolean };
  /** Why there are no numbers. */
  readonly error?: string;
  /** The share of stored elements in `layers`. */
  readonly realisedDensity?: number;
  /** Equal layouts have equal ones. */
  readonly layoutHash?: string;
  readonly loss?: number;
  readonly lossSpread?: Spread;
  /** In [0, 1]. */
  readonly accuracy?: number;
  readonly accuracySpread?: Spread;
  /** Of the whole model. */
  readonly parameters?: number;
  /** Of the whole model's parameters and indices, in memory. */
  readonly bytes?: number;
  /** Milliseconds: the median of repeated runs, in turns with those of the dense model in the same process. */
  readonly forwardMs?: number;
  readonly denseForwardMs?: number;
  readonly stepMs?: number;
  readonly denseStepMs?: number;
}
