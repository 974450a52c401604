import { init, type Embedding, type LayerNorm } from "@tessera/nn";
import { mul, scope, tensor } from "@tessera/tensor";
import type { EncoderOptions, PositionInit } from "../../model-options.ts";
import { WeightInit } from "../weight-init.ts";
import type { EncoderConfig } from "./encoder-config.ts";

/** Bases of the waves of positions, for one position, and their amplitude in deviations of the weights. Measured; see the demo. */
const WAVE_BASE = 1.5;
const WAVE_DEVIATIONS = 3;

/** Makes the layers of an encoder, with the sizes of its configuration. Positions may begin as waves; see `EncoderOptions`. */
export class EncoderInit extends WeightInit {
  readonly config: EncoderConfig;
  private readonly positionInit: PositionInit;

  constructor(config: EncoderConfig, options: EncoderOptions = {}) {
    super(config.initializerRange, options);
    this.config = config;
    this.positionInit = options.positionInit ?? "normal";
  }

  embedding(rows: number, options: { paddingIdx?: number | undefined } = {}): Embedding {
    return this.table(rows, this.config.hiddenSize, options);
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
    return this.layerNormOf(this.config.hiddenSize, this.config.layerNormEps);
  }
}
