import type { Module, TrainingCallback, TrainingContext } from "@tessera/nn";
import type { Loss } from "@tessera/autograd";
import { ArgumentError } from "@tessera/tensor";
import { checkDensity, type BlockLayout } from "../block-layout.ts";
import type { BlockSparseLinear } from "../block-sparse-linear.ts";
import type { BlockCriterion } from "../criteria/block-criterion.ts";
import { collect } from "../criteria/collect.ts";
import { criterionOf, definitionOf, type CriterionName } from "../criteria/criteria.ts";
import type { Statistics } from "../criteria/statistics.ts";
import { blockCount } from "../patterns/block-count.ts";
import { addRandomBlocks, dropWeakest } from "../patterns/drop-weakest.ts";
import { placedSchedule, type DensityScheduleName, type PlacedSchedule } from "../schedules/density-schedules.ts";
import { checkEvery, SparseTraining, type SparseTrainingOptions } from "./sparse-training.ts";

/** When layers become how dense, and what competes with what. */
export interface PruningSchedule extends SparseTrainingOptions {
  /** The share of blocks at the end. */
  readonly density: number;
  /** That at the beginning; 1 unless said otherwise. Layers that have fewer blocks by themselves wait until the schedule comes by. */
  readonly from?: number | undefined;
  /** How the density falls between the two; `"cubic"` unless said otherwise. See `densitySchedules`. */
  readonly schedule?: DensityScheduleName | undefined;
  /** Steps before the first change; 0 unless said otherwise. */
  readonly warmup?: number | undefined;
  /** Steps after the last one, in which what is left recovers; 0 unless said otherwise. */
  readonly recovery?: number | undefined;
  /** Steps between changes; 10 unless said otherwise. */
  readonly every?: number | undefined;
  /** Whether each layer has that density, or blocks compete across layers and all of them together have it. */
  readonly scope?: "layer" | "global" | undefined;
}

export interface GradualPruningOptions<Batch = unknown> extends PruningSchedule {
  /** How blocks are judged: by magnitude unless said otherwise. */
  readonly criterion?: BlockCriterion | CriterionName | undefined;
  /** Batches for a criterion that needs statistics: they are collected anew at every change. */
  readonly batches?: (() => Iterable<Batch> | AsyncIterable<Batch>) | undefined;
  /** The loss of such a batch; what the model's `forward` gives, unless said otherwise. */
  readonly loss?: ((model: Module, batch: Batch) => Loss) | undefined;
}

/** What pruning callbacks share: the schedule, and the competition of blocks by whatever scores they have. */
export abstract class Pruning extends SparseTraining {
  private readonly schedule: Omit<PlacedSchedule, "steps">;
  private readonly scope: "layer" | "global";
  private density: (step: number) => number = () => 1;

  constructor(kind: string, options: PruningSchedule) {
    super(kind, options);
    const { density, from = 1, schedule = "cubic", warmup = 0, recovery = 0, every = 10, scope = "layer" } = options;
    checkDensity(kind, density);
    checkDensity(kind, from);
    checkEvery(kind, every);
    if (scope !== "layer" && scope !== "global")
      throw new ArgumentError(`${kind}: scope is "layer" or "global", got ${String(scope)}`);
    this.schedule = { to: density, from, schedule, warmup, recovery, every };
    this.scope = scope;
  }

  override onStart(context: TrainingContext): void {
    super.onStart(context);
    this.density = placedSchedule(this.name, { ...this.schedule, steps: context.steps });
  }

  async onBegin(context: TrainingContext): Promise<void> {
    if (context.step === 0) await this.follow(this.schedule.from, this.density(0), context);
  }

  async onStepEnd(context: TrainingContext): Promise<void> {
    await this.follow(this.density(context.step - 1), this.density(context.step), context);
  }

  /** Scores of all places of each layer, by path; the lowest go. */
  protected abstract scores(context: TrainingContext): Promise<ReadonlyMap<string, ArrayLike<number>>>;

  private async follow(before: number, density: number, context: TrainingContext): Promise<void> {
    if (density === before) return;
    const next = density < before ? await this.pruned(density, context) : this.grown(density, context);
    let [dropped, grown] = [0, 0];
    for (const [name, layout] of next) {
      const change = layout.blocks - this.layers.get(name)!.blocks;
      if (change === 0) continue;
      if (change < 0) dropped -= change;
      else grown += change;
      this.setLayout(name, layout, context.optimizer);
    }
    if (dropped + grown > 0)
      await context.log("sparsity", { callback: this.name, dropped, grown, ...this.densities() });
  }

