import type { LabelOptions } from "../../config/labels.ts";
import {
  flag,
  oneOf,
  orNull,
  positiveNumber,
  probability,
  tokenIds,
  wholeNumber,
  type OptionsOf,
} from "../../config/option.ts";
import { describeConfig } from "../../config/pre-trained-config.ts";
import { MAX_LAYERS } from "../encoder/encoder-config.ts";
import { HIDDEN_ACTIVATIONS } from "../hidden-activation.ts";

const options = {
  /** Rows of the word embeddings. */
  vocabSize: wholeNumber(1, 50257),
  /** Rows of the position embeddings: the longest text. */
  nPositions: wholeNumber(1, 1024),
  /** Size of the hidden states. */
  nEmbd: wholeNumber(1, 768),
  nLayer: wholeNumber(0, 12, MAX_LAYERS),
  /** Divides `nEmbd`. */
  nHead: wholeNumber(1, 12),
  /** Width of the feed-forward layers; `null` is 4 · nEmbd. */
  nInner: orNull(wholeNumber(1, 1)),
  activationFunction: oneOf(HIDDEN_ACTIVATIONS, "gelu_new"),
  /** Dropout of what a layer adds to the residual. */
  residPdrop: probability(0.1),
  embdPdrop: probability(0.1),
  attnPdrop: probability(0.1),
  layerNormEpsilon: positiveNumber(1e-5),
  /** Standard deviation of the initial weights. */
  initializerRange: positiveNumber(0.02),
  /** Whether scores are divided by √d. */
  scaleAttnWeights: flag(true),
  /** Whether they are divided by the number of the layer, from 1, too. */
  scaleAttnByInverseLayerIdx: flag(false),
  bosTokenId: tokenIds(50256),
  /** Ends a generation. */
  eosTokenId: tokenIds(50256),
  padTokenId: tokenIds(null),
  /** Whether the head reads its weight from the word embeddings. */
  tieWordEmbeddings: flag(true),
};

/** Everything that shapes a GPT-2; what is left out has Hugging Face's default. */
export interface GPT2ConfigOptions extends OptionsOf<typeof options>, LabelOptions {}

/**
 * The sizes and choices of a GPT-2, with Hugging Face's names in camelCase and their defaults.
 *
 * `fromJSON` and `toJSON` are Hugging Face's `config.json`; keys that mean nothing here are kept in `extra` and written back.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/gpt2#transformers.GPT2Config GPT2Config}.
 *
 * @throws ArgumentError naming the option that is outside its domain
 * @example
 * const config = new GPT2Config({ vocabSize: 4096, nEmbd: 128, nLayer: 2, nHead: 4, nPositions: 256 });
 * GPT2Config.fromJSON(config.toJSON()).nEmbd; // 128
 */
export class GPT2Config extends describeConfig({
  name: "GPT2Config",
  architecture: "GPT-2",
  modelTypes: ["gpt2"],
  options,
  unsupported: { add_cross_attention: (value: unknown) => value === false },
  supported: "decoders without an encoder",
  check: ({ nEmbd, nHead }, refuse) => {
    if (nEmbd % nHead !== 0) refuse("nEmbd", `a multiple of nHead (${nHead})`, nEmbd);
  },
  minParameters: ({ vocabSize, nPositions, nEmbd, nInner, nLayer }) =>
    (vocabSize + nPositions) * nEmbd + nLayer * (4 * nEmbd ** 2 + 2 * nEmbd * (nInner ?? 4 * nEmbd)),
}) {}
