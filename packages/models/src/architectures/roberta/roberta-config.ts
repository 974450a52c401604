import type { LabelOptions } from "../../config/labels.ts";
import { wholeNumber, type OptionsOf } from "../../config/option.ts";
import { describeConfig } from "../../config/pre-trained-config.ts";
import { checkEncoder, encoderLimits, encoderOptions, encoderParameters } from "../encoder/encoder-config.ts";

const options = {
  ...encoderOptions,
  vocabSize: wholeNumber(1, 50265),
  /** Rows of the position embeddings: the longest text has `padTokenId + 1` tokens less. */
  maxPositionEmbeddings: wholeNumber(1, 512),
  padTokenId: wholeNumber(0, 1),
  bosTokenId: wholeNumber(0, 0),
  eosTokenId: wholeNumber(0, 2),
};

/** Everything that shapes a RoBERTa; what is left out has Hugging Face's default. */
export interface RobertaConfigOptions extends OptionsOf<typeof options>, LabelOptions {}

/**
 * The sizes and choices of a RoBERTa, with Hugging Face's names in camelCase and their defaults.
 *
 * `fromJSON` and `toJSON` are Hugging Face's `config.json`; keys that mean nothing here are kept in `extra` and written back.
 *
 * Source: {@link https://huggingface.co/docs/transformers/model_doc/roberta#transformers.RobertaConfig RobertaConfig}.
 *
 * @throws ArgumentError naming the option that is outside its domain
 * @example
 * const config = new RobertaConfig({ vocabSize: 4096, hiddenSize: 128, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 512 });
 * RobertaConfig.fromJSON(config.toJSON()).hiddenSize; // 128
 */
export class RobertaConfig extends describeConfig({
  name: "RobertaConfig",
  architecture: "RoBERTa",
  modelTypes: ["roberta", "xlm-roberta", "camembert"],
  options,
  ...encoderLimits,
  check: (config, refuse) => {
    checkEncoder(config, refuse);
    const { maxPositionEmbeddings, padTokenId, bosTokenId, eosTokenId, vocabSize } = config;
    for (const [name, id] of Object.entries({ bosTokenId, eosTokenId }))
      if (id >= vocabSize) refuse(name, `below vocabSize (${vocabSize})`, id);
    if (maxPositionEmbeddings < padTokenId + 2)
      refuse("maxPositionEmbeddings", `at least padTokenId + 2 (${padTokenId + 2})`, maxPositionEmbeddings);
  },
  minParameters: encoderParameters,
}) {}
