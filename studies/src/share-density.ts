import {
  allocate,
  BlockSparseModelPatcher,
  evolveAllocation,
  patchByPatterns,
  type LayerPlan,
  type SensitivityRow,
} from "@tessera/sparse";
import { loadMaskedLM } from "@tessera/cli/internal/training/model-folder";
import { createCollator } from "@tessera/cli/internal/training/pretrain-model";
import { EVALUATION_MASKING } from "@tessera/cli/internal/training/recipes";
import { evaluateMaskedLM, maskedLMEpoch } from "@tessera/models/training";
import { nameCell, type Cell, type Sparsity } from "./cell.ts";
import { curvesFor } from "./jobs.ts";
import type { Lab } from "./lab.ts";
import type { Rows } from "./rows.ts";
import { patternsOf } from "./sparsity.ts";
import { studyOf } from "./studies.ts";

/** Generations and children of the evolutionary search, and the blocks that it judges by. */
const SEARCH = { generations: 10, offspring: 6, blocks: 64 };

/** One-shot rows of single layers as a sweep has them. */
export const sweepRowsOf = (
  cells: readonly Cell[],
  rows: Rows,
  shapes: ReadonlyMap<string, readonly [number, number]>,
): SensitivityRow[] =>
  cells.flatMap((cell) => {
    const row = rows.get(nameCell(cell));
    if (!row) return [];
    const { sparse, model, steps, seed } = cell;
    const names = sparse && typeof sparse.layers === "object" ? [sparse.layers.layer] : [];
    return [
      {
        cell: row.job,
        mode: sparse ? "leave-one-out" : "dense",
        group: names.join(),
        layers: names,
        shapes: names.map((name) => shapes.get(name)!),
        density: sparse?.density ?? 1,
        blockSize: sparse?.blockSize ?? 0,
        criterion: sparse?.by ?? "none",
        seed,
        recover: steps,
        model,
        checkpointHash: model,
        conditions: {},
        loss: row.loss!,
        accuracy: row.accuracy!,
        realisedDensity: row.realisedDensity!,
        parameters: row.parameters!,
        bytes: row.bytes!,
      } satisfies SensitivityRow,
    ];
  });

/** The densities of single layers for as many parameters as one density for all would leave. */
export const sharedPlans = async (lab: Lab, { model: name, sparse, seed }: Cell, rows: Rows): Promise<LayerPlan[]> => {
  const { shared, density, blockSize, by, layers } = sparse as Sparsity & { shared: NonNullable<Sparsity["shared"]> };
  const load = async () => (await loadMaskedLM(lab.path("checkpoints", name))).model;
  const model = await load();
  try {
    const patcher = new BlockSparseModelPatcher();
    const uniform = { density, blockSize, criterion: by };
    for (const pattern of patternsOf(layers)) patcher.addPattern(pattern, uniform);
    const plan = patcher.plan(model);
    const shapes = new Map(plan.layers.map((layer) => [layer.name, layer.shape]));
    const curves = sweepRowsOf(curvesFor(studyOf("b", lab.scale).cells), rows, shapes);
    const budget = { parameters: plan.parameters.after, criterion: "magnitude", seed } as const;
    if (shared !== "evolutionary") return [...allocate(curves, { ...budget, method: shared }).patterns];
    // Not the blocks that the result is tested on.
    const { train } = lab.corpus;
    const count = Math.min(SEARCH.blocks, train.count);
    const blocks = { ...train, count, ids: train.ids.subarray(0, count * train.length) };
    const collator = createCollator(lab.tokenizer, EVALUATION_MASKING);
    const found = await evolveAllocation(curves, {
      ...budget,
      ...SEARCH,
      signal: lab.supervision.stop,
      evaluate: async (allocation) => {
        const candidate = await load();
        try {
          await patchByPatterns(candidate, allocation);
          return (await evaluateMaskedLM(candidate, maskedLMEpoch({ blocks, collator, batchSize: 32, seed: 1 }))).loss;
        } finally {
          candidate.dispose();
        }
      },
    });
    return [...found.patterns];
  } finally {
    model.dispose();
  }
};
