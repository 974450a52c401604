export { HIDDEN_ACTIVATIONS, type HiddenActivation } from "../hidden-activation.ts";
export type { ModelOptions } from "../../model-options.ts";
export type { CausalLMInputs, CausalLMOutput, DecoderFeatures, DecoderInputs } from "../../tasks/index.ts";
export { LlamaConfig, type LlamaConfigOptions } from "./llama-config.ts";
export { LlamaForCausalLM } from "./llama-for-causal-lm.ts";
export { LlamaModel } from "./llama-model.ts";
export { LlamaPreTrained } from "./llama-pre-trained.ts";
