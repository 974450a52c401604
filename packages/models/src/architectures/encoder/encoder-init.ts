import { Embedding, init, LayerNorm, Linear, type LinearOptions } from "@tessera/nn";
import { mul, Parameter, zeros, type DeviceLike, type Generator } from "@tessera/tensor";
import type { ModelOptions } from "../../model-options.ts";
import type { EncoderConfig } from "./encoder-config.ts";

/**
 * Makes layers as Hugging Face initialises them: weights and embeddings normal with mean 0 and deviation `initializerRange`, biases
 * and the row of padding zero, layer norms 1 and 0.
 */
export class EncoderInit {
  readonly config: EncoderConfig;
  private readonly where: { readonly device?: DeviceLike };
  private readonly generator: { readonly generator?: Generator };

  constructor(config: EncoderConfig, { device, generator }: ModelOptions = {}) {
    this.config = config;
    this.where = device === undefined ? {} : { device };
    this.generator = generator ? { generator } : {};
  }

  linear(inFeatures: number, outFeatures: number, options: Pick<LinearOptions, "activation"> = {}): Linear {
    return new Linear(inFeatures, outFeatures, {
      ...options,
      weight: this.normal([outFeatures, inFeatures]),
      bias: this.zeros(outFeatures),
    });
  }

  embedding(rows: number, { paddingIdx }: { paddingIdx?: number } = {}): Embedding {
    const table = new Embedding(rows, this.config.hiddenSize, {
      ...(paddingIdx === undefined ? {} : { paddingIdx }),
      ...this.where,
      ...this.generator,
    });
    // It comes as standard normals.
    table.weight.assign(mul(table.weight, this.config.initializerRange));
    return table;
  }

  layerNorm(): LayerNorm {
    return new LayerNorm(this.config.hiddenSize, { eps: this.config.layerNormEps, ...this.where });
  }

  zeros(size: number): Parameter {
    return new Parameter(zeros([size], this.where));
  }

  normal(shape: readonly number[]): Parameter {
    return new Parameter(init.normal(shape, { std: this.config.initializerRange, ...this.where, ...this.generator }));
  }
}
