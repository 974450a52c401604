import { BlockSparseLinear } from "@tessera/sparse";
import type { Module } from "@tessera/nn";

/** What a cell or a checkpoint comes to. */
export interface Measured {
  /** Mean over test items, in nats. */
  readonly loss?: number;
  /** In [0, 1]. */
  readonly accuracy?: number;
  /** Share of the stored elements in the layers that are sparse. */
  readonly realisedDensity?: number;
  readonly parameters?: number;
  /** Of parameters and indices, in memory. */
  readonly bytes?: number;
  /** Of the training alone. */
  readonly trainSeconds?: number;
  /** Median milliseconds, in turns with the dense model in the same process. */
  readonly forwardMs?: number;
  readonly denseForwardMs?: number;
  readonly stepMs?: number;
  readonly denseStepMs?: number;
}

/** A measured job: plain JSON, a line of the file of rows. */
export interface Row extends Measured {
  /** The job's name. */
  readonly job: string;
  readonly device: string;
  /** Of everything, loading included. */
  readonly seconds: number;
  readonly error?: string;
}

/** How large a model is as it stands. */
export const measureSize = (model: Module): Required<Pick<Measured, "realisedDensity" | "parameters" | "bytes">> => {
  let [stored, all] = [0, 0];
  for (const layer of model.namedModules().values()) {
    if (!(layer instanceof BlockSparseLinear)) continue;
    stored += layer.layout.blocks;
    all += layer.layout.rows * layer.layout.cols;
  }
  const bytes = [...model.stateDict().values()].reduce((total, tensor) => total + 4 * tensor.numel(), 0);
  return { realisedDensity: all === 0 ? 1 : stored / all, parameters: model.numParameters(), bytes };
};
