import { Dropout, Module, type Embedding, type LayerNorm } from "@tessera/nn";
import { add, select, ShapeError, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { TextTokens } from "../../tasks/text-inputs.ts";
import type { EncoderInit } from "./encoder-init.ts";

/** How many tokens an architecture has positions for, and how an error explains that. */
export interface PositionLimit {
  /** The class without a head, for messages. */
  readonly architecture: string;
  readonly maxTokens: number;
  /** The number, in terms of the configuration. */
  readonly formula: string;
  /** The row of the positions that belongs to padding and is not trained, where there is one. */
  readonly paddingIdx?: number;
}

/**
 * `LayerNorm(word[id] + position[p] + type[t])`, then dropout. An architecture says how positions are counted.
 *
 * Shape: `[batch, tokens]` → `[batch, tokens, hidden]`.
 */
export abstract class EncoderEmbeddings extends Module {
  readonly word_embeddings: Embedding; // [vocab, hidden]
  readonly position_embeddings: Embedding; // [positions, hidden]
  readonly token_type_embeddings: Embedding; // [types, hidden]
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;
  private readonly limit: PositionLimit;

  constructor(make: EncoderInit, limit: PositionLimit) {
    super();
    const { vocabSize, maxPositionEmbeddings, typeVocabSize, hiddenDropoutProb, padTokenId } = make.config;
    const { paddingIdx } = limit;
    this.limit = limit;
    this.word_embeddings = make.embedding(vocabSize, { paddingIdx: padTokenId });
    this.position_embeddings = make.positions(maxPositionEmbeddings, paddingIdx === undefined ? {} : { paddingIdx });
    this.token_type_embeddings = make.embedding(typeVocabSize);
    this.LayerNorm = make.layerNorm();
    this.dropout = new Dropout(hiddenDropoutProb);
  }

  /** The rows of the positions of tokens that come without. Shape: `[batch, tokens]` → stretches to `[batch, tokens, hidden]`. */
  protected abstract positionsOf(inputIds: Tensor): Tensor;

  /** @throws ShapeError when `inputIds` is not `[batch, tokens]`, or has more tokens than there are positions. */
  forward({ inputIds, tokenTypeIds, positionIds }: TextTokens): Tensor {
    const [, tokens = 0] = inputIds.shape;
    const { architecture, maxTokens, formula } = this.limit;
    if (inputIds.ndim !== 2)
      throw new ShapeError(
        `${architecture}: expected inputIds [batch, tokens], got ${showShape(inputIds.shape)}; unsqueeze(ids, 0)?`,
      );
    if (!positionIds && tokens > maxTokens)
      throw new ShapeError(
        `${architecture}: expected at most ${maxTokens} tokens (${formula}), got ${tokens}; truncate the text`,
      );
    const word = this.word_embeddings.forward(inputIds);
    const position = positionIds ? this.position_embeddings.forward(positionIds) : this.positionsOf(inputIds);
    // Without ids every token has type 0: one row, broadcast.
    const type = tokenTypeIds
      ? this.token_type_embeddings.forward(tokenTypeIds)
      : select(this.token_type_embeddings.weight, 0, 0);
    return this.dropout.forward(this.LayerNorm.forward(add(add(word, position), type)));
  }
}
