import { ne, ShapeError, unsqueeze, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";

/** Tokens as numbers. All `[batch, tokens]`, int32. */
export interface TextTokens {
  inputIds: Tensor;
  /** Default: all of type 0. */
  tokenTypeIds?: Tensor | undefined;
  /** Default: counted as the architecture counts. */
  positionIds?: Tensor | undefined;
}

/** What every model that reads texts is given. */
export interface TextInputs extends TextTokens {
  /** 1 or true on tokens, 0 on padding. Shape: `[batch, tokens]`. Default: nothing is padding. */
  attentionMask?: Tensor | undefined;
  /**
   * Saves the time of padding in attention: the states of padding then differ from Hugging Face's, those of tokens do not. For
   * losses that look at tokens alone, as the batches for a `Trainer` do.
   */
  skipPaddedQueries?: boolean | undefined;
  /** Asks for the embeddings and the output of every layer. */
  outputHiddenStates?: boolean | undefined;
}

/** What a model without a head makes of a text. */
export interface TextFeatures {
  /** Shape: `[batch, tokens, hidden]`. */
  lastHiddenState: Tensor;
  /** A summary of the text, `tanh(W h₀ + b)` of the first token; with a pooling layer. Shape: `[batch, hidden]`. */
  poolerOutput?: Tensor;
  /** The embeddings, then the output of each layer; when asked for. */
  hiddenStates?: Tensor[];
}

/**
 * A mask of tokens as attention takes it: `[batch, tokens]` as bool `[batch, 1, 1, tokens]`, so that no token looks at padding.
 *
 * @param architecture the class that asks, for the message
 * @throws ShapeError when its shape is not the ids'
 */
export const attentionMaskOf = ({ inputIds, attentionMask }: TextInputs, architecture: string): Tensor | null => {
  if (!attentionMask) return null;
  if (showShape(attentionMask.shape) !== showShape(inputIds.shape))
    throw new ShapeError(
      `${architecture}: expected an attentionMask ${showShape(inputIds.shape)} as inputIds, got ${showShape(attentionMask.shape)}`,
    );
  const bool = attentionMask.dtype === "bool" ? attentionMask : ne(attentionMask, 0);
  return unsqueeze(unsqueeze(bool, 1), 1);
};
