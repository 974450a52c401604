import {
  add,
  ArgumentError,
  cast,
  clamp,
  div,
  globalNorm,
  mean,
  mul,
  pow,
  rsqrt,
  scope,
  sgdStep,
  square,
  sub,
  type Parameter,
  type StepState,
  type Tensor,
} from "@tessera/tensor";
import { finiteScale } from "./clip-grad-norm.ts";
import { subtract } from "./follow.ts";
import { Optimizer, type Update } from "./optimizer.ts";
import type { ParameterState, StateSpecs } from "./optimizer-state.ts";
import {
  withDefaults,
  type GroupOptions,
  type NamedParameters,
  type ParameterGroup,
  type SomeOf,
} from "./parameter-groups.ts";

export interface AdafactorOptions {
  /** The largest relative step size. */
  lr: number;
  /** Step k keeps 1 − k^beta2Decay of the running mean of squares. */
  beta2Decay: number;
  /** The smallest root of a mean of squares, `null` for float32's 2⁻²³, and the smallest scale of a parameter. */
  eps: readonly [number | null, number];
  /** The largest root of the mean square of an update: beyond it the update is scaled down. */
  d: number;
  /** Factor λ by which the parameter decays, as AdamW's. */
  weightDecay: number;
}

/**
 * Adafactor: steps relative to a parameter's size, by second moments of which only the means of rows and columns are kept. At step k, with
 * w = k^beta2Decay, r and c the running means of g² along rows and columns, each moved by w towards the new one:
 * u = g/√(r c/mean(r)), and `p −= ηλp + α u/max(1, RMS(u)/d)` for α = max(ε₂, RMS(p)) · min(η, 1/√k).
 *
 * For a matrix [out, in] the state has out + in numbers. More dims before them are a stack of matrices, such as the stored blocks
 * of a `BlockSparseLinear`; vectors keep the mean of every square.
 *
 * Source: {@link https://arxiv.org/abs/1804.04235 Shazeer and Stern 2018} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.Adafactor.html torch.optim.Adafactor}.
 *
 * @throws ArgumentError when an option is outside its domain.
 * @example
 * const optimizer = new Adafactor(model.namedParameters(), { lr: 0.01 });
 */
export class Adafactor extends Optimizer<AdafactorOptions> {
  constructor(
    params: NamedParameters | readonly GroupOptions<AdafactorOptions>[],
    options: SomeOf<AdafactorOptions> = {},
  ) {
    super(
      params,
      withDefaults<AdafactorOptions>({ lr: 1e-2, beta2Decay: -0.8, eps: [null, 1e-3], d: 1, weightDecay: 0 }, options),
    );
    for (const { lr, beta2Decay, eps, d, weightDecay } of this.groups) {
      if (!(lr >= 0 && weightDecay >= 0))
        throw new ArgumentError(`Adafactor: expected lr and weightDecay of 0 or more, got ${lr} and ${weightDecay}`);
      if (!(beta2Decay <= 0))
        throw new ArgumentError(`Adafactor: expected a beta2Decay of 0 or less, got ${beta2Decay}`);
      if (eps.length !== 2 || !((eps[0] === null || eps[0] >= 0) && eps[1] >= 0))
        throw new ArgumentError(`Adafactor: expected eps to be two numbers of 0 or more, got ${eps.join(", ")}`);
      if (!(d >= 1)) throw new ArgumentError(`Adafactor: expected a d of 1 or more, got ${d}`);
    }
  }

  protected override stateSpecs({ shape }: Parameter): StateSpecs {
    if (shape.length < 2) return { variance: { shape, dtype: "float32" } };
    return {
      rowVar: { shape: [...shape.slice(0, -1), 1], dtype: "float32" },
      colVar: { shape: [...shape.slice(0, -2), 1, shape.at(-1)!], dtype: "float32" },
    };
  }

  /** A matrix's columns are not entries of its first dim. */
  protected override reindexState(
    state: ParameterState,
    parameter: Parameter,
    sources: ArrayLike<number>,
  ): ParameterState {
    const moved = super.reindexState(state, parameter, sources);
    const { colVar } = state;
    if (parameter.ndim !== 2 || !colVar) return moved;
    return { ...moved, colVar };
  }

  protected override update(
    { lr: rate, beta2Decay, eps: [eps1, eps2], d, weightDecay }: ParameterGroup<AdafactorOptions>,
    updates: readonly Update[],
    { count, scale, lr }: StepState,
  ): void {
    scope((): void => {
      const one = finiteScale(scale);
      const k = add(cast(count, "float32"), 1);
      const weight = pow(k, beta2Decay);
      const gradients = updates.map(({ gradient }) => mul(gradient, scale));
      const moves = updates.flatMap(({ state }, i) => {
        const squares = square(gradients[i]!);
        return Object.entries(state).flatMap(([name, x]) => {
          const along = { rowVar: -1, colVar: -2 }[name];
          if (along === undefined && name !== "variance") return [];
          const target = along === undefined ? squares : mean(squares, { dim: along, keepdim: true });
          return [{ x, step: mul(sub(x, target), weight) }];
        });
      });
      subtract(
        moves.map(({ x }) => x),
        moves.map(({ step }) => step),
        one,
      );
      // min(η, 1/√k)/η: the step of SGD below multiplies by η.
      const slowing = clamp(mul(rsqrt(k), Math.min(1 / rate, 1e30)), 0, 1);
      const steps = updates.map(({ parameter, state }, i) => {
        const floor = eps1 ?? 2 ** -23;
        const u = mul(gradients[i]!, rsqrt(clamp(varianceOf(state, floor), floor * floor)));
        const size = mul(clamp(rootMeanSquare(parameter), eps2), slowing);
        return { parameter, grad: mul(u, div(size, clamp(mul(rootMeanSquare(u), 1 / d), 1))) };
      });
      sgdStep(steps, { count, scale: one, lr }, { momentum: 0, dampening: 0, weightDecay, nesterov: false });
    });
  }
}

/** The mean squares of the elements, or what rows and columns say of them: r c/mean(r). */
const varianceOf = ({ variance, rowVar, colVar }: ParameterState, floor: number): Tensor =>
  variance ?? mul(div(rowVar!, clamp(mean(rowVar!, { dim: -2, keepdim: true }), floor)), colVar!);

const rootMeanSquare = (x: Tensor): Tensor => mul(globalNorm([x]), 1 / Math.sqrt(Math.max(1, x.numel())));
