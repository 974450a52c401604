/** Architectures, tokenizers, data and training, with Hugging Face's names. */
export * from "./config/index.ts";
export * from "./data/index.ts";
export * from "./generation/index.ts";
export * from "./hub/index.ts";
export { PreTrainedModel, type LoadOptions, type PreTrainedModelClass } from "./pre-trained-model.ts";
export * from "./profiling/index.ts";
export * from "./registry.ts";
export * from "./tasks/index.ts";
export * from "./tokenizers/index.ts";
export * from "./training/index.ts";
