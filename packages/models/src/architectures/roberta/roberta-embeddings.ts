import { add, cast, cumsum, mul, ne, scope, type Tensor } from "@tessera/tensor";
import { EncoderEmbeddings } from "../encoder/encoder-embeddings.ts";
import type { EncoderInit } from "../encoder/encoder-init.ts";

/**
 * Embeddings whose positions are counted from `padTokenId + 1`, and are `padTokenId` on padding.
 *
 * Shape: `[batch, tokens]` → `[batch, tokens, hidden]`.
 */
export class RobertaEmbeddings extends EncoderEmbeddings {
  private readonly padTokenId: number;

  constructor(make: EncoderInit) {
    const { maxPositionEmbeddings, padTokenId } = make.config;
    super(make, {
      architecture: "RobertaModel",
      maxTokens: maxPositionEmbeddings - padTokenId - 1,
      formula: "maxPositionEmbeddings − padTokenId − 1",
      paddingIdx: padTokenId,
    });
    this.padTokenId = padTokenId;
  }

  protected override positionsOf(inputIds: Tensor): Tensor {
    return this.position_embeddings.forward(countPositions(inputIds, this.padTokenId));
  }
}

/** p = pad + (number of tokens up to here that are not padding), and pad on padding itself, as fairseq counts. */
const countPositions = (inputIds: Tensor, pad: number): Tensor =>
  scope(() => {
    const isToken = cast(ne(inputIds, pad), "int32");
    return add(mul(cumsum(isToken, 1), isToken), pad);
  });
