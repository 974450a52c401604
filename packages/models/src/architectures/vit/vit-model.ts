import { Module, type LayerNorm, type Linear } from "@tessera/nn";
import { select, tanh, type Tensor } from "@tessera/tensor";
import type { ModelOptions } from "../../model-options.ts";
import type { ImageFeatures, ImageInputs } from "../../tasks/image-classification.ts";
import type { ViTConfig } from "./vit-config.ts";
import { ViTEmbeddings } from "./vit-embeddings.ts";
import { ViTEncoder, ViTInit } from "./vit-layers.ts";
import { ViTPreTrained } from "./vit-pre-trained.ts";

/** A summary of the class token, `tanh(W h₀ + b)`. Shape: `[batch, patches, hidden]` → `[batch, hidden]`. */
export class ViTPooler extends Module {
  readonly dense: Linear; // [hidden, hidden]

  constructor(make: ViTInit) {
    super();
    this.dense = make.linear(make.config.hiddenSize, make.config.hiddenSize);
  }

  forward(x: Tensor): Tensor {
    return tanh(this.dense.forward(select(x, 1, 0)));
  }
}

/**
 * A vision transformer without a head, with the parameter names of Hugging Face's checkpoints: an image is a row of patches, read by an
 * encoder.
 *
 * Shape: pixelValues `[batch, channels, height, width]` → `[batch, 1 + patches, hidden]`.
 *
 * Source: Dosovitskiy et al. 2020, {@link https://arxiv.org/abs/2010.11929 An Image is Worth 16×16 Words};
 * {@link https://huggingface.co/docs/transformers/model_doc/vit#transformers.ViTModel ViTModel}.
 *
 * @example
 * const config = new ViTConfig({ imageSize: 32, patchSize: 8, hiddenSize: 64, numAttentionHeads: 4, intermediateSize: 128 });
 * const { lastHiddenState } = new ViTModel(config).forward({ pixelValues: rand([1, 3, 32, 32]) });
 * lastHiddenState.shape; // [1, 17, 64]
 */
export class ViTModel extends ViTPreTrained {
  static override readonly architecture: string = "ViTModel";

  readonly embeddings: ViTEmbeddings;
  readonly encoder: ViTEncoder;
  readonly layernorm: LayerNorm;
  readonly pooler: ViTPooler | null;

  constructor(
    config: ViTConfig,
    { addPoolingLayer = true, ...options }: ModelOptions & { addPoolingLayer?: boolean } = {},
  ) {
    super(config);
    const make = new ViTInit(config, options);
    this.embeddings = new ViTEmbeddings(make);
    this.encoder = new ViTEncoder(make);
    this.layernorm = make.layerNorm();
    this.pooler = addPoolingLayer ? new ViTPooler(make) : null;
  }

  /** @throws ShapeError when the images have other sizes than the configuration's. */
  forward({ pixelValues, outputHiddenStates: all = false }: ImageInputs): ImageFeatures {
    const states = this.encoder.forward(this.embeddings.forward(pixelValues), all);
    const lastHiddenState = this.layernorm.forward(states.at(-1)!);
    return {
      lastHiddenState,
      ...(this.pooler ? { poolerOutput: this.pooler.forward(lastHiddenState) } : {}),
      ...(all ? { hiddenStates: states } : {}),
    };
  }
}
