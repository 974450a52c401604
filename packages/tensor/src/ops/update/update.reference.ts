import type { Data, ReferenceKernel } from "../../op.ts";
import type { AdamSignature, SgdSignature } from "./update.ts";
import type { Tensor } from "../../tensor.ts";

/** See update.ts: the last two inputs are the count of steps and the gradient's coefficient. */
const tail = (inputs: readonly Data[]): { count: Data; coefficient: number } => ({
  count: inputs.at(-2)!,
  coefficient: inputs.at(-1)!.values[0]!,
});

/**
 * g = c·grad (+ λp), p −= ηλp if decoupled, m += (1 − β₁)(g − m), v = β₂v + (1 − β₂)g²,
 * p −= η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε). Nothing when c is not finite.
 */
export const adamReference: ReferenceKernel<AdamSignature> = (
  inputs,
  _,
  { beta1, beta2, eps, weightDecay, decoupled },
  { lr },
) => {
  const { count, coefficient } = tail(inputs);
  if (!Number.isFinite(coefficient)) return;
  const t = ++count.values[0]!;
  const [bias1, bias2] = [1 - beta1 ** t, 1 - beta2 ** t];
  for (let at = 0; at + 3 < inputs.length; at += 4) {
    const [p, grad, m, v] = inputs.slice(at, at + 4).map(({ values }) => values) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    for (let i = 0; i < p.length; i++) {
      const g = coefficient * grad[i]! + (decoupled || weightDecay === 0 ? 0 : weightDecay * p[i]!);
      const shrunk = decoupled ? p[i]! * (1 - lr * weightDecay) : p[i]!;
      const [mNew, vNew] = [m[i]! + (1 - beta1) * (g - m[i]!), beta2 * v[i]! + (1 - beta2) * g * g];
      // Where float32 does not hold v, the step is 0, as in torch.
      const root = Math.fround(vNew) === Infinity ? Infinity : Math.sqrt(vNew);
      p[i] = shrunk - ((lr / bias1) * mNew) / (root / Math.sqrt(bias2) + eps);
      m[i] = mNew;
      v[i] = vNew;
    }
  }
};

/** g = c·grad + λp; b = g at first, then μb + (1 − d)g; p −= η(g + μb), ηb or ηg. Nothing when c is not finite. */
export const sgdReference: ReferenceKernel<SgdSignature> = (
  inputs,
  _,
  { momentum, dampening, weightDecay, nesterov },
  { lr },
) => {
  const { count, coefficient } = tail(inputs);
  if (!Number.isFinite(coefficient)) return;
  const first = count.values[0]!++ === 0;
  const each = momentum === 0 ? 2 : 3;
  for (let at = 0; at + each < inputs.length; at += each) {
    const [p, grad, buffer] = inputs.slice(at, at + each).map(({ values }) => values) as [
      Float32Array,
      Float32Array,
      Float32Array?,
    ];
    for (let i = 0; i < p.length; i++) {
      const g = coefficient * grad[i]! + (weightDecay === 0 ? 0 : weightDecay * p[i]!);
      let step = g;
      if (buffer) {
        const b = first ? g : momentum * buffer[i]! + (1 - dampening) * g;
        buffer[i] = b;
        step = nesterov ? g + momentum * b : b;
      }
      p[i] = p[i]! - lr * step;
    }
  }
};

/** y = √Σ Σ x². */
export const globalNormReference: ReferenceKernel<{ inputs: Tensor[]; outputs: [y: Tensor] }> = (inputs, [y]) => {
  let total = 0;
  for (const x of inputs) for (const value of x?.values ?? []) total += value * value;
  y.values[0] = Math.sqrt(total);
};
