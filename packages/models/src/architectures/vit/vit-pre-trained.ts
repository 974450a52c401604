import { PreTrainedModel } from "../../pre-trained-model.ts";
import { ViTConfig } from "./vit-config.ts";

/** What all ViT models share. */
export abstract class ViTPreTrained extends PreTrainedModel<ViTConfig> {
  static override readonly configClass = ViTConfig;
  static override readonly baseModelPrefix: string = "vit";
  static override readonly heads: readonly string[] = ["classifier", "vit.pooler"];
}
