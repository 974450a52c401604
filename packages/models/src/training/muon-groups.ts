import { Embedding, ModuleList, type GroupOptions, type Module, type MuonOptions } from "@tessera/nn";
import { BlockSparseLinear } from "@tessera/sparse";
import type { Parameter } from "@tessera/tensor";

/** Muon's part of a model, and what is left for another optimiser. */
export interface MuonGroups {
  /** Groups of matrices. */
  groups: GroupOptions<Pick<MuonOptions, "lr" | "weightDecay">>[];
  /** Their parameters. */
  params: ReadonlySet<Parameter>;
}

/**
 * The matrices of a model's layers, which Muon is for: all weights of two dims inside of a `ModuleList`, but no embeddings.
 *
 * The stored blocks of a `BlockSparseLinear` are orthogonalised one by one. With k blocks in a row that makes outputs √k times as large
 * as an orthogonal weight does, so such layers get the rate lr/√k, and the decay that the others have: with all blocks stored, an
 * update is as large as the dense layer's.
 *
 * @throws ArgumentError by `Muon`, when there is none.
 * @example
 * const { groups, params } = muonGroups(model, { lr: 0.01, weightDecay: 0.1 });
 * const others = weightDecayGroups(model, { weightDecay: 0.1, without: params });
 * const optimizer = new CombinedOptimizer({ muon: new Muon(groups, { nsSteps: 3 }), adamw: new AdamW(others, { lr: 2e-3 }) });
 */
export const muonGroups = (model: Module, { lr, weightDecay }: { lr: number; weightDecay: number }): MuonGroups => {
  const lists = [...model.namedModules().values()].filter((module) => module instanceof ModuleList);
  const inside = new Set(lists.flatMap((list) => [...list.namedModules().values()]));
  const tables = new Set([...inside].flatMap((module) => (module instanceof Embedding ? module.parameters() : [])));
  /** By the mean number of blocks in a row: 1 is what dense matrices have. */
  const groups = new Map<number, Map<string, Parameter>>();
  const params = new Set<Parameter>();
  const blocksOf = new Map<Parameter, number>();
  for (const module of inside)
    if (module instanceof BlockSparseLinear) {
      const { blocks, crowIndices } = module.layout;
      blocksOf.set(module.values, Math.max(1, blocks / (crowIndices.length - 1)));
    }
  const matrices = new Set([...inside].flatMap((module) => module.parameters()));
  for (const [name, parameter] of model.namedParameters()) {
    const isMatrix = parameter.ndim === 2 || blocksOf.has(parameter);
    if (!matrices.has(parameter) || !isMatrix || tables.has(parameter)) continue;
    const blocks = blocksOf.get(parameter) ?? 1;
    groups.set(blocks, (groups.get(blocks) ?? new Map<string, Parameter>()).set(name, parameter));
    params.add(parameter);
  }
  return {
    groups: [...groups].map(([blocks, params]) => ({
      params,
      lr: lr / Math.sqrt(blocks),
      weightDecay: weightDecay * Math.sqrt(blocks),
    })),
    params,
  };
};
