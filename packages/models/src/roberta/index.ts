export {
  HIDDEN_ACTIVATIONS,
  RobertaConfig,
  type HiddenActivation,
  type ProblemType,
  type RobertaConfigOptions,
} from "./roberta-config.ts";
export {
  RobertaForMaskedLM,
  RobertaLMHead,
  type MaskedLMInputs,
  type MaskedLMOutput,
} from "./roberta-for-masked-lm.ts";
export {
  RobertaClassificationHead,
  RobertaForSequenceClassification,
  type SequenceClassificationInputs,
  type SequenceClassificationOutput,
} from "./roberta-for-sequence-classification.ts";
export type { ModelOptions } from "./roberta-init.ts";
export { RobertaModel, type RobertaInputs, type RobertaModelOutput } from "./roberta-model.ts";
export { RobertaPreTrained, type FromPretrainedOptions } from "./roberta-pre-trained.ts";
