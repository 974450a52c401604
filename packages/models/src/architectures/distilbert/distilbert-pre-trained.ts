import { PreTrainedModel } from "../../pre-trained-model.ts";
import { DistilBertConfig } from "./distilbert-config.ts";

/** What all DistilBERT models share. */
export abstract class DistilBertPreTrained extends PreTrainedModel<DistilBertConfig> {
  static override readonly configClass = DistilBertConfig;
  static override readonly baseModelPrefix: string = "distilbert";
  static override readonly heads: readonly string[] = [
    "vocab_transform",
    "vocab_layer_norm",
    "vocab_projector",
    "pre_classifier",
    "classifier",
    "qa_outputs",
  ];
}
