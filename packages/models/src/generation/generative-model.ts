import type { KeyValueCache, Module } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";

/** What a model is given that generates without a cache: whole texts of one length. */
export interface PlainInputs {
  /** Shape: `[batch, tokens]`, int32. */
  readonly inputIds: Tensor;
}

/** What a model is given that generates with a cache, as `CausalLMInputs`. */
export interface CachedInputs extends PlainInputs {
  readonly cache?: readonly KeyValueCache[] | undefined;
  /** bool `[batch, cached + tokens]`, false on padding, which is on the left. */
  readonly attentionMask?: Tensor | undefined;
  /** `[batch, tokens]`, int32, beside a mask. */
  readonly positionIds?: Tensor | undefined;
  readonly logitsToKeep?: number | undefined;
}

interface WithLogits {
  /** Of the next token after each position. Shape: `[batch, tokens, vocab]`. */
  readonly logits: Tensor;
}

/** Tokens that mean something, where a configuration has them. */
interface SpecialTokens {
  // `object &`: a configuration without that option is one too, which an object type of optional members alone would refuse.
  readonly config?: object & { readonly eosTokenId?: number | readonly number[] | null };
}

/**
 * Whatever predicts the next token. A module with a `forward` from ids to logits is enough. One with `newCache`, as GPT-2 and Llama here, is
 * given the new tokens alone. Texts of several lengths are continued in groups of one length, unless the model says with `leftPadding`
 * that its `forward` heeds `attentionMask` and `positionIds`: then they come together, with padding on their left.
 */
export type GenerativeModel = Module &
  SpecialTokens &
  (
    | { forward(inputs: PlainInputs): WithLogits; newCache?: undefined; leftPadding?: false | undefined }
    | { forward(inputs: CachedInputs): WithLogits; newCache(): KeyValueCache[]; leftPadding?: boolean | undefined }
  );
