import { muonGroups, weightDecayGroups } from "@tessera/models/training";
import { AdamW, CombinedOptimizer, Muon, type Module, type Optimizer } from "@tessera/nn";
import { NEWTON_SCHULZ_STEPS, optimization } from "./recipes.ts";

/** Which optimiser, and how fast. */
export interface OptimizerSettings {
  /** AdamW's learning rate. */
  lr: number;
  /** Muon's; without it AdamW changes all parameters. */
  muonLr?: number;
  weightDecay: number;
}

/** Makes the optimiser of a training. With a `muonLr` Muon changes the matrices of the layers, and AdamW the rest. */
export const createOptimizer = (model: Module, { lr, muonLr, weightDecay }: OptimizerSettings): Optimizer => {
  const { betas } = optimization;
  if (muonLr === undefined) return new AdamW(weightDecayGroups(model, { weightDecay }), { lr, betas });
  const { groups, params } = muonGroups(model, { lr: muonLr, weightDecay });
  const others = weightDecayGroups(model, { weightDecay, without: params });
  return new CombinedOptimizer({
    muon: new Muon(groups, { nsSteps: NEWTON_SCHULZ_STEPS }),
    adamw: new AdamW(others, { lr, betas }),
  });
};
