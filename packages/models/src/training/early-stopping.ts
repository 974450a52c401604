import type { CallbackState, TrainingCallback, TrainingContext } from "@tessera/nn";
import type { Metrics } from "./checkpoint.ts";
import { TrainingError } from "./training-error.ts";
import { watchMetric, type WatchedMetric } from "./watch-metric.ts";

export interface EarlyStoppingOptions extends WatchedMetric {
  /** How many evaluations in a row may pass without a better one; 3 unless said otherwise. */
  readonly patience?: number | undefined;
  /** By how much better is better; 0 unless said otherwise. */
  readonly minDelta?: number | undefined;
}

interface State {
  readonly best: number | null;
  readonly since: number;
}

class EarlyStopping implements TrainingCallback {
  readonly name = "earlyStopping";
  private readonly patience: number;
  private readonly minDelta: number;
  private readonly watched: ReturnType<typeof watchMetric>;
  private state: State = { best: null, since: 0 };

  constructor({ patience = 3, minDelta = 0, ...watched }: EarlyStoppingOptions) {
    if (!Number.isInteger(patience) || patience < 1)
      throw new TrainingError(`earlyStopping: patience is a number of evaluations from 1 up, got ${patience}`, 0);
    if (!(minDelta >= 0)) throw new TrainingError(`earlyStopping: minDelta is 0 or more, got ${minDelta}`, 0);
    this.patience = patience;
    this.minDelta = minDelta;
    this.watched = watchMetric("earlyStopping", watched);
  }

  onStart({ step }: TrainingContext): void {
    if (step === 0) this.state = { best: null, since: 0 };
  }

  onEvaluate(metrics: Metrics, context: TrainingContext): void {
    const { metric, valueIn, isBetter } = this.watched;
    const value = valueIn(metrics, context.step);
    const { best, since } = this.state;
    this.state = isBetter(value, best, this.minDelta) ? { best: value, since: 0 } : { best, since: since + 1 };
    if (this.state.since >= this.patience)
      context.stop(`${metric} was not better than ${best} in ${this.patience} evaluations`);
  }

  stateDict(): CallbackState {
    return { json: this.state, tensors: new Map() };
  }

  loadStateDict({ json }: CallbackState): void {
    this.state = json as State;
  }
}

/**
 * A callback that ends a training when its evaluations get no better: the training is then finished, and its result says why. With `keepBest`, the
 * model of the best one is what is left.
 *
 * {@link https://huggingface.co/docs/transformers/main_classes/callback#transformers.EarlyStoppingCallback Hugging Face's EarlyStoppingCallback}
 *
 * @throws TrainingError when an option is outside its domain, or an evaluation lacks the number.
 * @example
 * new Trainer({ model, optimizer, batches, steps, evaluate, evalSteps: 50, callbacks: [earlyStopping({ patience: 4 }), keepBest()] });
 */
export const earlyStopping = (options: EarlyStoppingOptions = {}): TrainingCallback => new EarlyStopping(options);
