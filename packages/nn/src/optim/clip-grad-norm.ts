import type { Gradients } from "@tessera/autograd";
import { add, ArgumentError, clamp, div, full, globalNorm, mul, scope, type Tensor } from "@tessera/tensor";

/** The norm of all gradients as one vector, their scale included. */
export const normOf = (grads: Gradients): Tensor =>
  scope(() => {
    const norm = globalNorm([...grads.values()]);
    return grads.scale ? mul(norm, grads.scale) : norm;
  });

/** 1 when a norm is finite, else NaN: the factor of gradients that are not clipped. */
export const finiteScale = (norm: Tensor): Tensor => scope(() => add(mul(norm, 0), 1));

/**
 * Limits the norm of all gradients as one vector, √ΣΣg², to `maxNorm`: multiplies them by min(1, maxNorm/(norm + 10⁻⁶)).
 *
 * The factor stays on the device, as the `scale` of the gradients, and `optimizer.step(grads)` applies it: nothing waits. Returns
 * the norm as it was, a 0-d tensor that belongs to the scope around; `Infinity` as `maxNorm` only measures.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html clip_grad_norm_}
 *
 * @throws ArgumentError unless maxNorm is above 0, or when there are no gradients.
 * @example
 * const norm = clipGradNorm(grads, 1).item(); // a promise; the step below does not wait for it
 * optimizer.step(grads);
 */
export const clipGradNorm = (grads: Gradients, maxNorm: number): Tensor => {
  if (!(maxNorm > 0)) throw new ArgumentError(`clipGradNorm: expected a norm above 0, got ${maxNorm}`);
  if (grads.size === 0)
    throw new ArgumentError("clipGradNorm: expected gradients, got none; were they consumed by a step?");
  const [norm, scale] = scope(() => {
    const norm = normOf(grads);
    const clip = clamp(div(full([], maxNorm, { device: norm.device }), add(norm, 1e-6)), 0, 1);
    // An infinite norm would make the clip 0 and the step a step; 0 · ∞ makes it NaN.
    return [norm, add(grads.scale ? mul(grads.scale, clip) : clip, mul(norm, 0))] as const;
  });
  grads.scale?.dispose();
  grads.scale = scale;
  return norm;
};
