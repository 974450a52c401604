import { add, ArgumentError, mul, neg, scope, sgdStep, sign, type Parameter, type StepState } from "@tessera/tensor";
import { finiteScale } from "./clip-grad-norm.ts";
import { follow } from "./follow.ts";
import { Optimizer, type Update } from "./optimizer.ts";
import type { StateSpecs } from "./optimizer-state.ts";
import {
  withDefaults,
  type GroupOptions,
  type NamedParameters,
  type ParameterGroup,
  type SomeOf,
} from "./parameter-groups.ts";

export interface LionOptions {
  /** Learning rate η: every element moves by it. A third to a tenth of AdamW's. */
  lr: number;
  /** How much of the running mean of the gradient the step takes, and how much of it is kept. */
  betas: readonly [number, number];
  /** Factor λ by which the parameter decays: three to ten times AdamW's, for the smaller rate. */
  weightDecay: number;
}

/**
 * Lion, the sign of a momentum: with c = β₁m + (1 − β₁)g, `p −= η(sign(c) + λp)`, and then m = β₂m + (1 − β₂)g. It keeps one number per
 * element of a parameter, where Adam keeps two.
 *
 * Source: {@link https://arxiv.org/abs/2302.06675 Chen et al. 2023}, Algorithm 2, with the defaults of its program.
 *
 * @throws ArgumentError when an option is outside its domain.
 * @example
 * const optimizer = new Lion(model.namedParameters(), { lr: 1e-4, weightDecay: 0.1 });
 */
export class Lion extends Optimizer<LionOptions> {
  constructor(params: NamedParameters | readonly GroupOptions<LionOptions>[], options: SomeOf<LionOptions> = {}) {
    super(params, withDefaults<LionOptions>({ lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0 }, options));
    for (const { lr, betas, weightDecay } of this.groups) {
      if (!(lr >= 0 && weightDecay >= 0))
        throw new ArgumentError(`Lion: expected lr and weightDecay of 0 or more, got ${lr} and ${weightDecay}`);
      if (betas.length !== 2 || !betas.every((beta) => beta >= 0 && beta < 1))
        throw new ArgumentError(`Lion: expected two betas from 0 up to 1, got ${betas.join(", ")}`);
    }
  }

  protected override stateSpecs({ shape }: Parameter): StateSpecs {
    return { expAvg: { shape, dtype: "float32" } };
  }

  protected override update(
    { betas: [beta1, beta2], weightDecay }: ParameterGroup<LionOptions>,
    updates: readonly Update[],
    { count, scale, lr }: StepState,
  ): void {
    scope((): void => {
      const means = updates.map(({ state }) => state["expAvg"]!);
      const steps = updates.map(({ parameter, gradient }, i) => ({
        parameter,
        grad: sign(add(mul(means[i]!, beta1), mul(mul(gradient, scale), 1 - beta1))),
      }));
      const gradients = updates.map(({ gradient }) => gradient);
      follow(means, gradients, { rate: 1 - beta2, minusFactor: neg(scale) });
      sgdStep(
        steps,
        { count, scale: finiteScale(scale), lr },
        { momentum: 0, dampening: 0, weightDecay, nesterov: false },
      );
    });
  }
}
