import type { TrainingCallback, TrainingContext } from "@tessera/nn";
import { ArgumentError } from "@tessera/tensor";
import { BlockGradientWatch } from "../block-gradient-norms.ts";
import { regrow } from "../regrow.ts";
import { checkEvery, optimizersOf, SparseTraining, type SparseTrainingOptions } from "./sparse-training.ts";

export interface RewiringOptions extends SparseTrainingOptions {
  /** Steps between moves; 100 unless said otherwise. */
  readonly every?: number | undefined;
  /** The share of the stored blocks that move at first; 0.3 unless said otherwise. It falls along half a cosine. */
  readonly fraction?: number | undefined;
  /** The share of the training after which nothing moves; 0.75 unless said otherwise. */
  readonly until?: number | undefined;
  /** Rows of blocks grow as many as they lose. */
  readonly balanced?: boolean | undefined;
  /** What new blocks start with: zeros, unless said otherwise, or as in a new layer. */
  readonly init?: "zeros" | "uniform" | undefined;
}

/** Where blocks grow: in random places, or where the dense gradient would be largest. */
type Growth = "random" | "gradient";

class Rewiring extends SparseTraining {
  private readonly growth: Growth;
  private readonly options: Pick<RewiringOptions, "balanced" | "init">;
  private readonly every: number;
  private readonly fraction: number;
  private readonly until: number;
  private watch: BlockGradientWatch | null = null;

  constructor(kind: string, growth: Growth, options: RewiringOptions) {
    super(kind, options);
    const { every = 100, fraction = 0.3, until = 0.75 } = options;
    checkEvery(kind, every);
    for (const [name, share] of Object.entries({ fraction, until }))
      if (!(share >= 0 && share <= 1)) throw new ArgumentError(`${kind}: ${name} lies from 0 to 1, got ${share}`);
    this.growth = growth;
    this.options = options;
    this.every = every;
    this.fraction = fraction;
    this.until = until;
  }

  onStepBegin({ step, steps }: TrainingContext): void {
    // The gradients of the step after which blocks move say where to.
    if (this.growth === "gradient" && this.moves(step + 1, steps)) this.watch = new BlockGradientWatch(this.layers);
  }

  async onStepEnd(context: TrainingContext): Promise<void> {
    const { step, steps, optimizer } = context;
    if (!this.moves(step, steps)) return;
    const { balanced, init } = this.options;
    const share = (this.fraction / 2) * (1 + Math.cos((Math.PI * step) / (this.until * steps)));
    const norms = await this.watch?.norms();
    this.onStop();
    // A step that is not finite says nothing, and ends the training.
    if (norms && ![...norms.values()].every((each) => each.every(Number.isFinite))) return;
    let [dropped, grown] = [0, 0];
    for (const [name, layer] of this.layers) {
      const moved = await regrow(
        layer,
        { fraction: share, grow: norms?.get(name) ?? "random", balanced, init, seed: this.seedOf(name, step) },
        ...optimizersOf(layer, optimizer),
      );
      dropped += moved.dropped.length;
      grown += moved.grown.length;
    }
    await context.log("sparsity", { callback: this.name, dropped, grown, ...this.densities() });
  }

  onStop(): void {
    this.watch?.dispose();
    this.watch = null;
  }

  private moves(step: number, steps: number): boolean {
    return step % this.every === 0 && step < this.until * steps;
  }
}

/**
 * A callback for sparse evolutionary training: every so many steps the weakest blocks of each layer go, and as many grow in random places. The
 * number of blocks stays.
 *
 * {@link https://arxiv.org/abs/1707.04780 Mocanu et al. 2018} (SET)
 *
 * @throws ArgumentError when an option is outside its domain, or, when the training starts, no layer is block-sparse.
 * @example
 * const callbacks = [sparseEvolution({ every: 50, fraction: 0.2 })];
 */
export const sparseEvolution = (options: RewiringOptions = {}): TrainingCallback =>
  new Rewiring("sparseEvolution", "random", options);

/**
 * A callback for RigL: every so many steps the weakest blocks of each layer go, and as many grow where the dense weight's gradient of that step is
 * largest. Of it no more than a chunk of missing blocks is ever held, see `blockGradientNorms`. The number of blocks stays. The paper moves blocks in the place of
 * an update; here the update comes first.
 *
 * {@link https://arxiv.org/abs/1911.11134 Evci et al. 2020}
 *
 * @throws ArgumentError when an option is outside its domain, or, when the training starts, no layer is block-sparse.
 * @example
 * const callbacks = [rigl({ every: 50, fraction: 0.2 })];
 */
export const rigl = (options: RewiringOptions = {}): TrainingCallback => new Rewiring("rigl", "gradient", options);
