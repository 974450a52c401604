import type { Refuse } from "../../config/labels.ts";
import { flag, oneOf, orNull, positiveNumber, probability, wholeNumber, type ValuesOf } from "../../config/option.ts";
import { PROBLEM_TYPES } from "../../tasks/sequence-classification.ts";
import { HIDDEN_ACTIVATIONS } from "../hidden-activation.ts";

/** Deeper than any encoder; each layer is a dozen of objects, whatever its width. */
export const MAX_LAYERS = 1000;

/** The options of an encoder, with BERT's defaults: an architecture spreads them and overrides its own. */
export const encoderOptions = {
  /** Rows of the word embeddings. */
  vocabSize: wholeNumber(1, 30522),
  hiddenSize: wholeNumber(1, 768),
  numHiddenLayers: wholeNumber(0, 12, MAX_LAYERS),
  /** Divides `hiddenSize`. */
  numAttentionHeads: wholeNumber(1, 12),
  /** Width of the feed-forward layers. */
  intermediateSize: wholeNumber(1, 3072),
  hiddenAct: oneOf(HIDDEN_ACTIVATIONS, "gelu"),
  hiddenDropoutProb: probability(0.1),
  attentionProbsDropoutProb: probability(0.1),
  /** Dropout before the classifier; `null` is `hiddenDropoutProb`. */
  classifierDropout: orNull(probability(0)),
  /** Rows of the position embeddings. */
  maxPositionEmbeddings: wholeNumber(1, 512),
  typeVocabSize: wholeNumber(1, 2),
  /** Standard deviation of the initial weights. */
  initializerRange: positiveNumber(0.02),
  layerNormEps: positiveNumber(1e-12),
  padTokenId: wholeNumber(0, 0),
  /** Whether the masked-LM head reads its weight from the word embeddings. */
  tieWordEmbeddings: flag(true),
  /** Which loss the classifier has; by default it follows from the number of labels and the labels' dtype. */
  problemType: { ...orNull(oneOf(PROBLEM_TYPES, "regression")), leftOutWhenNull: true },
};

/** What the parts of an encoder read from a configuration. */
export type EncoderConfig = ValuesOf<typeof encoderOptions>;

/** What the options of any encoder must have in common. */
export const checkEncoder = (
  { hiddenSize, numAttentionHeads, padTokenId, vocabSize }: EncoderConfig,
  refuse: Refuse,
): void => {
  if (hiddenSize % numAttentionHeads !== 0)
    refuse("hiddenSize", `a multiple of numAttentionHeads (${numAttentionHeads})`, hiddenSize);
  if (padTokenId >= vocabSize) refuse("padTokenId", `below vocabSize (${vocabSize})`, padTokenId);
};

/** Embeddings and linear layers, without biases and norms. */
export const encoderParameters = (config: EncoderConfig): number => {
  const { vocabSize, maxPositionEmbeddings, typeVocabSize, hiddenSize, intermediateSize, numHiddenLayers } = config;
  const layer = 4 * hiddenSize ** 2 + 2 * hiddenSize * intermediateSize;
  return (vocabSize + maxPositionEmbeddings + typeVocabSize) * hiddenSize + numHiddenLayers * layer;
};

/** Features of Hugging Face's encoders that these do not have. */
export const encoderLimits = {
  unsupported: {
    position_embedding_type: (value: unknown) => value === "absolute",
    is_decoder: (value: unknown) => value === false,
    add_cross_attention: (value: unknown) => value === false,
  },
  supported: "encoders with absolute positions",
};
