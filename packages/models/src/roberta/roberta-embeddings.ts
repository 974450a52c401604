import { Dropout, Module, type Embedding, type LayerNorm } from "@tessera/nn";
import { add, cast, cumsum, mul, ne, scope, select, ShapeError, showShape, type Tensor } from "@tessera/tensor";
import type { RobertaInit } from "./roberta-init.ts";

/** Tokens as numbers. All `[batch, tokens]`, int32. */
export interface RobertaTokens {
  inputIds: Tensor;
  /** Default: all of type 0. */
  tokenTypeIds?: Tensor | undefined;
  /** Default: `padTokenId` on padding, and counted from `padTokenId + 1` elsewhere. */
  positionIds?: Tensor | undefined;
}

/**
 * `LayerNorm(word[id] + position[p] + type[t])`, then dropout.
 *
 * Shape: `[batch, tokens]` → `[batch, tokens, hidden]`.
 */
export class RobertaEmbeddings extends Module {
  readonly word_embeddings: Embedding; // [vocab, hidden]
  readonly position_embeddings: Embedding; // [positions, hidden]
  readonly token_type_embeddings: Embedding; // [types, hidden]
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;
  private readonly padTokenId: number;
  private readonly maxTokens: number;

  constructor(make: RobertaInit) {
    super();
    const { vocabSize, maxPositionEmbeddings, typeVocabSize, hiddenDropoutProb, padTokenId } = make.config;
    this.padTokenId = padTokenId;
    this.maxTokens = maxPositionEmbeddings - padTokenId - 1;
    this.word_embeddings = make.embedding(vocabSize, { paddingIdx: padTokenId });
    this.position_embeddings = make.embedding(maxPositionEmbeddings, { paddingIdx: padTokenId });
    this.token_type_embeddings = make.embedding(typeVocabSize);
    this.LayerNorm = make.layerNorm();
    this.dropout = new Dropout(hiddenDropoutProb);
  }

  /** @throws ShapeError when `inputIds` is not `[batch, tokens]`, or has more tokens than there are positions. */
  forward({ inputIds, tokenTypeIds, positionIds }: RobertaTokens): Tensor {
    const [, tokens = 0] = inputIds.shape;
    if (inputIds.ndim !== 2)
      throw new ShapeError(
        `RobertaModel: expected inputIds [batch, tokens], got ${showShape(inputIds.shape)}; unsqueeze(ids, 0)?`,
      );
    if (!positionIds && tokens > this.maxTokens)
      throw new ShapeError(
        `RobertaModel: expected at most ${this.maxTokens} tokens (maxPositionEmbeddings − padTokenId − 1), got ${tokens}; truncate the text`,
      );
    const word = this.word_embeddings.forward(inputIds);
    const position = this.position_embeddings.forward(positionIds ?? countPositions(inputIds, this.padTokenId));
    // Without ids every token has type 0: one row, broadcast.
    const type = tokenTypeIds
      ? this.token_type_embeddings.forward(tokenTypeIds)
      : select(this.token_type_embeddings.weight, 0, 0);
    return this.dropout.forward(this.LayerNorm.forward(add(add(word, position), type)));
  }
}

/** p = pad + (number of tokens up to here that are not padding), and pad on padding itself, as fairseq counts. */
const countPositions = (inputIds: Tensor, pad: number): Tensor =>
  scope(() => {
    const isToken = cast(ne(inputIds, pad), "int32");
    return add(mul(cumsum(isToken, 1), isToken), pad);
  });
