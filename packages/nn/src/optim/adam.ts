import { AdamFamily, type AdamOptions } from "./adam-family.ts";
import { withDefaults, type GroupOptions, type NamedParameters, type SomeOf } from "./parameter-groups.ts";

/**
 * Adam: with g' = g + λp, m = β₁m + (1 − β₁)g', v = β₂v + (1 − β₂)g'², `p −= η · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε)`.
 *
 * See {@link https://arxiv.org/abs/1412.6980 Kingma and Ba 2015} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html torch.optim.Adam}.
 *
 * @throws ArgumentError when an option is outside its domain.
 * @example
 * const optimizer = new Adam(model.namedParameters(), { lr: 1e-3 });
 */
export class Adam extends AdamFamily {
  protected override readonly decoupled = false;

  constructor(params: NamedParameters | readonly GroupOptions<AdamOptions>[], options: SomeOf<AdamOptions> = {}) {
    super(params, withDefaults<AdamOptions>({ lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 }, options));
  }
}
