import type { Checkpoint, Sparsity } from "./cell.ts";
import type { Scale } from "./scale.ts";

/** The demo's block size: at 128 features a row of a layer has 16 blocks, or 64. */
export const BLOCK = 8;

/** How models are made sparse in the course of a pre-training that goes on. */
export const GRADUAL: Sparsity = { layers: "article", density: 0.5, blockSize: BLOCK, by: "magnitude", when: "cubic" };

export const SCRATCH_DENSITIES = [0.5, 0.25, 0.1] as const;

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The seeds of pre-training of the main model: cells take turns with them. */
export const PRETRAINING_SEEDS = [0, 1, 2] as const;

/** All pre-trainings, the ones that are needed first at the front. */
export const checkpointsOf = (scale: Scale): Checkpoint[] => {
  const { hidden, heads, depth, depths, narrow, tokens, moreTokens, demoTokens } = scale;
  const base = { hidden, heads, layers: depth, tokens, batchSize: 16, optimizer: "muon" } as const;
  const main = PRETRAINING_SEEDS.map((seed): Checkpoint => ({ ...base, name: `main-${seed}`, seed }));
  const further = PRETRAINING_SEEDS.flatMap((seed): Checkpoint[] => {
    const more = { ...base, seed, from: `main-${seed}`, tokens: moreTokens };
    return [
      { ...more, name: `main-${seed}-more` },
      { ...more, name: `main-${seed}-gradual`, sparse: GRADUAL },
      { ...more, name: `main-${seed}-static`, sparse: { ...GRADUAL, when: "before" } },
      { ...more, name: `main-${seed}-taught`, sparse: GRADUAL, taught: true },
    ];
  });
  const others = PRETRAINING_SEEDS.flatMap((seed): Checkpoint[] => [
    ...depths.map((layers) => ({ ...base, name: `deep${layers}-${seed}`, layers, seed })),
    ...narrow.map((width) => ({ ...base, name: `wide${width}-${seed}`, hidden: width, seed })),
  ]);
  const scratch = SCRATCH_DENSITIES.map((density): Checkpoint => {
    const sparse: Sparsity = { ...GRADUAL, density, by: "random", layout: "balanced", when: "before" };
    return { ...base, name: `scratch${density}-0`, seed: 0, sparse };
  });
  const demo = range(scale.seeds).map((seed): Checkpoint => ({
    ...base,
    name: `demo-${seed}`,
    layers: Math.min(2, depth),
    tokens: demoTokens,
    batchSize: 8,
    seed,
  }));
  const optimizers = (["muon", "adamw"] as const).flatMap((optimizer) =>
    [undefined, 0.5, 0.25].map((density): Checkpoint => {
      const sparse: Partial<Checkpoint> =
        density === undefined
          ? {}
          : { sparse: { ...GRADUAL, layers: "all", density, by: "random", layout: "balanced", when: "before" } };
      const name = `${optimizer}${density ?? "Dense"}-0`;
      return { ...base, batchSize: 8, tokens: demoTokens, optimizer, name, seed: 0, ...sparse };
    }),
  );
  return [...main, ...demo, ...further, ...others, ...scratch, ...optimizers];
};
