import { valueAndGrad } from "@tessera/autograd";
import type { MaskedLMInputs } from "@tessera/models/roberta";
import { Linear, type Module } from "@tessera/nn";
import {
  BlockSparseLinear,
  BlockSparseModelPatcher,
  blockGradientNorms,
  collect,
  regrow,
  type BlockCriterion,
} from "@tessera/sparse";
import { scope } from "@tessera/tensor";
import { drawnLayers } from "./block-history.ts";
import type { Learner } from "./learner.ts";
import { isFor, type Sparsity } from "./sparsity.ts";

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

/** Batches that a criterion looks at before it judges. */
const MEASURED_BATCHES = 4;

/** The inputs of some batches; `collect` frees what they hold. */
function* inputsOf(learner: Learner): Generator<MaskedLMInputs> {
  const batches = learner.probeBatches();
  for (let i = 0; i < MEASURED_BATCHES; i++) yield batches.next().inputs;
}

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
  const { criterion, blockSize } = sparsity;
  const statistics = await collect(model, inputsOf(learner), criterion, {
    blockSize,
    layers: drawnLayers(model).flatMap(([name]) => (isFor(sparsity.pattern, name) ? [name] : [])),
    loss: (one, inputs) => ({ loss: one.forward(inputs).loss! }),
  });
  const patcher = new BlockSparseModelPatcher();
  let count = 0;
  for (const [name, layer] of drawnLayers(model)) {
    if (!(layer instanceof Linear)) continue;
    const was = before.find((one) => one.name === name);
    if (isFor(sparsity.pattern, name)) {
      if (density >= 1) continue;
      patcher.addPattern(name, { density, blockSize, criterion, statistics, seed });
    } else if (was) {
      const { layout, mask } = was;
      patcher.addPattern(name, { density: layout.density, blockSize: layout.blockSize, criterion: asBefore(mask) });
    } else continue;
    count++;
  }
  if (count > 0) {
    const plan = await onHost(model, () => patcher.plan(model));
    patcher.patchModel(model, plan).handOver(optimizer);
  }
  // Muon's rates follow from how many blocks a row has.
  learner.renewOptimizer();
};

/** How much the loss would change with each block that is not stored: RigL grows where it is most. */
const missingGradients = (learner: Learner): Promise<Map<string, Float64Array>> => {
  const { model } = learner;
  const step = valueAndGrad(model, (inputs: MaskedLMInputs) => ({ loss: model.forward(inputs).loss! }));
  return blockGradientNorms(model, () => scope((): void => step(learner.probeBatches().next().inputs).grads.dispose()));
};

/** Moves the weakest share of every sparse layer's blocks: to random places, or to where scores are largest. */
export const moveBlocks = async (
  learner: Learner,
  { fraction, pattern }: Sparsity,
  seed: number,
  growth: "random" | "gradient",
): Promise<void> => {
  const scores = growth === "gradient" ? await missingGradients(learner) : null;
  for (const [at, [name, layer]] of sparseLayersOf(learner.model).entries()) {
    if (!isFor(pattern, name)) continue;
    await regrow(layer, { fraction, grow: scores?.get(name) ?? "random", seed: seed * 64 + at }, learner.optimizer);
  }
};
