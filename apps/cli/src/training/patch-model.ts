import type { Module } from "@tessera/nn";
import {
  BlockSparseLinear,
  BlockSparseModelPatcher,
  type CriterionName,
  type PatchPlan,
  type Statistics,
} from "@tessera/sparse";
import type { BlockMosaicData } from "../report/render-block-mosaic.ts";

export interface PatchSettings {
  patterns: readonly RegExp[];
  density: number;
  blockSize: number;
  criterion?: CriterionName;
  seed?: number;
  /** For a criterion that looks at batches. */
  statistics?: Statistics | undefined;
}

/** Makes a patcher for some patterns of one density. */
export const createPatcher = ({ patterns, ...options }: PatchSettings): BlockSparseModelPatcher => {
  const patcher = new BlockSparseModelPatcher();
  for (const pattern of patterns) patcher.addPattern(pattern, options);
  return patcher;
};

/** Makes a plan for a model on any device. Plans read the weights, so a model on another device is moved to `cpu` and back. */
export const planOnHost = async (model: Module, patcher: BlockSparseModelPatcher): Promise<PatchPlan> => {
  const { device } = model.parameters()[0]!;
  if (device.readSync) return patcher.plan(model);
  await model.to("cpu");
  try {
    return patcher.plan(model);
  } finally {
    await model.to(device);
  }
};

/** Patches a model on any device. */
export const patchInPlace = async (model: Module, settings: PatchSettings): Promise<void> => {
  const patcher = createPatcher(settings);
  patcher.patchModel(model, await planOnHost(model, patcher));
};

/** Finds the sparse layers of a model, with their names. */
export const findSparseLayers = (model: Module): [name: string, layer: BlockSparseLinear][] =>
  [...model.namedModules()].flatMap(([name, module]) =>
    module instanceof BlockSparseLinear ? [[name, module] as [string, BlockSparseLinear]] : [],
  );

/** Reads the blocks of each sparse layer for `renderBlockMosaic`. */
export const readMosaics = async (model: Module): Promise<BlockMosaicData[]> =>
  Promise.all(
    findSparseLayers(model).map(async ([name, { layout, shape, values }]) => {
      const { blockSize, crowIndices, colIndices, blocks } = layout;
      const numbers = await values.data();
      const size = blockSize * blockSize;
      const norms = new Float64Array(blocks);
      for (let i = 0; i < numbers.length; i++) norms[Math.floor(i / size)]! += numbers[i]! ** 2;
      return { name, shape, blockSize, crowIndices, colIndices, norms: norms.map(Math.sqrt) };
    }),
  );
