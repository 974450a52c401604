import type { CallbackState, TrainingCallback, TrainingContext } from "@tessera/nn";
import { Tensor, type HostTensor } from "@tessera/tensor";
import { snapshot, type Metrics } from "./checkpoint.ts";
import { TrainingError } from "./training-error.ts";
import { watchMetric, type WatchedMetric } from "./watch-metric.ts";

/** The evaluation that was best so far. */
export interface BestEvaluation {
  readonly step: number;
  readonly value: number;
}

/** A callback that knows the best evaluation. */
export interface KeepBest extends TrainingCallback {
  /** `null` before the first evaluation. */
  readonly best: BestEvaluation | null;
}

class BestKeeper implements KeepBest {
  readonly name = "keepBest";
  best: BestEvaluation | null = null;
  private readonly watched: ReturnType<typeof watchMetric>;
  /** The model as it was then, on the host. */
  private model: ReadonlyMap<string, HostTensor> = new Map();

  constructor(watched: WatchedMetric) {
    this.watched = watchMetric("keepBest", watched);
  }

  onStart({ step }: TrainingContext): void {
    if (step === 0) [this.best, this.model] = [null, new Map()];
  }

  async onEvaluate(metrics: Metrics, { model, step }: TrainingContext): Promise<void> {
    const value = this.watched.valueIn(metrics, step);
    if (!this.watched.isBetter(value, this.best?.value ?? null)) return;
    this.best = { step, value };
    this.model = new Map(await snapshot("", model.stateDict()));
  }

  async onEnd({ step, loadModel, log }: TrainingContext): Promise<void> {
    if (!this.best)
      throw new TrainingError(
        "keepBest: expected an evaluation, there was none; give the Trainer evaluate, and evalSteps",
        step,
      );
    loadModel(this.model);
    await log("best", { metric: this.watched.metric, value: this.best.value, at: this.best.step });
  }

  stateDict(): CallbackState {
    return { json: this.best, tensors: this.model };
  }

  loadStateDict({ json, tensors }: CallbackState): void {
    this.best = json as BestEvaluation | null;
    this.model = new Map(
      [...tensors].map(([name, x]) => [
        name,
        { shape: x.shape, dtype: x.dtype, data: x instanceof Tensor ? x.dataSync() : x.data },
      ]),
    );
  }
}

/**
 * A callback that keeps the model of the best evaluation, and at the end of the training puts it into the model, sparse layouts included. The
 * checkpoint has both: the best model, and the one that the training goes on with.
 *
 * {@link https://huggingface.co/docs/transformers/main_classes/trainer#transformers.TrainingArguments.load_best_model_at_end Hugging Face's load_best_model_at_end}
 *
 * @throws TrainingError when an evaluation lacks the number, or, at the end, there was none.
 * @example
 * const best = keepBest({ metric: "accuracy" });
 * await new Trainer({ model, optimizer, batches, steps, evaluate, evalSteps: 50, callbacks: [best] }).train();
 * best.best; // { step: 350, value: 0.81 }
 */
export const keepBest = (options: WatchedMetric = {}): KeepBest => new BestKeeper(options);
