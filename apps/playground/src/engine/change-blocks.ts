import { Linear, type Module } from "@tessera/nn";
import { BlockSparseLinear, BlockSparseModelPatcher, regrow, saliency, type BlockCriterion } from "@tessera/sparse";
import { drawnLayers } from "./block-history.ts";
import type { Learner } from "./learner.ts";
import { isFor, type Criterion, type Sparsity } from "./sparsity.ts";

export const sparseLayersOf = (model: Module): [name: string, layer: BlockSparseLinear][] =>
  drawnLayers(model).filter((entry): entry is [string, BlockSparseLinear] => entry[1] instanceof BlockSparseLinear);

/** Keeps the blocks that a layer had: for layers that a change is not about. */
const asBefore = (mask: Uint8Array): BlockCriterion => ({ name: "as before", scores: () => Float64Array.from(mask) });

/** Plans need weights on the host: a model on a GPU is moved there and back. */
const onHost = async <T>(model: Module, fn: () => T): Promise<T> => {
  const { device } = model.parameters()[0]!;
  if (device.readSync) return fn();
  await model.to("cpu");
  try {
    return fn();
  } finally {
    await model.to(device);
  }
};

/** The gradient as the optimiser remembers it, by the name of each dense weight. */
const rememberedGradients = async (learner: Learner): Promise<Map<string, Float32Array>> => {
  const found = new Map<string, Float32Array>();
  for (const [name, x] of learner.optimizer.stateDict().tensors) {
    const weight = /^(.*\.weight)\.expAvg$/.exec(name)?.[1];
    if (weight !== undefined) found.set(weight, (await x.data()) as Float32Array);
  }
  return found;
};

const criterionOf = async (
  criterion: Criterion,
  learner: Learner,
): Promise<BlockCriterion | "magnitude" | "random"> => {
  if (criterion !== "saliency") return criterion;
  const gradients = await rememberedGradients(learner);
  // Before its first step an optimiser remembers nothing: no block then matters more than another.
  const zeros = (length: number): Float32Array => new Float32Array(length);
  return {
    name: "saliency",
    scores: (layer) => {
      const key = `${layer.name}.weight`;
      const measured = new Map([[key, gradients.get(key) ?? zeros(layer.outFeatures * layer.inFeatures)]]);
      return saliency(measured).scores(layer);
    },
  };
};

/**
 * Gives the layers of a pattern another density, and leaves the others as they are. What the optimiser remembers moves with the
 * blocks; blocks that come back start at zero.
 *
 * @throws PatchError that lists what cannot be done; the model is dense then where it was sparse, so the caller restores it
 */
export const setDensity = async (
  learner: Learner,
  sparsity: Sparsity,
  density: number,
  seed: number,
): Promise<void> => {
  const { model, optimizer } = learner;
  const before = sparseLayersOf(model).map(([name, layer]) => ({
    name,
    mask: layer.layout.mask(),
    layout: layer.layout,
  }));
  if (before.length > 0) new BlockSparseModelPatcher().unpatch(model).handOver(optimizer);
  const criterion = await criterionOf(sparsity.criterion, learner);
  const patcher = new BlockSparseModelPatcher();
  let count = 0;
  for (const [name, layer] of drawnLayers(model)) {
    if (!(layer instanceof Linear)) continue;
    const was = before.find((one) => one.name === name);
    if (isFor(sparsity.pattern, name)) {
      if (density >= 1) continue;
      patcher.addPattern(name, { density, blockSize: sparsity.blockSize, criterion, seed });
    } else if (was) {
      const { layout, mask } = was;
      patcher.addPattern(name, { density: layout.density, blockSize: layout.blockSize, criterion: asBefore(mask) });
    } else continue;
    count++;
  }
  if (count === 0) return;
  const plan = await onHost(model, () => patcher.plan(model));
  patcher.patchModel(model, plan).handOver(optimizer);
};

/** Moves the weakest share of every sparse layer's blocks: to random places, or to where scores are largest. */
export const moveBlocks = async (
  learner: Learner,
  { fraction, pattern }: Sparsity,
  seed: number,
  scores: ReadonlyMap<string, Float64Array> | null,
): Promise<void> => {
  for (const [at, [name, layer]] of sparseLayersOf(learner.model).entries()) {
    if (!isFor(pattern, name)) continue;
    await regrow(layer, { fraction, grow: scores?.get(name) ?? "random", seed: seed * 64 + at }, learner.optimizer);
  }
};
