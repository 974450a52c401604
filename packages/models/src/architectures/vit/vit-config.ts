import type { LabelOptions } from "../../config/labels.ts";
import { flag, oneOf, orNull, positiveNumber, probability, wholeNumber, type OptionsOf } from "../../config/option.ts";
import { describeConfig } from "../../config/pre-trained-config.ts";
import { PROBLEM_TYPES } from "../../tasks/sequence-classification.ts";
import { MAX_LAYERS } from "../encoder/encoder-config.ts";
import { HIDDEN_ACTIVATIONS } from "../hidden-activation.ts";

const options = {
  hiddenSize: wholeNumber(1, 768),
  numHiddenLayers: wholeNumber(0, 12, MAX_LAYERS),
  /** Divides `hiddenSize`. */
  numAttentionHeads: wholeNumber(1, 12),
  /** Width of the feed-forward layers. */
  intermediateSize: wholeNumber(1, 3072),
  hiddenAct: oneOf(HIDDEN_ACTIVATIONS, "gelu"),
  hiddenDropoutProb: probability(0),
  attentionProbsDropoutProb: probability(0),
  /** Standard deviation of the initial weights. */
  initializerRange: positiveNumber(0.02),
  layerNormEps: positiveNumber(1e-12),
  /** Height and width of the images, in pixels; a multiple of `patchSize`. */
  imageSize: wholeNumber(1, 224),
  /** Height and width of a patch, in pixels. */
  patchSize: wholeNumber(1, 16),
  numChannels: wholeNumber(1, 3),
  /** Whether the projections of the attention have a bias. */
  qkvBias: flag(true),
  /** Which loss the classifier has; by default it follows from the number of labels and the labels' dtype. */
  problemType: { ...orNull(oneOf(PROBLEM_TYPES, "regression")), leftOutWhenNull: true },
};

/** Everything that shapes a ViT; what is left out has Hugging Face's default. */
export interface ViTConfigOptions extends OptionsOf<typeof options>, LabelOptions {}

/**
 * The sizes and choices of a vision transformer, with Hugging Face's names in camelCase and their defaults.
 *
 * `fromJSON` and `toJSON` are Hugging Face's `config.json`; keys that mean nothing here are kept in `extra` and written back.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/vit#transformers.ViTConfig ViTConfig}.
 *
 * @throws ArgumentError naming the option that is outside its domain
 * @example
 * const config = new ViTConfig({ imageSize: 32, patchSize: 4, hiddenSize: 64, numHiddenLayers: 4, numAttentionHeads: 4, intermediateSize: 128 });
 * ViTConfig.fromJSON(config.toJSON()).patchSize; // 4
 */
export class ViTConfig extends describeConfig({
  name: "ViTConfig",
  architecture: "ViT",
  modelTypes: ["vit"],
  options,
  unsupported: { pooler_act: (value: unknown) => value === "tanh" },
  supported: "poolers with tanh",
  check: ({ hiddenSize, numAttentionHeads, imageSize, patchSize }, refuse) => {
    if (hiddenSize % numAttentionHeads !== 0)
      refuse("hiddenSize", `a multiple of numAttentionHeads (${numAttentionHeads})`, hiddenSize);
    if (imageSize % patchSize !== 0) refuse("imageSize", `a multiple of patchSize (${patchSize})`, imageSize);
  },
  minParameters: ({ hiddenSize, intermediateSize, numHiddenLayers, imageSize, patchSize, numChannels }) =>
    hiddenSize * ((imageSize / patchSize) ** 2 + numChannels * patchSize ** 2) +
    numHiddenLayers * (4 * hiddenSize ** 2 + 2 * hiddenSize * intermediateSize),
}) {}
