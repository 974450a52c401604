import type { LabelOptions } from "../../config/labels.ts";
import {
  flag,
  objectOrNull,
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
import { ropeFault } from "./rope-parameters.ts";

const options = {
  /** Rows of the word embeddings. */
  vocabSize: wholeNumber(1, 32000),
  hiddenSize: wholeNumber(1, 4096),
  /** Width of the feed-forward layers. */
  intermediateSize: wholeNumber(1, 11008),
  numHiddenLayers: wholeNumber(0, 32, MAX_LAYERS),
  numAttentionHeads: wholeNumber(1, 32),
  /** Heads of keys and values, each shared by a group of heads of queries; `null` is as many. */
  numKeyValueHeads: orNull(wholeNumber(1, 1)),
  /** Size of a head; `null` is hiddenSize / numAttentionHeads. */
  headDim: orNull(wholeNumber(2, 2)),
  hiddenAct: oneOf(HIDDEN_ACTIVATIONS, "silu"),
  /** The longest text. */
  maxPositionEmbeddings: wholeNumber(1, 2048),
  /** Standard deviation of the initial weights. */
  initializerRange: positiveNumber(0.02),
  rmsNormEps: positiveNumber(1e-6),
  padTokenId: orNull(wholeNumber(0, 0)),
  bosTokenId: tokenIds(1),
  /** Ends a generation. */
  eosTokenId: tokenIds(2),
  /** Whether the head reads its weight from the word embeddings. */
  tieWordEmbeddings: flag(false),
  /** Rotary positions: `rope_theta`, `rope_type` and what that type has. */
  ropeParameters: objectOrNull(),
  /** The same in files of transformers 4. */
  ropeTheta: { ...orNull(positiveNumber(1)), leftOutWhenNull: true },
  ropeScaling: objectOrNull(),
  /** Whether the projections of the attention have a bias. */
  attentionBias: flag(false),
  attentionDropout: probability(0),
  /** Whether the feed-forward layers have a bias. */
  mlpBias: flag(false),
};

/** Everything that shapes a Llama; what is left out has Hugging Face's default. */
export interface LlamaConfigOptions extends OptionsOf<typeof options>, LabelOptions {}

/**
 * The sizes and choices of a Llama, with Hugging Face's names in camelCase and their defaults. Rotary positions of type `default`,
 * `linear` and `llama3` are here.
 *
 * `fromJSON` and `toJSON` are Hugging Face's `config.json`; keys that mean nothing here are kept in `extra` and written back.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/llama#transformers.LlamaConfig LlamaConfig}.
 *
 * @throws ArgumentError naming the option that is outside its domain
 * @example
 * const config = new LlamaConfig({ vocabSize: 4096, hiddenSize: 128, numHiddenLayers: 2, numAttentionHeads: 4, numKeyValueHeads: 2 });
 * LlamaConfig.fromJSON(config.toJSON()).numKeyValueHeads; // 2
 */
export class LlamaConfig extends describeConfig({
  name: "LlamaConfig",
  architecture: "Llama",
  modelTypes: ["llama"],
  options,
  unsupported: {},
  supported: "decoders with rotary positions",
  check: (config, refuse) => {
    const { hiddenSize, numAttentionHeads: heads, numKeyValueHeads, headDim, padTokenId, vocabSize } = config;
    if (headDim === null && hiddenSize % heads !== 0)
      refuse("hiddenSize", `a multiple of numAttentionHeads (${heads})`, hiddenSize);
    if ((headDim ?? hiddenSize / heads) % 2 !== 0) refuse("headDim", "even", headDim ?? hiddenSize / heads);
    if (heads % (numKeyValueHeads ?? heads) !== 0)
      refuse("numKeyValueHeads", `a divisor of numAttentionHeads (${heads})`, numKeyValueHeads);
    if (padTokenId !== null && padTokenId >= vocabSize)
      refuse("padTokenId", `below vocabSize (${vocabSize})`, padTokenId);
    const fault = ropeFault(config);
    if (fault)
      refuse(
        config.ropeParameters ? "ropeParameters" : "ropeScaling",
        fault,
        config.ropeParameters ?? config.ropeScaling,
      );
  },
  minParameters: ({ vocabSize, hiddenSize, intermediateSize, numHiddenLayers }) =>
    vocabSize * hiddenSize + numHiddenLayers * 3 * hiddenSize * intermediateSize,
}) {}
