import { PreTrainedModel } from "../../pre-trained-model.ts";
import { LlamaConfig } from "./llama-config.ts";

/** What all Llama models share. */
export abstract class LlamaPreTrained extends PreTrainedModel<LlamaConfig> {
  static override readonly configClass = LlamaConfig;
  static override readonly baseModelPrefix: string = "model";
  static override readonly heads: readonly string[] = ["lm_head"];
  /** Frequencies, which older files hold. */
  static override readonly stale: RegExp = /(^|\.)rotary_emb\.inv_freq$/;
}
