import { ArgumentError, sgdStep, type Parameter, type StepState } from "@tessera/tensor";
import { Optimizer, type Update } from "./optimizer.ts";
import type { StateSpecs } from "./optimizer-state.ts";
import {
  withDefaults,
  type GroupOptions,
  type NamedParameters,
  type ParameterGroup,
  type SomeOf,
} from "./parameter-groups.ts";

export interface SGDOptions {
  /** Learning rate η. */
  lr: number;
  /** Factor μ of the buffer; 0: there is none. */
  momentum: number;
  /** How much of a gradient the buffer leaves out, from its second one on. */
  dampening: number;
  /** Factor λ of the parameter that is added to its gradient. */
  weightDecay: number;
  /** Whether to look ahead by one step of the buffer. */
  nesterov: boolean;
}

/**
 * Stochastic gradient descent: with g' = g + λp and b = μb + (1 − dampening)g', starting at g', `p −= η b`, or η(g' + μb) when
 * `nesterov`.
 *
 * Source: {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html torch.optim.SGD}.
 *
 * @throws ArgumentError when an option is outside its domain.
 * @example
 * const optimizer = new SGD(model.namedParameters(), { lr: 0.1, momentum: 0.9 });
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: NamedParameters | readonly GroupOptions<SGDOptions>[], options: SomeOf<SGDOptions> = {}) {
    super(params, withDefaults({ lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false }, options));
    for (const { lr, momentum, dampening, weightDecay, nesterov } of this.groups) {
      if (!(lr >= 0 && momentum >= 0 && weightDecay >= 0))
        throw new ArgumentError(
          `SGD: expected lr, momentum and weightDecay of 0 or more, got ${lr}, ${momentum} and ${weightDecay}`,
        );
      if (nesterov && (momentum === 0 || dampening !== 0))
        throw new ArgumentError(`SGD: nesterov needs a momentum and no dampening, got ${momentum} and ${dampening}`);
    }
  }

  protected override stateSpecs({ shape }: Parameter, { momentum }: SGDOptions): StateSpecs {
    return momentum === 0 ? {} : { momentumBuffer: { shape, dtype: "float32" } };
  }

  protected override update(
    { momentum, dampening, weightDecay, nesterov }: ParameterGroup<SGDOptions>,
    updates: readonly Update[],
    shared: StepState,
  ): void {
    const parameters = updates.map(({ parameter, gradient, state: { momentumBuffer: buffer } }) => ({
      parameter,
      grad: gradient,
      ...(buffer ? { buffer } : {}),
    }));
    sgdStep(parameters, shared, { momentum, dampening, weightDecay, nesterov });
  }
}
