import type { TrainingCallback } from "@tessera/nn";

/**
 * A callback that hears of evaluations from a step on. Of a model that is still becoming sparser the best evaluation is an early one, of a denser model
 * than was asked for: what chooses by evaluations must not hear of them.
 */
export const evaluatedFrom = (first: number, inner: TrainingCallback): TrainingCallback => ({
  name: inner.name,
  onStart: (context) => inner.onStart?.(context),
  onEvaluate: (metrics, context) => (context.step < first ? undefined : inner.onEvaluate?.(metrics, context)),
  onEnd: (context) => inner.onEnd?.(context),
  stateDict: () => inner.stateDict?.() ?? { json: null, tensors: new Map() },
  loadStateDict: (state, context) => inner.loadStateDict?.(state, context),
  dispose: () => inner.dispose?.(),
});
