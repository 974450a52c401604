import { Embedding, init, LayerNorm, Linear, RMSNorm, type LinearOptions } from "@tessera/nn";
import { mul, Parameter, zeros, type DeviceLike, type Generator } from "@tessera/tensor";
import type { ModelOptions } from "../model-options.ts";

/** What a linear layer may have beside its sizes. */
export interface LinearChoices extends Pick<LinearOptions, "activation"> {
  /** Whether there is a bias; there is, unless this says no. */
  readonly bias?: boolean;
  /** Standard deviation of the weight, where that is not the model's. */
  readonly std?: number;
}

/**
 * Makes layers as Hugging Face initialises them: weights and embeddings normal with mean 0 and deviation `initializerRange`, biases
 * and the row of padding zero, norms 1 and 0.
 */
export class WeightInit {
  readonly std: number;
  protected readonly where: { readonly device?: DeviceLike };
  private readonly generator: { readonly generator?: Generator };

  constructor(initializerRange: number, { device, generator }: ModelOptions = {}) {
    this.std = initializerRange;
    this.where = device === undefined ? {} : { device };
    this.generator = generator ? { generator } : {};
  }

  linear(inFeatures: number, outFeatures: number, { bias = true, std, activation }: LinearChoices = {}): Linear {
    return new Linear(inFeatures, outFeatures, {
      activation,
      weight: this.normal([outFeatures, inFeatures], std),
      bias: bias && this.zeros(outFeatures),
    });
  }

  /** A table of `rows` vectors. */
  table(rows: number, width: number, { paddingIdx }: { paddingIdx?: number | undefined } = {}): Embedding {
    const table = new Embedding(rows, width, { paddingIdx, ...this.where, ...this.generator });
    // It comes as standard normals.
    table.weight.assign(mul(table.weight, this.std));
    return table;
  }

  layerNormOf(width: number, eps: number): LayerNorm {
    return new LayerNorm(width, { eps, ...this.where });
  }

  rmsNormOf(width: number, eps: number): RMSNorm {
    return new RMSNorm(width, { eps, ...this.where });
  }

  zeros(...shape: readonly number[]): Parameter {
    return new Parameter(zeros(shape, this.where));
  }

  normal(shape: readonly number[], std = this.std): Parameter {
    return new Parameter(init.normal(shape, { std, ...this.where, ...this.generator }));
  }
}
