export { HIDDEN_ACTIVATIONS, type HiddenActivation } from "../encoder/hidden-activation.ts";
export type { EncoderOptions, ModelOptions, PositionInit } from "../../model-options.ts";
export type {
  MaskedLMInputs,
  MaskedLMOutput,
  ProblemType,
  SequenceClassificationInputs,
  SequenceClassificationOutput,
  TextFeatures as RobertaModelOutput,
  TextInputs as RobertaInputs,
} from "../../tasks/index.ts";
export { RobertaConfig, type RobertaConfigOptions } from "./roberta-config.ts";
export { RobertaForMaskedLM, type RobertaLMHead } from "./roberta-for-masked-lm.ts";
export {
  RobertaForSequenceClassification,
  type RobertaClassificationHead,
} from "./roberta-for-sequence-classification.ts";
export { RobertaModel } from "./roberta-model.ts";
export { RobertaPreTrained, type FromPretrainedOptions } from "./roberta-pre-trained.ts";
