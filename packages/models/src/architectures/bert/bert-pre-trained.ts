import { PreTrainedModel } from "../../pre-trained-model.ts";
import { BertConfig } from "./bert-config.ts";

/** What all BERT models share. */
export abstract class BertPreTrained extends PreTrainedModel<BertConfig> {
  static override readonly configClass = BertConfig;
  static override readonly baseModelPrefix: string = "bert";
  static override readonly heads: readonly string[] = [
    "cls.predictions",
    "cls.seq_relationship",
    "classifier",
    "qa_outputs",
    "bert.pooler",
  ];
}
