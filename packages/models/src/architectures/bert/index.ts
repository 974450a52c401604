export { HIDDEN_ACTIVATIONS, type HiddenActivation } from "../hidden-activation.ts";
export type { EncoderOptions, ModelOptions, PositionInit } from "../../model-options.ts";
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
export { BertConfig, type BertConfigOptions } from "./bert-config.ts";
export { BertForMaskedLM, type BertLMPredictionHead } from "./bert-for-masked-lm.ts";
export { BertForSequenceClassification } from "./bert-for-sequence-classification.ts";
export { BertForQuestionAnswering } from "./bert-for-question-answering.ts";
export { BertForTokenClassification } from "./bert-for-token-classification.ts";
export { BertModel } from "./bert-model.ts";
export { BertPreTrained } from "./bert-pre-trained.ts";
