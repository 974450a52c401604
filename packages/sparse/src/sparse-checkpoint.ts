import { Linear, type LoadableState, type Module, type StateDict } from "@tessera/nn";
import { scope, zeros, type Tensor } from "@tessera/tensor";
import { showJson } from "@tessera/tensor/files";
import { BlockSparseLinear, type PatchRecipe } from "./block-sparse-linear.ts";
import { disposeButBias } from "./layer-swaps.ts";
import { layoutInState } from "./layout-in-state.ts";
import { PatchError } from "./patch-error.ts";
import { replaceLayers, type Prepared } from "./replace-layers.ts";

/** One block-sparse layer, in plain JSON. Where its blocks lie is in the checkpoint's tensors. */
export interface SparseLayerDescription {
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly blockSize: number;
  /** Stored blocks. */
  readonly blocks: number;
  /** Realised. */
  readonly density: number;
  /** What was asked for when it was patched; `null` for a layer that was made sparse. */
  readonly recipe: PatchRecipe | null;
}

/** The block-sparse layers of a model, by path: goes into `config.json`. */
export interface SparseLayouts {
  readonly [layer: string]: SparseLayerDescription;
}

const sparseLayers = (model: Module): [name: string, layer: BlockSparseLinear][] =>
  [...model.namedModules()].filter(
    (entry): entry is [string, BlockSparseLinear] => entry[1] instanceof BlockSparseLinear,
  );

/**
 * Says which layers of a model are block-sparse: with this beside the tensors of its `stateDict()`, a checkpoint can be loaded
 * again.
 *
 * @example
 * const config = { ...model.config, sparseLayouts: sparseLayoutsOf(model) };
 */
export const sparseLayoutsOf = (model: Module): SparseLayouts =>
  Object.fromEntries(
    sparseLayers(model).map(([name, { outFeatures, inFeatures, blockSize, layout, recipe }]) => [
      name,
      { outFeatures, inFeatures, blockSize, blocks: layout.blocks, density: layout.density, recipe },
    ]),
  );

/**
 * Makes the layers of a freshly built, dense model block-sparse as a checkpoint has them: all, or none. Their values are 0 until
 * `model.loadStateDict(tensors)`, which comes next.
 *
 * @throws PatchError that lists every layer that is not in the model or not as described, and every index that is not in the
 *   tensors or is no index.
 * @example
 * const model = new RobertaForMaskedLM(new RobertaConfig(config));
 * applySparseLayouts(model, config.sparseLayouts, tensors);
 * model.loadStateDict(tensors);
 */
export const applySparseLayouts = (model: Module, layouts: SparseLayouts, tensors: LoadableState): void => {
  const modules = model.namedModules();
  const problems: string[] = [];
  const makers: (() => Prepared)[] = [];
  for (const [name, described] of Object.entries(layouts)) {
    const linear = modules.get(name);
    if (!isDescription(described))
      problems.push(`${name} is described by ${showJson(described)}, not by the sizes of a layer`);
    else if (!isRecipe(described.recipe))
      problems.push(`${name} has the recipe ${showJson(described.recipe)}, not a density, a criterion and a seed`);
    else if (!(linear instanceof Linear)) problems.push(`${name} is not a dense layer of this model`);
    else if (linear.outFeatures !== described.outFeatures || linear.inFeatures !== described.inFeatures)
      problems.push(
        `${name} is ${linear.outFeatures} × ${linear.inFeatures}, the checkpoint's is ${described.outFeatures} × ${described.inFeatures}`,
      );
    else
      try {
        const layout = layoutInState(tensors, `${name}.`, [linear.outFeatures, linear.inFeatures]);
        if (layout.blockSize === described.blockSize)
          makers.push(() => allocateSparse(name, linear, described, layout));
        else problems.push(`${name} has blocks of ${layout.blockSize}, the description says ${described.blockSize}`);
      } catch (error) {
        problems.push(`${name}: ${(error as Error).message}`);
      }
  }
  for (const key of tensors.keys()) {
    const name = key.replace(/\.crowIndices$/, "");
    if (name !== key && !Object.hasOwn(layouts, name))
      problems.push(`${name} is block-sparse in the tensors and not in the description`);
  }
  if (problems.length > 0)
    throw new PatchError("applySparseLayouts: expected the model of this checkpoint, nothing was changed", problems);
  replaceLayers(model, makers);
};

/** Whether a description from a file has all that is needed. */
const isDescription = (described: SparseLayerDescription | null): described is SparseLayerDescription =>
  typeof described === "object" &&
  described !== null &&
  [described.outFeatures, described.inFeatures, described.blockSize].every(Number.isInteger);

/** Whether it says how a layer was patched, or nothing. */
const isRecipe = (recipe: PatchRecipe | null | undefined): boolean =>
  recipe === undefined ||
  recipe === null ||
  (typeof recipe === "object" &&
    typeof recipe.density === "number" &&
    typeof recipe.criterion === "string" &&
    typeof recipe.balanced === "boolean" &&
    (recipe.layout === undefined || typeof recipe.layout === "string") &&
    Number.isSafeInteger(recipe.seed));

/** A block-sparse layer of zeros for the place of a dense one: its values come when the state is loaded. */
const allocateSparse = (
  name: string,
  linear: Linear,
  described: SparseLayerDescription,
  layout: BlockSparseLinear["layout"],
): Prepared => {
  const { blocks, blockSize: b } = layout;
  const { bias, weight, activation, inFeatures, outFeatures } = linear;
  const layer = scope(
    () =>
      new BlockSparseLinear(inFeatures, outFeatures, {
        layout,
        values: zeros([blocks, b, b], { device: weight.device }),
        bias: bias ?? false,
        activation: activation ?? undefined,
        recipe: described.recipe ?? undefined,
      }),
  );
  layer.values.trainable = weight.trainable;
  const undo = (): void => disposeButBias(layer);
  return { name, layer, from: weight, to: layer.values, convert: (state) => state, undo, done: () => weight.dispose() };
};

/**
 * A state that a model without any sparse layer can load, such as Hugging Face's: `values` and indices become a dense `weight`.
 * The dense weights are new tensors of the scope that is open; the others are the model's own.
 *
 * @example
 * scope(() => writeSafetensors(hostTensors(denseStateDict(model))));
 */
export const denseStateDict = (model: Module): StateDict =>
  scope(() => {
    const layers = new Map(
      sparseLayers(model).flatMap(([name, layer]) => keysOf(name).map((key) => [key, layer] as const)),
    );
    const state = new Map<string, Tensor>();
    for (const [key, tensor] of model.stateDict()) {
      const layer = layers.get(key);
      if (!layer) state.set(key, tensor);
      else if (key.endsWith("values")) state.set(key.replace(/values$/, "weight"), layer.toDense());
    }
    return state;
  });

/** The keys of a layer that a dense one does not have. */
const keysOf = (name: string): string[] =>
  ["values", "crowIndices", "colIndices"].map((key) => (name === "" ? key : `${name}.${key}`));
