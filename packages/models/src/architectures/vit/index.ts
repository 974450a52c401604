export { HIDDEN_ACTIVATIONS, type HiddenActivation } from "../hidden-activation.ts";
export type { ModelOptions } from "../../model-options.ts";
export type {
  ImageClassificationInputs,
  ImageClassificationOutput,
  ImageFeatures,
  ImageInputs,
  ProblemType,
} from "../../tasks/index.ts";
export { ViTConfig, type ViTConfigOptions } from "./vit-config.ts";
export { ViTForImageClassification } from "./vit-for-image-classification.ts";
export { ViTModel } from "./vit-model.ts";
export { ViTPreTrained } from "./vit-pre-trained.ts";
