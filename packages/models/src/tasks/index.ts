export {
  nextTokenLoss,
  type CausalLMInputs,
  type CausalLMOutput,
  type DecoderFeatures,
  type DecoderInputs,
} from "./causal-lm.ts";
export type { MaskedLMInputs, MaskedLMOutput } from "./masked-lm.ts";
export type { QuestionAnsweringInputs, QuestionAnsweringOutput } from "./question-answering.ts";
export {
  PROBLEM_TYPES,
  type ProblemType,
  type SequenceClassificationInputs,
  type SequenceClassificationOutput,
} from "./sequence-classification.ts";
export type { TextFeatures, TextInputs, TextTokens } from "./text-inputs.ts";
export type { TokenClassificationInputs, TokenClassificationOutput } from "./token-classification.ts";
export type {
  ImageClassificationInputs,
  ImageClassificationOutput,
  ImageFeatures,
  ImageInputs,
} from "./image-classification.ts";
