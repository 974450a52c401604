import type { Gradients } from "@tessera/autograd";
import type { CallbackState, LoadableState, TrainingCallback, TrainingContext } from "@tessera/nn";
import type { LoadedCheckpoint, Metrics } from "./checkpoint.ts";
import { TrainingError } from "./training-error.ts";

const stateless: CallbackState = { json: null, tensors: new Map() };

/** The callbacks of a training, called one after the other in their order. */
export class CallbackList {
  private readonly callbacks: readonly TrainingCallback[];
  private readonly context: TrainingContext;

  constructor(callbacks: readonly TrainingCallback[], context: TrainingContext) {
    this.callbacks = callbacks;
    this.context = context;
  }

  async start(): Promise<void> {
    for (const callback of this.callbacks) await callback.onStart?.(this.context);
  }

  async begin(): Promise<void> {
    for (const callback of this.callbacks) await callback.onBegin?.(this.context);
  }

  loadModel(state: LoadableState): void {
    for (const callback of this.callbacks) callback.onLoadModel?.(state, this.context);
    this.context.model.loadStateDict(state);
  }

  beginStep(): void {
    for (const callback of this.callbacks) callback.onStepBegin?.(this.context);
  }

  seeGradients(gradients: Gradients): void {
    for (const callback of this.callbacks) callback.onGradients?.(gradients, this.context);
  }

  async endStep(): Promise<void> {
    for (const callback of this.callbacks) await callback.onStepEnd?.(this.context);
  }

  async evaluated(metrics: Metrics): Promise<void> {
    for (const callback of this.callbacks) await callback.onEvaluate?.(metrics, this.context);
  }

  async end(): Promise<void> {
    for (const callback of this.callbacks) await callback.onEnd?.(this.context);
  }

  stop(): void {
    for (const callback of this.callbacks) callback.onStop?.();
  }

  /** What each of them keeps, by name; those that keep nothing too. */
  states(): Map<string, CallbackState> {
    return new Map(this.callbacks.map((callback) => [callback.name, callback.stateDict?.() ?? stateless] as const));
  }

  /**
   * Goes on where the callbacks of a checkpoint stood.
   *
   * @returns the names of those that the checkpoint has and this training has not, and of new ones that keep nothing
   * @throws TrainingError when one that keeps something has nothing in the checkpoint
   */
  restore({ state: { callbacks: saved = {} }, callbacks: tensors }: LoadedCheckpoint): string[] {
    const others = new Set(Object.keys(saved));
    const different: string[] = [];
    for (const callback of this.callbacks) {
      const { name } = callback;
      if (!others.delete(name)) {
        if (callback.stateDict)
          throw new TrainingError(
            `Trainer: expected the state of the callback "${name}" in the checkpoint, it was saved with ${Object.keys(saved).join(", ") || "none"}; leave it out, or begin anew with { overwrite: true }`,
            0,
          );
        different.push(name);
      }
      const own = [...tensors].flatMap(([key, tensor]) =>
        key.startsWith(`${name}/`) ? [[key.slice(name.length + 1), tensor] as const] : [],
      );
      callback.loadStateDict?.({ json: saved[name], tensors: new Map(own) }, this.context);
    }
    return [...others, ...different];
  }
}
