export type { MaskedLMInputs, MaskedLMOutput } from "./masked-lm.ts";
export {
  PROBLEM_TYPES,
  type ProblemType,
  type SequenceClassificationInputs,
  type SequenceClassificationOutput,
} from "./sequence-classification.ts";
export type { TextFeatures, TextInputs, TextTokens } from "./text-inputs.ts";
