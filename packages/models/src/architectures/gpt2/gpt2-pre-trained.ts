import { PreTrainedModel } from "../../pre-trained-model.ts";
import { GPT2Config } from "./gpt2-config.ts";

/** What all GPT-2 models share. */
export abstract class GPT2PreTrained extends PreTrainedModel<GPT2Config> {
  static override readonly configClass = GPT2Config;
  static override readonly baseModelPrefix: string = "transformer";
  static override readonly heads: readonly string[] = ["lm_head"];
  /** Its layers are `Conv1D` in Hugging Face's class, whose weights are `[in, out]`; here they are `Linear`. */
  static override readonly transposed: RegExp = /(^|\.)h\.\d+\.(attn|mlp)\.c_(attn|proj|fc)\.weight$/;
  /** The causal mask, which older files hold. */
  static override readonly stale: RegExp = /(^|\.)attn\.(bias|masked_bias)$/;
}
