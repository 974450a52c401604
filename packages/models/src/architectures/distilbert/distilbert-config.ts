import type { LabelOptions } from "../../config/labels.ts";
import { flag, oneOf, orNull, positiveNumber, probability, wholeNumber, type OptionsOf } from "../../config/option.ts";
import { describeConfig } from "../../config/pre-trained-config.ts";
import { PROBLEM_TYPES } from "../../tasks/sequence-classification.ts";
import { MAX_LAYERS } from "../encoder/encoder-config.ts";
import { HIDDEN_ACTIVATIONS } from "../hidden-activation.ts";

const options = {
  /** Rows of the word embeddings. */
  vocabSize: wholeNumber(1, 30522),
  /** Rows of the position embeddings. */
  maxPositionEmbeddings: wholeNumber(1, 512),
  nLayers: wholeNumber(0, 6, MAX_LAYERS),
  /** Divides `dim`. */
  nHeads: wholeNumber(1, 12),
  /** Size of the hidden states. */
  dim: wholeNumber(1, 768),
  /** Width of the feed-forward layers. */
  hiddenDim: wholeNumber(1, 3072),
  dropout: probability(0.1),
  attentionDropout: probability(0.1),
  activation: oneOf(HIDDEN_ACTIVATIONS, "gelu"),
  /** Standard deviation of the initial weights. */
  initializerRange: positiveNumber(0.02),
  /** Dropout before the head for question answering. */
  qaDropout: probability(0.1),
  /** Dropout before the classifier of texts. */
  seqClassifDropout: probability(0.2),
  padTokenId: wholeNumber(0, 0),
  /** Whether the masked-LM head reads its weight from the word embeddings. */
  tieWordEmbeddings: flag(true),
  /** Which loss the classifier has; by default it follows from the number of labels and the labels' dtype. */
  problemType: { ...orNull(oneOf(PROBLEM_TYPES, "regression")), leftOutWhenNull: true },
};

/** Everything that shapes a DistilBERT; what is left out has Hugging Face's default. */
export interface DistilBertConfigOptions extends OptionsOf<typeof options>, LabelOptions {}

/**
 * The sizes and choices of a DistilBERT, with Hugging Face's names in camelCase and their defaults.
 *
 * `fromJSON` and `toJSON` are Hugging Face's `config.json`; keys that mean nothing here are kept in `extra` and written back.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/distilbert#transformers.DistilBertConfig DistilBertConfig}.
 *
 * @throws ArgumentError naming the option that is outside its domain
 * @example
 * const config = new DistilBertConfig({ vocabSize: 4096, dim: 128, nLayers: 2, nHeads: 4, hiddenDim: 512 });
 * DistilBertConfig.fromJSON(config.toJSON()).qaDropout; // 0.1
 */
export class DistilBertConfig extends describeConfig({
  name: "DistilBertConfig",
  architecture: "DistilBERT",
  modelTypes: ["distilbert"],
  options,
  unsupported: { sinusoidal_pos_embds: (value: unknown) => value === false },
  supported: "learned positions",
  check: ({ dim, nHeads, padTokenId, vocabSize }, refuse) => {
    if (dim % nHeads !== 0) refuse("dim", `a multiple of nHeads (${nHeads})`, dim);
    if (padTokenId >= vocabSize) refuse("padTokenId", `below vocabSize (${vocabSize})`, padTokenId);
  },
  minParameters: ({ vocabSize, maxPositionEmbeddings, dim, hiddenDim, nLayers }) =>
    (vocabSize + maxPositionEmbeddings) * dim + nLayers * (4 * dim ** 2 + 2 * dim * hiddenDim),
}) {}
