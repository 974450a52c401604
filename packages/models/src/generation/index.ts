export { generate, generateStream } from "./generate.ts";
export type { GenerateOptions } from "./generation-options.ts";
export type { CachedInputs, GenerativeModel, PlainInputs } from "./generative-model.ts";
export type { LogitsProcessor } from "./logits-processors.ts";
