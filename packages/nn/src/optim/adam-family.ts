import { adamStep, ArgumentError, type Parameter, type StepState } from "@tessera/tensor";
import { classNameOf } from "../class-name.ts";
import { Optimizer, type Update } from "./optimizer.ts";
import type { StateSpecs } from "./optimizer-state.ts";
import type { GroupOptions, NamedParameters, ParameterGroup } from "./parameter-groups.ts";

export interface AdamOptions {
  /** Learning rate η. */
  lr: number;
  /** How much of the running means of the gradient and of its square is kept at each step. */
  betas: readonly [number, number];
  /** Added to the root of the second mean. */
  eps: number;
  /** Factor λ by which the parameter decays. */
  weightDecay: number;
}

/** What Adam and AdamW have in common: two moments, and all but where the decay goes. */
export abstract class AdamFamily extends Optimizer<AdamOptions> {
  protected abstract readonly decoupled: boolean;

  constructor(params: NamedParameters | readonly GroupOptions<AdamOptions>[], options: AdamOptions) {
    super(params, options);
    for (const { lr, betas, eps, weightDecay } of this.groups) {
      if (!(lr >= 0 && eps >= 0 && weightDecay >= 0))
        throw new ArgumentError(
          `${classNameOf(this)}: expected lr, eps and weightDecay of 0 or more, got ${lr}, ${eps} and ${weightDecay}`,
        );
      if (betas.length !== 2 || !betas.every((beta) => beta >= 0 && beta < 1))
        throw new ArgumentError(`${classNameOf(this)}: expected two betas from 0 up to 1, got ${betas.join(", ")}`);
    }
  }

  protected override stateSpecs({ shape }: Parameter): StateSpecs {
    return { expAvg: { shape, dtype: "float32" }, expAvgSq: { shape, dtype: "float32" } };
  }

  protected override update(
    { betas: [beta1, beta2], eps, weightDecay }: ParameterGroup<AdamOptions>,
    updates: readonly Update[],
    shared: StepState,
  ): void {
    const parameters = updates.map(({ parameter, gradient, state }) => ({
      parameter,
      grad: gradient,
      m: state["expAvg"]!,
      v: state["expAvgSq"]!,
    }));
    adamStep(parameters, shared, { beta1, beta2, eps, weightDecay, decoupled: this.decoupled });
  }
}
