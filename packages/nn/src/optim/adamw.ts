import { AdamFamily, type AdamOptions } from "./adam-family.ts";
import { withDefaults, type GroupOptions, type NamedParameters, type SomeOf } from "./parameter-groups.ts";

/**
 * Adam with decoupled weight decay: first p −= ηλp, then Adam's step for the gradient alone.
 *
 * See {@link https://arxiv.org/abs/1711.05101 Loshchilov and Hutter 2019} and
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html torch.optim.AdamW}.
 *
 * @throws ArgumentError when an option is outside its domain.
 * @example
 * const optimizer = new AdamW(model.namedParameters(), { lr: 5e-4, weightDecay: 0.01 });
 */
export class AdamW extends AdamFamily {
  protected override readonly decoupled = true;

  constructor(params: NamedParameters | readonly GroupOptions<AdamOptions>[], options: SomeOf<AdamOptions> = {}) {
    super(params, withDefaults<AdamOptions>({ lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01 }, options));
  }
}
