/** RoBERTa, tokenizers, data and training, with Hugging Face's names. */
export * from "./data/index.ts";
export * from "./hub/index.ts";
export * from "./profiling/index.ts";
export * from "./roberta/index.ts";
export * from "./tokenizers/index.ts";
export * from "./training/index.ts";
