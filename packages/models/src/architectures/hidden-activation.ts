import { silu, tanh, type Activation, type Tensor } from "@tessera/tensor";

/** Activations by Hugging Face's names. `gelu` is the exact one, by erf. */
export const HIDDEN_ACTIVATIONS = [
  "gelu",
  "gelu_new",
  "gelu_pytorch_tanh",
  "gelu_fast",
  "relu",
  "silu",
  "swish",
  "tanh",
] as const;
export type HiddenActivation = (typeof HIDDEN_ACTIVATIONS)[number];

/** How an activation is computed: in the pass of the product before it, or after it. */
export type HiddenActivationPlan = { readonly fused: Activation } | { readonly after: (x: Tensor) => Tensor };

/** Every one of Hugging Face's names that we know. Their three approximations of GELU are one formula. */
export const hiddenActivations: { readonly [name in HiddenActivation]: HiddenActivationPlan } = {
  gelu: { fused: "gelu" },
  gelu_new: { fused: "geluTanh" },
  gelu_pytorch_tanh: { fused: "geluTanh" },
  gelu_fast: { fused: "geluTanh" },
  relu: { fused: "relu" },
  silu: { after: silu },
  swish: { after: silu },
  tanh: { after: tanh },
};

/** An activation's two parts: what the product before it does in its own pass, and what follows. */
export const activated = (
  name: HiddenActivation,
): { readonly fused: Activation | undefined; readonly after: (x: Tensor) => Tensor } => {
  const plan = hiddenActivations[name];
  return "fused" in plan ? { fused: plan.fused, after: (x) => x } : { fused: undefined, after: plan.after };
};
