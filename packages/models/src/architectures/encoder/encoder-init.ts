import { Embedding, init, LayerNorm, Linear, type LinearOptions } from "@tessera/nn";
import { mul, Parameter, scope, tensor, zeros, type DeviceLike, type Generator } from "@tessera/tensor";
import type { EncoderOptions, PositionInit } from "../../model-options.ts";
import type { EncoderConfig } from "./encoder-config.ts";

/** Bases of the waves of positions, for one position, and their amplitude in deviations of the weights. Measured; see the demo. */
const WAVE_BASE = 1.5;
const WAVE_DEVIATIONS = 3;

/**
 * Makes layers as Hugging Face initialises them: weights and embeddings normal with mean 0 and deviation `initializerRange`, biases
 * and the row of padding zero, layer norms 1 and 0. Positions may begin as waves; see `EncoderOptions`.
 */
export class EncoderInit {
  readonly config: EncoderConfig;
  private readonly where: { readonly device?: DeviceLike };
  private readonly generator: { readonly generator?: Generator };

  private readonly positionInit: PositionInit;

  constructor(config: EncoderConfig, { device, generator, positionInit = "normal" }: EncoderOptions = {}) {
    this.config = config;
    this.positionInit = positionInit;
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

  /** The table of positions. The row of padding stays zero. */
  positions(rows: number, padding: { paddingIdx?: number } = {}): Embedding {
    const table = this.embedding(rows, padding);
    if (this.positionInit === "normal") return table;
    const { hiddenSize, initializerRange } = this.config;
    scope((): void => {
      const waves = init.sinusoidal([rows, hiddenSize], {
        base: Math.max(2, WAVE_BASE * rows),
        amplitude: WAVE_DEVIATIONS * initializerRange,
        ...this.where,
      });
      // Nothing stands for padding.
      const isToken = Float32Array.from({ length: rows }, (_, row) => Number(row !== table.paddingIdx));
      table.weight.assign(mul(waves, tensor(isToken, [rows, 1], this.where)));
    });
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
