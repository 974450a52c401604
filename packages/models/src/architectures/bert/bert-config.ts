import type { LabelOptions } from "../../config/labels.ts";
import type { OptionsOf } from "../../config/option.ts";
import { describeConfig } from "../../config/pre-trained-config.ts";
import { checkEncoder, encoderLimits, encoderOptions, encoderParameters } from "../encoder/encoder-config.ts";

/** Everything that shapes a BERT; what is left out has Hugging Face's default. */
export interface BertConfigOptions extends OptionsOf<typeof encoderOptions>, LabelOptions {}

/**
 * The sizes and choices of a BERT, with Hugging Face's names in camelCase and their defaults.
 *
 * `fromJSON` and `toJSON` are Hugging Face's `config.json`; keys that mean nothing here are kept in `extra` and written back.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/bert#transformers.BertConfig BertConfig}.
 *
 * @throws ArgumentError naming the option that is outside its domain
 * @example
 * const config = new BertConfig({ vocabSize: 4096, hiddenSize: 128, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 512 });
 * BertConfig.fromJSON(config.toJSON()).typeVocabSize; // 2
 */
export class BertConfig extends describeConfig({
  name: "BertConfig",
  architecture: "BERT",
  modelTypes: ["bert"],
  options: encoderOptions,
  ...encoderLimits,
  check: checkEncoder,
  minParameters: encoderParameters,
}) {}
