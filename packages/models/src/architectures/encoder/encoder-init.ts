import type { Embedding, LayerNorm } from "@tessera/nn";
import type { ModelOptions } from "../../model-options.ts";
import { WeightInit } from "../weight-init.ts";
import type { EncoderConfig } from "./encoder-config.ts";

/** Makes the layers of an encoder, with the sizes of its configuration. */
export class EncoderInit extends WeightInit {
  readonly config: EncoderConfig;

  constructor(config: EncoderConfig, options: ModelOptions = {}) {
    super(config.initializerRange, options);
    this.config = config;
  }

  embedding(rows: number, options: { paddingIdx?: number | undefined } = {}): Embedding {
    return this.table(rows, this.config.hiddenSize, options);
  }

  layerNorm(): LayerNorm {
    return this.layerNormOf(this.config.hiddenSize, this.config.layerNormEps);
  }
}
