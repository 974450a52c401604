export { HIDDEN_ACTIVATIONS, type HiddenActivation } from "../hidden-activation.ts";
export type { ModelOptions } from "../../model-options.ts";
export type { CausalLMInputs, CausalLMOutput, DecoderFeatures, DecoderInputs } from "../../tasks/index.ts";
export { GPT2Config, type GPT2ConfigOptions } from "./gpt2-config.ts";
export { GPT2LMHeadModel } from "./gpt2-lm-head-model.ts";
export { GPT2Model } from "./gpt2-model.ts";
export { GPT2PreTrained } from "./gpt2-pre-trained.ts";
