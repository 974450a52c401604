import { narrow, type Tensor } from "@tessera/tensor";
import { EncoderEmbeddings } from "../encoder/encoder-embeddings.ts";
import type { EncoderInit } from "../encoder/encoder-init.ts";

/**
 * Embeddings whose positions are 0, 1, 2, …, on padding too.
 *
 * Shape: `[batch, tokens]` → `[batch, tokens, hidden]`.
 */
export class BertEmbeddings extends EncoderEmbeddings {
  constructor(make: EncoderInit) {
    const { maxPositionEmbeddings: maxTokens } = make.config;
    super(make, { architecture: "BertModel", maxTokens, formula: "maxPositionEmbeddings" });
  }

  /** The first rows, the same for every text. */
  protected override positionsOf(inputIds: Tensor): Tensor {
    return narrow(this.position_embeddings.weight, 0, 0, inputIds.size(1));
  }
}
