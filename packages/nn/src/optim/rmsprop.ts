import {
  add,
  ArgumentError,
  clamp,
  div,
  mul,
  neg,
  scope,
  sgdStep,
  sqrt,
  square,
  sub,
  type Parameter,
  type StepState,
} from "@tessera/tensor";
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

export interface RMSpropOptions {
  /** Learning rate η. */
  lr: number;
  /** How much of the running mean of the squared gradient is kept at each step. */
  alpha: number;
  /** Added to the root of that mean. */
  eps: number;
  /** Factor λ of the parameter that is added to its gradient. */
  weightDecay: number;
  /** Factor μ of the buffer of steps; 0: there is none. */
  momentum: number;
  /** Whether the squared gradient is taken around its running mean: a variance. */
  centered: boolean;
}

/**
 * RMSprop: with g' = g + λp and v = αv + (1 − α)g'², `p −= η b`, where b = μb + g'/(√v + ε). When `centered`, ḡ = αḡ + (1 − α)g' and
 * the root is √(v − ḡ²), where rounding never takes the difference below 0.
 *
 * Source: {@link https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf Hinton 2012},
 * {@link https://arxiv.org/abs/1308.0850 Graves 2013} (centered) and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html torch.optim.RMSprop}.
 *
 * @throws ArgumentError when an option is outside its domain.
 * @example
 * const optimizer = new RMSprop(model.namedParameters(), { lr: 1e-3, momentum: 0.9 });
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(params: NamedParameters | readonly GroupOptions<RMSpropOptions>[], options: SomeOf<RMSpropOptions> = {}) {
    super(
      params,
      withDefaults({ lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false }, options),
    );
    for (const { lr, alpha, eps, weightDecay, momentum } of this.groups) {
      if (!(lr >= 0 && eps >= 0 && weightDecay >= 0 && momentum >= 0))
        throw new ArgumentError(
          `RMSprop: expected lr, eps, weightDecay and momentum of 0 or more, got ${lr}, ${eps}, ${weightDecay} and ${momentum}`,
        );
      if (!(alpha >= 0 && alpha <= 1)) throw new ArgumentError(`RMSprop: expected an alpha from 0 to 1, got ${alpha}`);
    }
  }

  protected override stateSpecs({ shape }: Parameter, { momentum, centered }: RMSpropOptions): StateSpecs {
    const like = { shape, dtype: "float32" } as const;
    return {
      squareAvg: like,
      ...(momentum === 0 ? {} : { momentumBuffer: like }),
      ...(centered ? { gradAvg: like } : {}),
    };
  }

  protected override update(
    { alpha, eps, weightDecay, momentum, centered }: ParameterGroup<RMSpropOptions>,
    updates: readonly Update[],
    { count, scale, lr }: StepState,
  ): void {
    scope((): void => {
      const one = finiteScale(scale);
      const mean = { rate: 1 - alpha, minusFactor: neg(one) };
      const gradients = updates.map(({ parameter, gradient }) => {
        const scaled = mul(gradient, scale);
        return weightDecay === 0 ? scaled : add(scaled, mul(parameter, weightDecay));
      });
      const stateOf = (name: string) => updates.map(({ state }) => state[name]!);
      follow(
        stateOf("squareAvg"),
        gradients.map((g) => square(g)),
        mean,
      );
      if (centered) follow(stateOf("gradAvg"), gradients, mean);
      const steps = updates.map(({ parameter, state: { squareAvg, gradAvg, momentumBuffer } }, i) => {
        const variance = centered ? clamp(sub(squareAvg!, square(gradAvg!)), 0) : squareAvg!;
        const grad = div(gradients[i]!, add(sqrt(variance), eps));
        return { parameter, grad, ...(momentumBuffer ? { buffer: momentumBuffer } : {}) };
      });
      sgdStep(steps, { count, scale: one, lr }, { momentum, dampening: 0, weightDecay: 0, nesterov: false });
    });
  }
}
