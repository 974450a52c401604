export { HIDDEN_ACTIVATIONS, type HiddenActivation } from "../hidden-activation.ts";
export type { ModelOptions } from "../../model-options.ts";
export type {
  MaskedLMInputs,
  MaskedLMOutput,
  ProblemType,
  QuestionAnsweringInputs,
  QuestionAnsweringOutput,
  SequenceClassificationInputs,
  SequenceClassificationOutput,
  TextFeatures,
  TextInputs,
  TokenClassificationInputs,
  TokenClassificationOutput,
} from "../../tasks/index.ts";
export { DistilBertConfig, type DistilBertConfigOptions } from "./distilbert-config.ts";
export { DistilBertForMaskedLM } from "./distilbert-for-masked-lm.ts";
export { DistilBertForQuestionAnswering } from "./distilbert-for-question-answering.ts";
export { DistilBertForSequenceClassification } from "./distilbert-for-sequence-classification.ts";
export { DistilBertForTokenClassification } from "./distilbert-for-token-classification.ts";
export { DistilBertModel } from "./distilbert-model.ts";
export { DistilBertPreTrained } from "./distilbert-pre-trained.ts";
