import {
  ArgumentError,
  embedding,
  maskedFill,
  Parameter,
  scope,
  tensor,
  type RandomOptions,
  type Tensor,
} from "@tessera/tensor";
import { normal } from "../init.ts";
import { Module } from "../module.ts";
import { checkSizes } from "./check-sizes.ts";

export interface EmbeddingOptions extends RandomOptions {
  /** This row starts as zeros and gets no gradient; −1 is the last. */
  paddingIdx?: number | undefined;
  /** Standard deviation of the vectors at the start; 1 by default. */
  std?: number | undefined;
}

/**
 * A table of vectors, looked up by number. It starts as normal numbers around 0.
 *
 * Shape: ids int32 `[…]` → `[…, embeddingDim]`.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html torch.nn.Embedding}
 *
 * @throws IndexError when an id is not a row.
 * @example
 * const table = new Embedding(50_000, 128, { paddingIdx: 1 });
 * table.forward(tensor(new Int32Array([5, 1, 7]))).shape; // [3, 128]
 */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  /** From 0 up. */
  readonly paddingIdx: number | null;
  weight: Parameter; // [num, dim]

  constructor(numEmbeddings: number, embeddingDim: number, { paddingIdx, ...options }: EmbeddingOptions = {}) {
    super();
    checkSizes("Embedding", { numEmbeddings, embeddingDim });
    if (
      paddingIdx !== undefined &&
      !(Number.isInteger(paddingIdx) && paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings)
    )
      throw new ArgumentError(`Embedding: paddingIdx is one of the ${numEmbeddings} rows, got ${paddingIdx}`);
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx === undefined ? null : paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.weight = new Parameter(startOf([numEmbeddings, embeddingDim], this.paddingIdx, options));
  }

  forward(ids: Tensor): Tensor {
    return embedding(ids, this.weight, { paddingIdx: this.paddingIdx ?? undefined });
  }

  override extraRepr(): string {
    const padding = this.paddingIdx === null ? "" : `, paddingIdx=${this.paddingIdx}`;
    return `${this.numEmbeddings}, ${this.embeddingDim}${padding}`;
  }
}

const startOf = (
  shape: readonly [number, number],
  paddingIdx: number | null,
  options: RandomOptions & { std?: number | undefined },
): Tensor => {
  if (paddingIdx === null) return normal(shape, options);
  return scope(() => {
    const weight = normal(shape, options);
    const isPadding = Uint8Array.from({ length: shape[0] }, (_, row) => Number(row === paddingIdx));
    return maskedFill(weight, tensor(isPadding, [shape[0], 1], { dtype: "bool", device: weight.device }), 0);
  });
};
