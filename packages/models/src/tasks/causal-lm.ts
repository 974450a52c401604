import type { KeyValueCache } from "@tessera/nn";
import {
  ArgumentError,
  crossEntropy,
  narrow,
  ne,
  pad,
  reshape,
  ShapeError,
  unsqueeze,
  type Tensor,
} from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";

/** What a decoder is given: tokens from left to right. */
export interface DecoderInputs {
  /** Tokens as numbers; with a cache, the new ones alone. Shape: `[batch, tokens]`, int32. */
  inputIds: Tensor;
  /** 1 or true on tokens, 0 on padding, those in the cache too. Shape: `[batch, cached + tokens]`. Default: nothing is padding. */
  attentionMask?: Tensor | undefined;
  /** Default: they count up, from the cache's length. Shape: `[batch, tokens]`, int32. */
  positionIds?: Tensor | undefined;
  /** One a layer, from the model's `newCache()`: tokens before are not computed again. */
  cache?: readonly KeyValueCache[] | undefined;
  /** Asks for the embeddings and the output of every layer; the last one is normalised. */
  outputHiddenStates?: boolean | undefined;
}

/** What a decoder without a head makes of tokens. */
export interface DecoderFeatures {
  /** Shape: `[batch, tokens, hidden]`. */
  lastHiddenState: Tensor;
  hiddenStates?: Tensor[];
}

export interface CausalLMInputs extends DecoderInputs {
  /**
   * The tokens themselves, −100 where the loss does not look: the model shifts them, so that each position is asked for the next
   * token. Shape: `[batch, tokens]`, int32.
   */
  labels?: Tensor | undefined;
  /** Logits of the last tokens alone, so many: 1 is what generation needs. Not beside labels. Default: of all. */
  logitsToKeep?: number | undefined;
}

export interface CausalLMOutput {
  /** The mean cross-entropy of the next tokens, in nats; when there are labels. */
  loss?: Tensor;
  /** Of the next token, after each position. Shape: `[batch, tokens, vocab]`. */
  logits: Tensor;
  hiddenStates?: Tensor[];
}

/** The two halves of a causal language model. */
export interface CausalLMParts {
  /** The class that asks, for messages. */
  readonly architecture: string;
  readonly features: (inputs: DecoderInputs) => DecoderFeatures;
  /** Shape: `[…, hidden]` → `[…, vocab]`. */
  readonly head: (x: Tensor) => Tensor;
}

/**
 * Logits and loss of a causal language model.
 *
 * @throws ShapeError when the labels' shape is not the tokens'
 */
export const causalLM = ({ architecture, features, head }: CausalLMParts, inputs: CausalLMInputs): CausalLMOutput => {
  const { labels, logitsToKeep } = inputs;
  if (labels && logitsToKeep !== undefined)
    throw new ArgumentError(`${architecture}: expected labels or logitsToKeep, got both; the loss reads all logits`);
  const { lastHiddenState, hiddenStates } = features(inputs);
  const tokens = lastHiddenState.size(1);
  const kept = Math.min(logitsToKeep ?? tokens, tokens);
  const logits = head(kept < tokens ? narrow(lastHiddenState, 1, tokens - kept, kept) : lastHiddenState);
  return {
    ...(labels ? { loss: nextTokenLoss(logits, labels, architecture) } : {}),
    logits,
    ...(hiddenStates ? { hiddenStates } : {}),
  };
};

/**
 * The mean cross-entropy of the next tokens: of the logits at t and the label at t + 1.
 *
 * @param architecture whoever asks, for the message
 * @throws ShapeError when the labels' shape is not `[batch, tokens]`
 */
export const nextTokenLoss = (logits: Tensor, labels: Tensor, architecture = "nextTokenLoss"): Tensor => {
  const wanted = logits.shape.slice(0, 2);
  if (showShape(labels.shape) !== showShape(wanted))
    throw new ShapeError(
      `${architecture}: expected labels ${showShape(wanted)} as inputIds, got ${showShape(labels.shape)}; the model shifts them itself`,
    );
  // The labels move instead of the logits, which are large: after the last token comes none.
  const next = pad(narrow(labels, 1, 1, labels.size(1) - 1), [0, 1], -100);
  return crossEntropy(reshape(logits, [-1, logits.size(2)]), reshape(next, [-1]));
};

/** How many tokens a cache holds, after a check that it is one of the model's. */
export const cachedTokens = (
  cache: readonly KeyValueCache[] | undefined,
  layers: number,
  architecture: string,
): number => {
  if (!cache) return 0;
  if (cache.length !== layers)
    throw new ArgumentError(
      `${architecture}: expected a cache for each of ${layers} layers, got ${cache.length}; newCache() makes them`,
    );
  return cache[0]?.length ?? 0;
};

/**
 * A mask of tokens as attention takes it: `[batch, cached + tokens]` as bool `[batch, 1, 1, cached + tokens]`.
 *
 * @throws ShapeError when it has another shape
 */
export const keyMaskOf = (
  { inputIds, attentionMask }: DecoderInputs,
  past: number,
  architecture: string,
): Tensor | null => {
  if (!attentionMask) return null;
  const wanted = [inputIds.size(0), past + inputIds.size(1)];
  if (showShape(attentionMask.shape) !== showShape(wanted))
    throw new ShapeError(
      `${architecture}: expected an attentionMask ${showShape(wanted)} for all tokens, cached ones too, got ${showShape(attentionMask.shape)}`,
    );
  return unsqueeze(unsqueeze(attentionMask.dtype === "bool" ? attentionMask : ne(attentionMask, 0), 1), 1);
};