  private async pruned(density: number, context: TrainingContext): Promise<Map<string, BlockLayout>> {
    const wanted = ({ layout: { rows, cols } }: BlockSparseLinear, share: number): number =>
      blockCount(rows, cols, share);
    const layers = [...this.layers];
    const total = layers.reduce((sum, [, { layout }]) => sum + layout.rows * layout.cols, 0);
    const stored = layers.reduce((sum, [, { blocks }]) => sum + blocks, 0);
    const isGlobal = this.scope === "global";
    const isDue = isGlobal
      ? stored > Math.round(density * total)
      : layers.some(([, layer]) => layer.blocks > wanted(layer, density));
    if (!isDue) return new Map();
    const scores = await this.scores(context);
    const competitors = layers.map(([name, { layout }]) => ({ layout, scores: scores.get(name)! }));
    // What stays now has to do for what the end leaves of it.
    const end = this.schedule.to;
    const layouts = isGlobal
      ? dropWeakest(competitors, Math.round(density * total), Math.round(end * total))
      : layers.map(([, layer], i) => dropWeakest([competitors[i]!], wanted(layer, density), wanted(layer, end))[0]!);
    return new Map(layers.map(([name], i) => [name, layouts[i]!]));
  }

  private grown(density: number, { step }: TrainingContext): Map<string, BlockLayout> {
    return new Map(
      [...this.layers].map(([name, { layout }]) => [
        name,
        addRandomBlocks(layout, blockCount(layout.rows, layout.cols, density), this.seedOf(name, step)),
      ]),
    );
  }
}

class GradualPruning<Batch> extends Pruning {
  private readonly options: GradualPruningOptions<Batch>;

  constructor(options: GradualPruningOptions<Batch>) {
    super("gradualPruning", options);
    this.options = options;
    const { criterion = "magnitude", batches } = options;
    if (typeof criterion === "string" && definitionOf("gradualPruning", criterion).needs.length > 0 && !batches)
      throw new ArgumentError(
        `gradualPruning: expected batches for the criterion "${criterion}", which needs statistics, got none; give a function that makes some`,
      );
  }

  protected override async scores({ model, step }: TrainingContext): Promise<Map<string, Float64Array>> {
    const { criterion = "magnitude", batches, loss } = this.options;
    let statistics: Statistics | undefined;
    if (typeof criterion === "string" && batches && definitionOf("gradualPruning", criterion).needs.length > 0)
      statistics = await collect(model as Module & { forward(batch: Batch): unknown }, batches(), criterion, {
        layers: [...this.layers.keys()],
        loss,
      });
    const judge = criterionOf("gradualPruning", criterion, statistics);
    const scores = new Map<string, Float64Array>();
    for (const [name, layer] of this.layers)
      scores.set(name, await judgeBlocks(judge, name, layer, this.seedOf(name, step)));
    return scores;
  }
}

/** Scores of a block-sparse layer's blocks, on whatever device it is. */
const judgeBlocks = async (
  judge: BlockCriterion,
  name: string,
  { layout, values, outFeatures, inFeatures, blockSize: b }: BlockSparseLinear,
  seed: number,
): Promise<Float64Array> => {
  const numbers = await values.data();
  let weight: Float32Array | undefined;
  const dense = (): Float32Array => {
    const whole = new Float32Array(outFeatures * inFeatures);
    layout.forEachBlock((row, col, block) => {
      for (let i = 0; i < Math.min(b, outFeatures - row * b); i++)
        for (let j = 0; j < Math.min(b, inFeatures - col * b); j++)
          whole[(row * b + i) * inFeatures + col * b + j] = numbers[(block * b + i) * b + j]!;
    });
    return whole;
  };
  return judge.scores({
    name,
    // Made when it is asked for: some criteria do without.
    get weight() {
      return (weight ??= dense());
    },
    outFeatures,
    inFeatures,
    blockSize: b,
    seed,
  });
};

/**
 * A callback that makes block-sparse layers sparser, or denser, while they train: the weakest blocks go as a schedule says, with their gradients'
 * moments. A layer begins with every block when it is patched with `density: 1`. Between a warm-up and the recovery at the end the density
 * falls from `from` to `density`, at once, in a line or, unless said otherwise, by a cubic. Where `density` is above `from`, blocks grow in
 * random places, and start at zero.
 *
 * Every number follows from the seed and the model, so that a training resumed from a checkpoint goes on bit for bit.
 *
 * {@link https://arxiv.org/abs/1710.01878 Zhu and Gupta 2017}; blocks that compete across layers, and a criterion that is estimated anew at every change:
 * {@link https://arxiv.org/abs/2203.07259 Kurtic et al. 2022}
 *
 * @throws ArgumentError when an option is outside its domain, or, when the training starts, no layer is block-sparse.
 * @example
 * new BlockSparseModelPatcher().addPattern(/.*dense/, { density: 1 }).patchModel(model);
 * const pruning = gradualPruning({ density: 0.25, warmup: 100, recovery: 300, every: 20, scope: "global" });
 * await new Trainer({ model, optimizer, batches, steps: 1000, callbacks: [pruning] }).train();
 */
export const gradualPruning = <Batch = unknown>(options: GradualPruningOptions<Batch>): TrainingCallback =>
  new GradualPruning(options);
