import type { Module } from "@tessera/nn";
import { BlockSparseLinear } from "@tessera/sparse";
import type { HostTensor } from "@tessera/tensor";

/**
 * The block-sparse layers of a model whose blocks lie elsewhere in a state: values loaded into them would land in the wrong
 * places.
 */
export const misplacedLayers = (model: Module, state: ReadonlyMap<string, HostTensor>): readonly string[] =>
  [...model.namedModules()].flatMap(([path, module]) => {
    if (!(module instanceof BlockSparseLinear)) return [];
    const { layout } = module;
    const same = (["crowIndices", "colIndices"] as const).every((name) => {
      const saved = state.get(`${path}.${name}`)?.data;
      // A layer that is not there, or has another number of blocks, is for loadStateDict to report.
      return !saved || saved.length !== layout[name].length || layout[name].every((value, i) => value === saved[i]);
    });
    return same ? [] : [path];
  });
