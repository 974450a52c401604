import type { LoadableState, Optimizer, TrainingCallback, TrainingContext } from "@tessera/nn";
import { ArgumentError } from "@tessera/tensor";
import { checkSeed } from "@tessera/tensor/extend";
import type { BlockLayout } from "../block-layout.ts";
import type { BlockSparseLinear } from "../block-sparse-linear.ts";
import { layoutInState } from "../layout-in-state.ts";
import { sparseLayersOf, type LayerChoice } from "../sparse-layers.ts";

/** What every callback of sparse training takes. */
export interface SparseTrainingOptions {
  /** Which of the model's block-sparse layers; all of them, unless given. */
  readonly layers?: LayerChoice;
  /** Decides what is drawn, with the step and the layer. */
  readonly seed?: number | undefined;
  /** What the callback's state is saved under: for several of a kind in one training. */
  readonly name?: string | undefined;
}

/** A callback that changes which blocks of a model are stored. A checkpoint has the layouts in the model's own tensors. */
export abstract class SparseTraining implements TrainingCallback {
  readonly name: string;
  protected readonly seed: number;
  /** The layers that change, by path; known once the training starts. */
  protected layers: ReadonlyMap<string, BlockSparseLinear> = new Map();
  private readonly choice: LayerChoice;

  constructor(kind: string, { layers, seed = 0, name = kind }: SparseTrainingOptions) {
    checkSeed(kind, seed);
    this.name = name;
    this.seed = seed;
    this.choice = layers;
  }

  onStart({ model }: TrainingContext): void {
    this.layers = sparseLayersOf(this.name, model, this.choice);
  }

  onLoadModel(state: LoadableState, { optimizer }: TrainingContext): void {
    for (const [name, layer] of this.layers)
      this.setLayout(name, layoutInState(state, name === "" ? "" : `${name}.`, layer.shape), optimizer);
  }

  /** Changes a layer, and what the optimiser remembers of it, if it trains it. */
  protected setLayout(name: string, next: BlockLayout, optimizer: Optimizer): void {
    const layer = this.layers.get(name)!;
    layer.setLayout(next, ...optimizersOf(layer, optimizer));
  }

  /** A seed of its own for each layer and step. */
  protected seedOf(name: string, step: number): number {
    return [...`${this.seed}/${name}/${step}`].reduce(
      (hash, char) => Math.imul(hash ^ char.charCodeAt(0), 16777619) >>> 0,
      2166136261,
    );
  }

  /** How dense the layers are together, and each of them. */
  protected densities(): { readonly density: number; readonly layers: { readonly [name: string]: number } } {
    let [stored, all] = [0, 0];
    for (const { layout } of this.layers.values()) {
      stored += layout.blocks;
      all += layout.rows * layout.cols;
    }
    const layers = Object.fromEntries([...this.layers].map(([name, { density }]) => [name, density]));
    return { density: stored / all, layers };
  }
}

/** The optimiser, in a list, if it trains the values of a layer: frozen ones may be in none. */
export const optimizersOf = (layer: BlockSparseLinear, optimizer: Optimizer): Optimizer[] =>
  optimizer.groups.some(({ params }) => [...params.values()].includes(layer.values)) ? [optimizer] : [];

/** Throws unless it is a number of steps from 1 up. */
export const checkEvery = (op: string, every: number): void => {
  if (!Number.isInteger(every) || every < 1)
    throw new ArgumentError(`${op}: every is a number of steps from 1 up, got ${every}`);
};
