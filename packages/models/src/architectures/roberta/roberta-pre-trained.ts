import { PreTrainedModel, type LoadOptions } from "../../pre-trained-model.ts";
import { RobertaConfig } from "./roberta-config.ts";

/** Options of the configuration take the place of those in `config.json`. */
export type FromPretrainedOptions = LoadOptions<RobertaConfig>;

/** What all RoBERTa models share. */
export abstract class RobertaPreTrained extends PreTrainedModel<RobertaConfig> {
  static override readonly configClass = RobertaConfig;
  static override readonly baseModelPrefix: string = "roberta";
  static override readonly heads: readonly string[] = ["lm_head", "classifier", "qa_outputs", "roberta.pooler"];
}
