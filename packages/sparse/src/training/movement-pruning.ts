import { Gradients } from "@tessera/autograd";
import {
  Adam,
  pickEntries,
  type CallbackState,
  type NamedParameters,
  type Optimizer,
  type TrainingCallback,
  type TrainingContext,
} from "@tessera/nn";
import { ArgumentError, mul, Parameter, scope, sum, Tensor, zeros, type HostTensor } from "@tessera/tensor";
import { sourcesOf, type BlockLayout } from "../block-layout.ts";
import { Pruning, type PruningSchedule } from "./gradual-pruning.ts";

export interface MovementPruningOptions extends PruningSchedule {
  /** Learns the scores; `Adam` with a rate of 0.01 unless given. */
  readonly scoreOptimizer?: ((scores: NamedParameters) => Optimizer) | undefined;
}

const SCORES = "scores.";
const OPTIMIZER = "optimizer.";

class MovementPruning extends Pruning {
  private readonly makeOptimizer: (scores: NamedParameters) => Optimizer;
  private learned: { readonly scores: Map<string, Parameter>; readonly optimizer: Optimizer } | null = null;

  constructor(options: MovementPruningOptions) {
    super("movementPruning", options);
    this.makeOptimizer = options.scoreOptimizer ?? ((scores) => new Adam(scores, { lr: 0.01 }));
  }

  override onStart(context: TrainingContext): void {
    super.onStart(context);
    // A training that goes on has them.
    if (context.step > 0 && this.learned) return;
    this.dispose();
    for (const [name, { values }] of this.layers)
      if (!values.trainable)
        throw new ArgumentError(
          `${this.name}: expected layers that are trained, got "${name}", which is frozen; unfreeze it, or leave it out of layers`,
        );
    const scores = new Map(
      [...this.layers].map(([name, { blocks, values }]) => [
        name,
        new Parameter(zeros([blocks], { device: values.device })),
      ]),
    );
    this.learned = { scores, optimizer: this.makeOptimizer(scores) };
  }

  /** dL/dS = Σ_block W ⊙ dL/dW: a score is a factor of its block, as a straight-through estimator sees it. */
  onGradients(gradients: Gradients, { model }: TrainingContext): void {
    const { scores, optimizer } = this.learned!;
    const names = new Map([...model.namedParameters()].map(([name, parameter]) => [parameter, name] as const));
    scope(() => {
      const own = new Gradients(
        [...scores.keys()].map((layer) => {
          const { values } = this.layers.get(layer)!;
          return [layer, sum(mul(gradients.get(names.get(values)!)!, values), { dim: [1, 2] })] as const;
        }),
      );
      // NaN where the step will change nothing: then no score changes either.
      own.scale = gradients.scale?.alias() ?? null;
      optimizer.step(own);
    });
  }

  protected override async scores(): Promise<Map<string, Float64Array>> {
    const found = new Map<string, Float64Array>();
    for (const [name, scores] of this.learned!.scores) {
      const { layout } = this.layers.get(name)!;
      const values = await scores.data();
      const whole = new Float64Array(layout.rows * layout.cols);
      layout.forEachBlock((row, col, block) => {
        whole[row * layout.cols + col] = values[block]!;
      });
      found.set(name, whole);
    }
    return found;
  }

  protected override setLayout(name: string, next: BlockLayout, trained: Optimizer): void {
    const { layout } = this.layers.get(name)!;
    super.setLayout(name, next, trained);
    const { scores, optimizer } = this.learned!;
    const old = scores.get(name)!;
    const sources = sourcesOf(layout, next);
    const moved = new Parameter(pickEntries(old, sources));
    optimizer.reindex(old, moved, sources);
    scores.set(name, moved);
    old.dispose();
  }

  stateDict(): CallbackState {
    const { scores, optimizer } = this.learned!;
    const { groups, tensors } = optimizer.stateDict();
    return {
      json: { groups },
      tensors: new Map([
        ...[...scores].map(([name, tensor]) => [`${SCORES}${name}`, tensor] as const),
        ...[...tensors].map(([name, tensor]) => [`${OPTIMIZER}${name}`, tensor] as const),
      ]),
    };
  }

  loadStateDict({ json, tensors }: CallbackState): void {
    const { scores, optimizer } = this.learned!;
    const part = (prefix: string): Map<string, Tensor | HostTensor> =>
      new Map(
        [...tensors].flatMap(([name, tensor]) =>
          name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
        ),
      );
    const saved = part(SCORES);
    for (const [name, own] of scores) {
      const value = saved.get(name);
      if (!value)
        throw new ArgumentError(`${this.name}: expected the scores of "${name}" in the checkpoint, there are none`);
      const data = value instanceof Tensor ? value.dataSync() : value.data;
      own.assign(Tensor.fromHost(data, value.shape, value.dtype, own.device, this.name));
    }
    const { groups } = json as { readonly groups: ReturnType<Optimizer["stateDict"]>["groups"] };
    optimizer.loadStateDict({ groups, tensors: part(OPTIMIZER) });
  }

  dispose(): void {
    this.learned?.optimizer.dispose();
    for (const scores of this.learned?.scores.values() ?? []) scores.dispose();
    this.learned = null;
  }
}

/**
 * A callback that prunes by learned scores: each stored block has one, with the gradient Σ_block W ⊙ dL/dW, so that blocks whose weights move away
 * from zero rise and those that shrink fall, whatever their size. The lowest go as the schedule says. For fine-tuning a model whose weights are large for
 * the sake of another task.
 *
 * The paper's masked blocks may come back, because a dense weight lies below; here a block that goes is gone, with its memory.
 *
 * {@link https://arxiv.org/abs/2005.07683 Sanh, Wolf and Rush 2020}, by blocks: {@link https://arxiv.org/abs/2109.04838 Lagunas et al. 2021}
 *
 * Its scores live until its `dispose()`.
 *
 * @throws ArgumentError when an option is outside its domain, or, when the training starts, no layer is block-sparse, or one is frozen.
 * @example
 * const pruning = movementPruning({ density: 0.25, warmup: 100, recovery: 300 });
 */
export const movementPruning = (options: MovementPruningOptions): TrainingCallback & { dispose(): void } =>
  new MovementPruning(options);
