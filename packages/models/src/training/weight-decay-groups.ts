import type { Module } from "@tessera/nn";
import type { Parameter } from "@tessera/tensor";

export interface WeightDecayOptions {
  weightDecay: number;
  /** Which parameters are spared. Default: biases, and whatever a module holds that says `decays` is false, as every norm does. */
  spares?: (name: string, parameter: Parameter) => boolean;
  /** Parameters of another optimiser. */
  without?: ReadonlySet<Parameter>;
}

/** One group of an optimiser. */
export interface WeightDecayGroup {
  params: ReadonlyMap<string, Parameter>;
  weightDecay: number;
}

/**
 * Two groups for an optimiser: what decays, and what does not. Hugging Face's Trainer makes the same ones: biases and norms
 * say where zero and one are, and pulling them to zero is no regularisation.
 *
 * @example
 * const optimizer = new AdamW(weightDecayGroups(model, { weightDecay: 0.01 }), { lr: 1e-3, betas: [0.9, 0.98] });
 *
 * Source: `Trainer.get_decay_parameter_names`, {@link https://huggingface.co/docs/transformers/main_classes/trainer}.
 */
export const weightDecayGroups = (
  model: Module,
  { weightDecay, spares, without }: WeightDecayOptions,
): WeightDecayGroup[] => {
  const exempt = new Set(
    [...model.namedModules().values()].flatMap((module) => (module.decays ? [] : module.parameters())),
  );
  const isSpared = spares ?? ((name, parameter) => exempt.has(parameter) || /(^|\.)bias$/.test(name));
  const decayed = new Map<string, Parameter>();
  const spared = new Map<string, Parameter>();
  for (const [name, parameter] of model.namedParameters())
    if (!without?.has(parameter)) (isSpared(name, parameter) ? spared : decayed).set(name, parameter);
  return [
    { params: decayed, weightDecay },
    { params: spared, weightDecay: 0 },
  ].filter(({ params }) => params.size > 0);
};
